"""The one loop: fill free slots, advance an epoch, record, prune or finish, tell.

Engine, search, results, tracking and progress are handed in, so that the loop knows
only the plain values of :mod:`benchmark.trial`.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from benchmark.trial import Report, Status, Trial, TrialResult


class Engine(Protocol):
    """Trains trials, an epoch of all running ones at a time."""

    @property
    def capacity(self) -> int:
        """How many trials run at once."""

    def start(self, trial: Trial) -> None:
        """Put a trial into a free slot."""

    def advance(self) -> list[Report]:
        """Train one epoch of every running trial."""

    def stop(self, number: int, status: Status, reason: str) -> TrialResult:
        """Free the slot of a trial."""


class Search(Protocol):
    """Proposes trials and learns from their results."""

    def ask(self) -> Trial | None:
        """The next trial, or nothing when the budget is spent."""

    def report(self, report: Report) -> bool:
        """Take note of an epoch; true means: prune."""

    def tell(self, result: TrialResult) -> None:
        """Take note of a finished trial, durably."""


class Writer(Protocol):
    """Keeps finished trials on disk."""

    def append(self, result: TrialResult, reports: Sequence[Report]) -> None:
        """Store a finished trial, durably."""

    def save_weights(self, number: int, weights: Sequence[Any]) -> None:
        """Keep the weights of a trial."""

    def discard_weights(self, number: int) -> None:
        """Drop the weights of a trial."""


class Observer(Protocol):
    """Is told of every finished trial; must return at once."""

    def trial_finished(self, result: TrialResult, reports: Sequence[Report]) -> None:
        """A trial is in the results and in the search storage."""


class Execution:
    """The loop over one engine for one run of a study.

    Args:
        engine: trains the trials.
        search: proposes them.
        writer: keeps the finished ones.
        observers: are told of each finished trial (progress, tracking).
        stop_requested: asked after every epoch; true ends the loop cleanly.
        finished: results of an earlier, interrupted execution of the same run.
    """

    def __init__(
        self,
        engine: Engine,
        search: Search,
        writer: Writer,
        observers: Sequence[Observer] = (),
        stop_requested: Callable[[], bool] = lambda: False,
        finished: Iterable[TrialResult] = (),
    ) -> None:
        self._engine = engine
        self._search = search
        self._writer = writer
        self._observers = observers
        self._stop_requested = stop_requested
        self.seconds: dict[str, float] = defaultdict(float)
        """Wall-clock seconds spent in the ``search`` and on the ``log``."""
        self.results: dict[int, TrialResult] = {}
        self.best: dict[str, TrialResult] = {}
        for result in finished:
            self.results[result.trial.number] = result
            if self._is_best(result):
                self.best[result.trial.label] = result

    def run_search(self) -> bool:
        """Spend the budget of the search; returns whether it was spent to its end."""
        return self._run(self._search.ask, self._search.report, self._search.tell)

    def run_replicates(self, trials: Iterable[Trial]) -> bool:
        """Train the given trials that have no result yet; returns whether all were trained."""
        waiting = (trial for trial in trials if trial.number not in self.results)
        return self._run(_source(waiting), lambda _: False, lambda _: None)

    def _run(
        self,
        ask: Callable[[], Trial | None],
        should_prune: Callable[[Report], bool],
        tell: Callable[[TrialResult], None],
    ) -> bool:
        running: dict[int, list[Report]] = {}
        exhausted = False
        while not self._stop_requested():
            while not exhausted and len(running) < self._engine.capacity:
                with self._clock("search"):
                    trial = ask()
                exhausted = trial is None
                if trial is not None:
                    running[trial.number] = []
                    self._engine.start(trial)
            if not running:
                return True
            for report in self._engine.advance():
                running[report.trial_number].append(report)
                status, reason = report.status, report.reason
                with self._clock("search"):
                    prune = status is Status.RUNNING and should_prune(report)
                if prune:
                    status = Status.PRUNED
                    reason = f"the pruner stopped the trial after epoch {report.epoch}"
                if status.is_final:
                    reports = running.pop(report.trial_number)
                    result = self._engine.stop(report.trial_number, status, reason)
                    self._record(result, reports, tell)
        # Trials in flight are not recorded: a resumed run trains them again from their start.
        for number in running:
            self._engine.stop(number, Status.INTERRUPTED, Status.INTERRUPTED.sentence)
        return False

    def _record(
        self,
        result: TrialResult,
        reports: Sequence[Report],
        tell: Callable[[TrialResult], None],
    ) -> None:
        """Store a finished trial before its slot is handed on.

        The order matters to a kill at any instant: weights before the record that
        makes them findable, the record before the search storage that would
        otherwise hold a trial without a result.
        """
        previous = self.best.get(result.trial.label)
        is_best = self._is_best(result)
        with self._clock("log"):
            if is_best and result.weights:
                self._writer.save_weights(result.trial.number, result.weights)
            self._writer.append(result, reports)
        with self._clock("search"):
            tell(result)
        self.results[result.trial.number] = result
        if is_best:
            self.best[result.trial.label] = result
            if previous is not None:
                self._writer.discard_weights(previous.trial.number)
        with self._clock("log"):
            for observer in self._observers:
                observer.trial_finished(result, reports)

    @contextmanager
    def _clock(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] += time.perf_counter() - start

    def _is_best(self, result: TrialResult) -> bool:
        trial = result.trial
        if trial.phase != "search" or not result.status.is_usable:
            return False
        best = self.best.get(trial.label)
        if best is None:
            return True
        sign = 1 if trial.direction == "minimize" else -1
        # Of equal objectives the earlier number wins, whatever order they finish in.
        rank = (sign * result.objective, trial.number)
        return rank < (sign * best.objective, best.trial.number)


def _source(trials: Iterator[Trial]) -> Callable[[], Trial | None]:
    return lambda: next(trials, None)
