"""Ask and tell over all compared optimizers of a study."""

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self, assert_never

import optuna
from optuna.trial import TrialState

from benchmark.search.errors import SearchError
from benchmark.search.label import LabelSearch
from benchmark.search.samplers import check_grid, check_installed, make_pruner, make_sampler
from benchmark.search.space import SearchSpace, make_space
from benchmark.search.storage import (
    TrialStore,
    close_storage,
    one_wait,
    one_write,
    open_storage,
    search_names,
)
from benchmark.search.trials import (
    Diagnosis,
    SearchSettings,
    build_trial,
    diagnoses,
    replicates,
)
from benchmark.study.samplers import SAMPLERS
from benchmark.study.schema import Study
from benchmark.trial import Report, Status, Trial, TrialResult, named_seed


class Search:
    """Proposes trials, prunes them and learns from their results.

    One Optuna study for each compared label, named by the label in the journal of a run
    folder and ``<study>/<run>/<label>`` in a database. Labels take turns.
    With L labels, the k-th trial of the label at place i of ``compare`` has the number
    k·L + i, whatever the order in which trials finish.

    The proposal of a trial depends on the study, its seed and the trials told before
    it was asked for, and on no state that a kill could lose. So random,
    quasi-random and grid searches propose the same trials for any number of slots;
    TPE does so for one slot, or where trials end in the same order.

    Args:
        study: the study.
        settings: its resolved objective, loss and metric.
        storage: the run folder, whose ``optuna.journal`` is used, or a database URL.
        run: the name of the run; needed where the storage is a database.
        resume: whether to go on with the trials of that run in the storage.

    Raises:
        SearchError: the storage cannot be reached, holds the run already (without
            ``resume``) or holds other trials (with it); a grid has a dimension
            without end; ``run`` is missing beside a URL.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from benchmark.search import settings_of
        >>> study = Study.model_validate({
        ...     "question": "Which one?", "compare": ["sgd", "adam"],
        ...     "problem": {"dataset": "iris"},
        ...     "search": {"common": {"learning_rate": {"low": 0.01, "high": 1.0, "log": True}}},
        ...     "budget": {"trials": 2},
        ... })
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     search = Search(study, settings_of(study), Path(folder), run="first")
        ...     [(trial.number, trial.label) for trial in iter(search.ask, None)]
        [(0, 'sgd'), (1, 'adam'), (2, 'sgd'), (3, 'adam')]
    """

    def __init__(
        self,
        study: Study,
        settings: SearchSettings,
        storage: str | Path,
        *,
        run: str = "",
        resume: bool = False,
    ) -> None:
        # Every finished trial is a line at level INFO; people see them in the console.
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._study = study
        self._settings = settings
        self._labels = [entry.label for entry in study.compare]
        spaces = [make_space(study.space(x), settings.integers, x) for x in self._labels]
        check_installed(study.budget.sampler)
        if SAMPLERS[study.budget.sampler].is_grid:
            for label, space in zip(self._labels, spaces, strict=True):
                check_grid(space, label)
        # The journal of a run folder holds that run alone: without the run's name in it, a
        # copied or renamed folder can be resumed.
        names = search_names(study, _named(run)) if _is_url(storage) else self._labels
        self._storage = open_storage(storage, can_resume=resume)
        self._ends: list[Callable[[], None]] | None = None
        try:
            self._searches = [
                self._label_search(
                    index,
                    TrialStore(self._storage, storage, name, settings.direction, resume=resume),
                    space,
                )
                for index, (name, space) in enumerate(zip(names, spaces, strict=True))
            ]
        except BaseException:
            self.close()
            raise

    @property
    def totals(self) -> dict[str, int]:
        """How many search trials each label gets: the budget, or fewer where a grid is smaller."""
        return {
            label: search.planned
            for label, search in zip(self._labels, self._searches, strict=True)
        }

    @property
    def spent(self) -> dict[str, int]:
        """The gradient evaluations of each label that has no more left for another trial."""
        labels = zip(self._labels, self._searches, strict=True)
        return {label: search.evaluations for label, search in labels if search.is_spent}

    def _label_search(self, index: int, store: TrialStore, space: SearchSpace) -> LabelSearch:
        budget, seed = self._study.budget, self._study.seed
        planned = budget.trials
        if SAMPLERS[budget.sampler].is_grid or not space.distributions:
            # Beyond that a trial would repeat another one: same settings, same seeds.
            planned = min(planned, space.size)
        return LabelSearch(
            store,
            space,
            self._settings.direction,
            partial(
                make_sampler,
                budget.sampler,
                space,
                study_seed=seed,
                label_index=index,
                trials=planned,
            ),
            make_pruner(
                budget.pruner,
                budget.warmup_epochs,
                self._study.training.epochs,
                budget.pruner_options,
            ),
            planned=planned,
            seed=named_seed(seed, "sampler"),
            starts=self._study.starts(self._labels[index]),
            most_evaluations=budget.gradient_evaluations,
            marks_divergence=SAMPLERS[budget.sampler].marks_divergence,
        )

    def restore(self, finished: Iterable[TrialResult]) -> list[int]:
        """Tell the storage of results that were kept when the process died before telling.

        Trials that are finished in the storage, and replicates, are passed over. A trial that is
        finished in the storage and has no result here, because its record was damaged, is handed
        out again. To be called on a resumed search before the first ``ask``.

        Args:
            finished: the results of the run so far.

        Returns:
            The numbers of the trials that have lost their results.

        Raises:
            SearchError: a result belongs to no trial of the storage, or ``ask`` was called
                before.
        """
        for result in finished:
            end = _state_and_value(result)
            if result.trial.phase == "search" and end is not None:
                index, k = self._place(result.trial.number)
                self._searches[index].restore(k, *end)
                self._searches[index].spend(result.gradient_evaluations)
        count = len(self._searches)
        return sorted(
            k * count + index
            for index, search in enumerate(self._searches)
            for k in search.train_lost_again()
        )

    def ask(self) -> Trial | None:
        """Return the next trial, or nothing when the budget of every label is spent.

        Trials that an earlier process left unfinished come first, with the number and
        the hyperparameters that they had.

        Raises:
            SearchError: the storage fails.
        """
        for search in self._searches:
            search.begin()
        number = self._first_number([s.waiting for s in self._searches])
        if number is not None:
            return self._trial(number, self._searches[self._place(number)[0]].take_waiting())
        number = self._first_number([s.upcoming for s in self._searches])
        if number is None:
            return None
        return self._trial(number, self._searches[self._place(number)[0]].propose(number))

    def position(self, number: int) -> int:
        """Return the position of a trial of the search among those of its label, from 0."""
        return self._place(number)[1]

    def drop(self, label: str) -> None:
        """Ask for no more trials of a label, whether proposed before or not."""
        self._searches[self._labels.index(label)].drop()

    def report(self, report: Report) -> bool:
        """Record the objective after an epoch and say whether to prune the trial.

        The starting point, epochs reported before and non-finite values are not
        recorded; a replicate is never pruned, nor is a trial after its last epoch.

        Args:
            report: of a trial that was asked for and not yet told.

        Raises:
            SearchError: the trial is not running, or the storage fails.
        """
        if self._is_replicate(report.trial_number):
            return False
        index, k = self._running_place(report.trial_number)
        value = report.metrics.get(self._settings.objective)
        if report.epoch == 0 or value is None or not math.isfinite(value):
            return False
        prune = self._searches[index].report(k, report.epoch, float(value))
        is_over = report.status.is_final or report.epoch >= self._study.training.epochs
        return prune and not is_over

    @contextmanager
    def together(self) -> Iterator[None]:
        """Make durable at the end, with one wait for the disk, what is asked and told within.

        The ends of trials reach the storage last of all: a result that is told first and kept
        elsewhere second, within, is in no storage before it is kept.
        """
        self._ends = []
        try:
            with one_wait(self._storage):
                yield
                with one_write(self._storage):
                    for record_end in self._ends:
                        record_end()
        finally:
            self._ends = None

    def tell(self, result: TrialResult) -> None:
        """Record how a trial ended, durably (see :meth:`together`).

        A diverged or failed trial counts as the worst possible, +inf or -inf, so that
        the sampler learns to stay away: both storages keep it, and TPE only ranks. An
        interrupted trial stays unfinished, to be run again by a resumed search.

        Args:
            result: of a trial that was asked for; those of other phases are passed over.

        Raises:
            SearchError: the trial is not running, or the storage fails.
        """
        if result.trial.phase != "search":
            return
        index, k = self._running_place(result.trial.number)
        end = _state_and_value(result)
        if end is None:
            return
        record_end = self._searches[index].finish(k, *end)
        self._searches[index].spend(result.gradient_evaluations)
        if self._ends is None:
            record_end()
        else:
            self._ends.append(record_end)

    def replicates(self, best: Mapping[str, TrialResult]) -> list[Trial]:
        """Return the trials that train the best setting of each label again.

        Args:
            best: the best usable search result of each label; labels without one get none.
        """
        return replicates(self._study, self._settings, best)

    def diagnoses(self, results: Collection[TrialResult]) -> list[Diagnosis]:
        """Return the trials that repeat the best, median and worst one of each label.

        Args:
            results: of the whole search.
        """
        return diagnoses(self._study, self._settings, results)

    def close(self) -> None:
        """Close the connections to the storage; everything told is there already."""
        close_storage(self._storage)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _trial(self, number: int, hyperparameters: Mapping[str, float | int]) -> Trial:
        label = self._labels[self._place(number)[0]]
        return build_trial(self._study, self._settings, label, number, hyperparameters)

    def _first_number(self, indices: list[int | None]) -> int | None:
        numbers = [k * len(indices) + i for i, k in enumerate(indices) if k is not None]
        return min(numbers, default=None)

    def _place(self, number: int) -> tuple[int, int]:
        k, index = divmod(number, len(self._labels))
        return index, k

    def _is_replicate(self, number: int) -> bool:
        return number >= self._study.budget.trials * len(self._labels)

    def _running_place(self, number: int) -> tuple[int, int]:
        index, k = self._place(number)
        if not self._searches[index].is_running(k):
            raise SearchError(
                f"a trial must be asked for before it is reported or told, and told once. "
                f"Received trial {number} of {self._labels[index]}, which is not running."
            )
        return index, k


def _state_and_value(result: TrialResult) -> tuple[TrialState, float | None] | None:
    """How a trial ends in Optuna's storage; None where it stays open, to be trained again."""
    finite = math.isfinite(result.objective)
    match result.status:
        case Status.INTERRUPTED | Status.RUNNING:
            return None
        case Status.PRUNED:
            return TrialState.PRUNED, result.objective if finite else None
        case Status.COMPLETED | Status.CONVERGED if finite:
            return TrialState.COMPLETE, result.objective
        case Status.COMPLETED | Status.CONVERGED | Status.DIVERGED | Status.FAILED:
            return TrialState.COMPLETE, result.trial.worst_objective
        case _:
            assert_never(result.status)


def _is_url(storage: str | Path) -> bool:
    return isinstance(storage, str) and "://" in storage


def _named(run: str) -> str:
    if not run:
        raise SearchError(
            "a search in a database must have the name of its run. Received none. Give `run`."
        )
    return run
