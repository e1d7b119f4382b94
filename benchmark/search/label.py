"""The search of one compared optimizer."""

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import optuna
from optuna.pruners import BasePruner, NopPruner
from optuna.samplers import BaseSampler, RandomSampler
from optuna.storages import InMemoryStorage
from optuna.trial import FrozenTrial, TrialState, create_trial

from benchmark.search import optuna_internals
from benchmark.search.cma_es import GENERATION
from benchmark.search.errors import SearchError
from benchmark.search.samplers import ScrambledSobol, expected_warnings
from benchmark.search.space import SearchSpace
from benchmark.search.storage import TrialStore
from benchmark.trial import Direction


class LabelSearch:
    """Asks, prunes and tells for one label, in memory and in a store.

    Samplers and pruners work on an Optuna study in memory; the store is its durable
    record, from which the study is rebuilt. A trial that was in flight when a process
    died is rebuilt with its parameters alone. It is run again without the epochs of its
    first run, so that it ends as it would have ended.

    Args:
        store: the durable records.
        space: what is searched.
        direction: of the objective.
        make_sampler: the sampler that proposes trial k, fresh for each k.
        pruner: evaluates the reports.
        planned: how many trials this label gets.
        seed: names the study in memory; hyperband draws its brackets from that name,
            which therefore must hold neither the run nor the label.
        starts: the settings of the first trials; what one leaves open the sampler proposes.
        marks_divergence: whether diverged trials get a constraint, by which TPE ranks them.
        most_evaluations: gradient evaluations after which no further trial is proposed.

    Raises:
        SearchError: the store holds trials of another search space or budget.
    """

    def __init__(
        self,
        store: TrialStore,
        space: SearchSpace,
        direction: Direction,
        make_sampler: Callable[[int], BaseSampler],
        pruner: BasePruner,
        *,
        planned: int,
        seed: int,
        starts: Sequence[Mapping[str, Any]] = (),
        marks_divergence: bool = True,
        most_evaluations: int | None = None,
    ) -> None:
        self.space = space
        self.planned = planned
        self._store = store
        self._make_sampler = make_sampler
        self._marks_divergence = marks_divergence
        self._most_evaluations = most_evaluations
        self.evaluations = 0
        """Gradient evaluations of the trials that have ended."""
        self._starts = [space.start(start) for start in starts]
        self._records = store.load()
        self._check_records()
        self._memory = InMemoryStorage()
        # Told with a sampler that has no opinion: GridSampler would stop the study.
        self._no_opinion = RandomSampler(seed=0)
        self._study = optuna.create_study(
            storage=self._memory,
            study_name=str(seed),
            direction=direction,
            sampler=self._no_opinion,
            pruner=pruner,
        )
        self._sobol: ScrambledSobol | None = None
        self._running: dict[int, optuna.Trial] = {}
        self._reported: dict[int, set[int]] = defaultdict(set)
        self._waiting: list[int] = []
        self._restored: set[int] = set()
        self._lost: dict[int, FrozenTrial] = {}
        self._upcoming = len(self._records)
        self._has_begun = False
        self._is_dropped = False

    def _check_records(self) -> None:
        name = self._store.name
        if len(self._records) > self.planned:
            raise SearchError(
                f"a resumed search must have at least the trials it had. Received a budget of "
                f"{self.planned} trials where {name} holds {len(self._records)}. "
                "Resume with the study file of the run."
            )
        for record in self._records:
            if record.distributions != self.space.distributions:
                raise SearchError(
                    f"a resumed search must keep its search space. Received "
                    f"{self.space.distributions} where trial {record.number} of {name} has "
                    f"{record.distributions}. Resume with the study file of the run."
                )

    def restore(self, k: int, state: TrialState, value: float | None) -> None:
        """Tell the store of a trial that ended before a kill and is running there.

        Raises:
            SearchError: the store does not know the trial, or the search goes on already.
        """
        if self._has_begun:
            raise SearchError(
                "finished trials must be restored before the first trial is asked for. "
                f"Received trial {k} of {self._store.name} later. Call restore first."
            )
        if k >= len(self._records):
            raise SearchError(
                f"a resumed run must have its own search storage. Received a result of trial {k} "
                f"where {self._store.name} in the storage holds {len(self._records)} trials. "
                "Resume with the storage that the run was started with."
            )
        if self._records[k].state is TrialState.RUNNING:
            self._store.finish(k, state, value)
            self._records[k].state = state
        self._restored.add(k)

    def train_lost_again(self) -> list[int]:
        """Hand out again the finished trials of the store whose results are not restored.

        The sampler and the pruner know how they ended; only their records are missing. So each
        is trained to the epoch where it ended before, and the store is not written again.

        Returns:
            Their indices.
        """
        self._lost = {
            record.number: record
            for record in self._records
            if record.state.is_finished() and record.number not in self._restored
        }
        return sorted(self._lost)

    def begin(self) -> None:
        """Rebuild the study in memory from the store."""
        if self._has_begun:
            return
        self._has_begun = True
        for record in self._store.load():
            if record.state is TrialState.RUNNING:
                self._study.enqueue_trial(record.params)
                trial = self._study.ask(self.space.distributions)
                for key, value in record.user_attrs.items():
                    trial.set_user_attr(key, value)
                self._running[trial.number] = trial
                self._waiting.append(trial.number)
            else:
                trial_before = _finished(record)
                self._mark_divergence(trial_before, record.value)
                self._study.add_trial(trial_before)
        self._waiting = sorted([*self._waiting, *self._lost])
        self._records = []

    @property
    def waiting(self) -> int | None:
        """The first trial that an earlier process left running, if any."""
        return self._waiting[0] if self._waiting and not self._is_dropped else None

    @property
    def upcoming(self) -> int | None:
        """The next trial to propose; nothing once the budget is spent or the label dropped."""
        is_over = self._is_dropped or self.is_spent or self._upcoming >= self.planned
        return None if is_over else self._upcoming

    @property
    def is_spent(self) -> bool:
        """Whether the trials that have ended used up the gradient evaluations."""
        return self._most_evaluations is not None and self.evaluations >= self._most_evaluations

    def spend(self, evaluations: int) -> None:
        """Count the gradient evaluations of a trial that has ended."""
        self.evaluations += evaluations

    def drop(self) -> None:
        """Propose nothing more, nor what an earlier process left running."""
        self._is_dropped = True

    def take_waiting(self) -> dict[str, float | int]:
        """Hand out the first trial that was left running, with its own parameters."""
        k = self._waiting.pop(0)
        return self._parameters(self._lost[k] if k in self._lost else self._running[k])

    def propose(self, number: int) -> dict[str, float | int]:
        """Propose the upcoming trial and record it.

        Args:
            number: its number in the run, kept in the store for people.
        """
        k = self.upcoming
        if k is None:
            raise SearchError(f"the budget of {self._store.name} is spent")
        sampler = self._study.sampler = self._sampler(k)
        if k < len(self._starts):
            self._study.enqueue_trial(self._starts[k])
            if self._sobol is not None and not self._sobol.draws(self._starts[k]):
                self._sobol.skip(self._study, 1)  # trial k has point k in any case
        with expected_warnings():
            trial = self._study.ask(self.space.distributions)
        self._study.sampler = self._no_opinion
        # What CMA-ES knows of a trial that it proposed, and must know again after a kill.
        generation = getattr(sampler, GENERATION, None)
        notes = {} if generation is None else {GENERATION: generation}
        for key, value in notes.items():
            trial.set_user_attr(key, value)
        self._store.create(trial.params, trial.distributions, number, notes)
        self._running[k] = trial
        self._upcoming += 1
        return self._parameters(trial)

    def _sampler(self, k: int) -> BaseSampler:
        # The Sobol counter lives in the study in memory, so it starts at 0 after a kill.
        if self._sobol is not None:
            return self._sobol
        sampler = self._make_sampler(k)
        if isinstance(sampler, ScrambledSobol):
            self._sobol = sampler
            sampler.skip(self._study, k)
        return sampler

    def _parameters(self, trial: optuna.Trial | FrozenTrial) -> dict[str, float | int]:
        return {**self.space.fixed, **trial.params}

    def is_running(self, k: int) -> bool:
        """Whether the trial was handed out and is not finished."""
        return (k in self._running or k in self._lost) and k not in self._waiting

    def report(self, k: int, epoch: int, value: float) -> bool:
        """Note a finite objective after an epoch; true means: prune.

        An epoch reported before changes nothing and prunes nothing.
        """
        if k in self._lost:
            record = self._lost[k]
            last = max(record.intermediate_values, default=0)
            return record.state is TrialState.PRUNED and epoch >= last
        trial = self._running[k]
        if epoch in self._reported[k]:
            return False
        self._reported[k].add(epoch)
        trial.report(value, epoch)
        self._store.report(k, epoch, value)
        if isinstance(self._study.pruner, NopPruner):
            return False
        before = self._attributes(trial)
        prune = trial.should_prune()
        after = self._attributes(trial)
        # A rung of successive halving is part of what later trials are evaluated by.
        noted = {key: after[key] for key in after if before.get(key) != after[key]}
        self._store.annotate(k, noted)
        return prune

    def _attributes(self, trial: optuna.Trial) -> dict[str, Any]:
        return dict(self._memory.get_trial_system_attrs(optuna_internals.trial_id(trial)))

    def finish(self, k: int, state: TrialState, value: float | None) -> Callable[[], None]:
        """Learn how a running trial ended, and write what was noted of it.

        Returns:
            What records the end itself in the store.
        """
        if self._lost.pop(k, None) is not None:
            return lambda: None
        self._store.write_notes(k)
        trial = self._running.pop(k)
        self._reported.pop(k, None)
        self._mark_divergence(trial, value)
        # Optuna gives a pruned trial its last reported value by itself.
        self._study.tell(trial, None if state is TrialState.PRUNED else value, state=state)
        return partial(self._store.finish, k, state, value)

    def _mark_divergence(self, trial: optuna.Trial | FrozenTrial, value: float | None) -> None:
        if self._marks_divergence:
            _mark_divergence(trial, value)


def _finished(record: FrozenTrial) -> FrozenTrial:
    return create_trial(
        state=record.state,
        value=record.value,
        params=record.params,
        distributions=record.distributions,
        user_attrs=record.user_attrs,
        system_attrs=record.system_attrs,
        intermediate_values=record.intermediate_values,
    )


def _mark_divergence(trial: optuna.Trial | FrozenTrial, value: float | None) -> None:
    """Let TPE rank a diverged trial last of all.

    TPE takes any completed trial for better than a pruned one. Under a strict pruner few
    trials complete, and diverged ones, at ±inf, would count among the good: of 40 proposals
    in the case of our test 33 then diverge, and 8 with the mark. A violated constraint
    ranks behind the pruned ones.
    """
    if value is not None and math.isinf(value):
        trial.set_constraint("diverged", 1.0)
