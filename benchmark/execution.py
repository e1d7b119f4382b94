"""The one loop: fill free slots, advance an epoch, record, prune or finish, tell.

Engine, search, results, tracking and progress are handed in, so that the loop knows
only the plain values of :mod:`benchmark.trial`.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from benchmark.errors import without_numbers
from benchmark.trial import Report, Status, Trial, TrialResult

FIRST = 8
"""How many trials must fail for one reason. Where half of a search space fails, the first eight
all do so in one study of 256."""

Record = tuple[TrialResult, Sequence[Report]]


@dataclass
class _Label:
    """What is known of the first trials of a label.

    ``reasons`` are those of the failed ones. ``works`` once one of them did not fail, or failed
    for another reason.
    """

    reasons: list[str] = field(default_factory=list)
    works: bool = False
    waiting: list[Record] = field(default_factory=list)


class LabelFailures:
    """Decides for each label whether its first trials have all failed for one reason.

    A diverged trial is no failure: other hyperparameters may do better.

    Args:
        position: the position of a trial among those of its label, from its number; the first
            has 0.
    """

    def __init__(self, position: Callable[[int], int]) -> None:
        self._position = position
        self._labels: dict[str, _Label] = {}
        self.stopped: dict[str, str] = {}
        """The reason by label, of those that are to get no more trials."""

    def restore(self, result: TrialResult) -> None:
        """Take note of a trial that an earlier execution has recorded."""
        if self._is_first(result):
            self._note(result)

    def take(self, record: Record) -> list[Record]:
        """Take note of the end of a trial.

        Returns:
            The records to be kept now, in the order of their numbers: this one and those that
            waited for it; none where it has to wait, or where its label is stopped.
        """
        result = record[0]
        label = self._labels.setdefault(result.trial.label, _Label())
        if result.trial.phase != "search" or label.works:
            return [record]
        if result.trial.label in self.stopped:
            return []
        if self._is_first(result):
            self._note(result)
            return [record, *self._released(label)]
        if result.status is Status.FAILED or label.reasons:
            label.waiting.append(record)
            return []
        return [record]

    def _is_first(self, result: TrialResult) -> bool:
        return result.trial.phase == "search" and self._position(result.trial.number) < FIRST

    def _note(self, result: TrialResult) -> None:
        label = self._labels.setdefault(result.trial.label, _Label())
        if result.status is Status.FAILED:
            label.reasons.append(result.reason)
        else:
            label.works = True
        if len(set(map(without_numbers, label.reasons))) > 1:
            label.works = True
        if not label.works and len(label.reasons) == FIRST:
            self.stopped[result.trial.label] = label.reasons[0]
            label.waiting.clear()

    def _released(self, label: _Label) -> list[Record]:
        if not label.works:
            return []
        released = sorted(label.waiting, key=lambda record: record[0].trial.number)
        label.waiting.clear()
        return released


class Engine(Protocol):
    """Trains trials, an epoch of some running ones at a time."""

    @property
    def capacity(self) -> int:
        """How many trials run at once."""

    def start(self, trial: Trial) -> None:
        """Put a trial into a free slot."""

    def advance(self) -> list[Report]:
        """Train one epoch of some running trials; each gets its turn."""

    def stop(self, number: int, status: Status, reason: str) -> TrialResult:
        """Free the slot of a trial."""

    def close(self) -> None:
        """End what computes; nothing can be trained afterwards."""


class Proposer(Protocol):
    """Hands out trials and is told of their results."""

    def ask(self) -> Trial | None:
        """The next trial, or nothing when the budget is spent."""

    def report(self, report: Report) -> bool:
        """Take note of an epoch; true means: prune."""

    def tell(self, result: TrialResult) -> None:
        """Take note of a finished trial, durably."""

    def together(self) -> AbstractContextManager[None]:
        """Make durable at the end, in one step, what is asked and told within."""


class Search(Proposer, Protocol):
    """Proposes trials and learns from their results."""

    def position(self, number: int) -> int:
        """The position of a trial among those of its label; the first has 0."""

    def drop(self, label: str) -> None:
        """Propose no more trials of a label."""


class Writer(Protocol):
    """Keeps finished trials on disk."""

    def append_all(self, records: Sequence[Record]) -> None:
        """Store finished trials, durably."""

    def save_weights(self, number: int, weights: Sequence[Any]) -> None:
        """Keep the weights of a trial."""

    def discard_weights(self, number: int) -> None:
        """Drop the weights of a trial."""


class Observer(Protocol):
    """Is told of every finished trial; must return immediately."""

    def trial_finished(self, result: TrialResult, reports: Sequence[Report]) -> None:
        """A trial is in the results and in the search storage."""


class Watcher(Protocol):
    """Follows trials while they are trained; must return immediately."""

    def trial_started(self, trial: Trial, reports: Sequence[Report]) -> None:
        """A trial is started; its reports will be appended."""


def _tell_nobody(label: str, reason: str) -> None:
    """Nobody wants to know which labels are stopped."""


class Execution:
    """The loop over one engine for one run of a study.

    Args:
        engine: trains the trials.
        search: proposes them.
        writer: keeps the finished ones.
        observers: are told of each finished trial (progress, tracking).
        stop_requested: asked after every epoch; true ends the loop cleanly.
        finished: results of an earlier, interrupted execution of the same run.
        label_stopped: is told the label and the reason where the first trials of a label have
            all failed for one reason, so that it gets no more.
        watchers: are told of each started trial (tracking).
    """

    def __init__(
        self,
        engine: Engine,
        search: Search,
        writer: Writer,
        observers: Sequence[Observer] = (),
        stop_requested: Callable[[], bool] = lambda: False,
        finished: Iterable[TrialResult] = (),
        label_stopped: Callable[[str, str], None] = _tell_nobody,
        watchers: Sequence[Watcher] = (),
    ) -> None:
        self._engine = engine
        self._search = search
        self._writer = writer
        self._observers = observers
        self._watchers = watchers
        self._stop_requested = stop_requested
        self._label_stopped = label_stopped
        self._failures = LabelFailures(search.position)
        self._dropped: set[str] = set()
        self._label_of: dict[int, str] = {}
        self.seconds: dict[str, float] = defaultdict(float)
        """Wall-clock seconds spent in the ``search`` and on the ``log``."""
        self.results: dict[int, TrialResult] = {}
        self.best: dict[str, TrialResult] = {}
        for result in finished:
            self.results[result.trial.number] = result
            self._failures.restore(result)
            if self._is_best(result):
                self.best[result.trial.label] = result

    @property
    def stopped(self) -> Mapping[str, str]:
        """The labels whose first trials have all failed, with the reason."""
        return self._failures.stopped

    def run_search(self) -> bool:
        """Spend the budget of the search; returns whether it was spent to its end."""
        self._announce_stopped(self._drop_stopped({}))
        return self._run(self._search)

    def run_replicates(self, trials: Iterable[Trial]) -> bool:
        """Train the given trials that have no result yet; returns whether all were trained."""
        waiting = (trial for trial in trials if trial.number not in self.results)
        return self._run(_Replicates(waiting))

    def _run(self, search: Proposer) -> bool:
        running: dict[int, list[Report]] = {}
        exhausted = False
        while True:
            reports = self._engine.advance() if running else []
            # One wait for the disk ends trials and begins their successors.
            with self._together(search):
                overtaken = dict(self.best)
                ended = self._take(reports, running, search)
                dropped = self._drop_stopped(running)
                self._store(ended, overtaken)
                is_stopping = self._stop_requested()
                started: list[Trial] = []
                while not is_stopping and not exhausted and self._has_room(running, started):
                    with self._clock("search"):
                        trial = search.ask()
                    exhausted = trial is None
                    started += [] if trial is None else [trial]
            for trial in started:
                running[trial.number] = []
                self._label_of[trial.number] = trial.label
                self._engine.start(trial)
                for watcher in self._watchers:
                    watcher.trial_started(trial, running[trial.number])
            self._announce(ended, overtaken)
            self._announce_stopped(dropped)
            if is_stopping:
                break
            if not running:
                return True
        # Trials in flight are not recorded: a resumed run trains them again from their start.
        for number in running:
            self._engine.stop(number, Status.INTERRUPTED, Status.INTERRUPTED.sentence)
        return False

    def _has_room(self, running: Collection[int], started: Collection[Trial]) -> bool:
        return len(running) + len(started) < self._engine.capacity

    def _take(
        self, reports: Iterable[Report], running: dict[int, list[Report]], search: Proposer
    ) -> list[Record]:
        """Evaluate reports; end the trials that are over, and return those to be kept."""
        ended: list[Record] = []
        for report in reports:
            number = report.trial_number
            running[number].append(report)
            status, reason = report.status, report.reason
            with self._clock("search"):
                prune = status is Status.RUNNING and search.report(report)
            if prune:
                status = Status.PRUNED
                reason = f"the pruner stopped the trial after epoch {report.epoch}"
            if status.is_final:
                result = self._engine.stop(number, status, reason)
                records = self._failures.take((result, running.pop(number)))
                # At once: the next report is evaluated by what is known of this trial.
                self._learn([result for result, _ in records], search)
                ended += records
        return ended

    def _learn(self, results: Iterable[TrialResult], search: Proposer) -> None:
        for result in results:
            with self._clock("search"):
                search.tell(result)
            # Without weights: those of a thousand trials would fill the memory.
            self.results[result.trial.number] = replace(result, weights=())
            if self._is_best(result):
                self.best[result.trial.label] = result

    def _drop_stopped(self, running: dict[int, list[Report]]) -> list[str]:
        """Take the trials of labels that have just been stopped out of engine and search."""
        dropped = [label for label in self.stopped if label not in self._dropped]
        for label in dropped:
            self._dropped.add(label)
            self._search.drop(label)
        for number in [n for n in running if self._label_of[n] in dropped]:
            self._engine.stop(number, Status.INTERRUPTED, Status.INTERRUPTED.sentence)
            del running[number]
        return dropped

    def _announce_stopped(self, labels: Iterable[str]) -> None:
        for label in labels:
            self._label_stopped(label, self.stopped[label])

    def _store(self, ended: Sequence[Record], overtaken: Mapping[str, TrialResult]) -> None:
        """Store finished trials before their slots are handed on.

        The order matters to a kill at any instant: weights before the record that
        makes them findable, the record before the search storage that would
        otherwise hold a trial without a result.
        """
        with self._clock("log"):
            for label, result in self.best.items():
                if result is not overtaken.get(label) and result.weights:
                    self._writer.save_weights(result.trial.number, result.weights)
            if ended:
                self._writer.append_all(ended)

    def _announce(self, ended: Sequence[Record], overtaken: Mapping[str, TrialResult]) -> None:
        with self._clock("log"):
            for label, previous in overtaken.items():
                if previous is not self.best[label]:
                    self._writer.discard_weights(previous.trial.number)
            for result, reports in ended:
                for observer in self._observers:
                    observer.trial_finished(result, reports)

    @contextmanager
    def _together(self, search: Proposer) -> Iterator[None]:
        with search.together():
            yield
            written = time.perf_counter()
        self.seconds["search"] += time.perf_counter() - written

    @contextmanager
    def _clock(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] += time.perf_counter() - start

    def _is_best(self, result: TrialResult) -> bool:
        best = self.best.get(result.trial.label)
        return result.is_candidate and (best is None or result.rank < best.rank)


class _Replicates:
    """Hands out given trials and learns nothing."""

    def __init__(self, trials: Iterator[Trial]) -> None:
        self._trials = trials

    def ask(self) -> Trial | None:
        return next(self._trials, None)

    def report(self, report: Report) -> bool:
        del report
        return False

    def tell(self, result: TrialResult) -> None:
        """Replicates are no proposals."""

    def together(self) -> AbstractContextManager[None]:
        return nullcontext()
