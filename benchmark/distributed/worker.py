"""The side of the process that trains: an engine of its own, and what it is asked for."""

import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmark import backend
from benchmark.trial import Report, Status, Trial, TrialResult


@dataclass(frozen=True, slots=True)
class Reply:
    """What a worker says after one call of its engine's ``advance``.

    Args:
        reports: those of the engine, in its order.
        results: of the trials that ended by themselves, weights included where usable.
        seconds: of the trials that go on, by clock, so that the driver can end a trial
            without asking.
        notices: sentences of the engine that the user should read.
    """

    reports: list[Report] = field(default_factory=list)
    results: dict[int, TrialResult] = field(default_factory=dict)
    seconds: dict[int, dict[str, float]] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)


class Worker:
    """Owns a vectorized engine in a process of its own, to which it gives one core.

    Args:
        backend_name: the framework of the driver.
        capacity: how many trials the engine runs at once.
        core: the core it is pinned to, where the system can; nothing for a worker that
            holds a GPU or stands on another machine, whose cores others may use.
        threads: of computation on the CPU; nothing leaves it to the framework.
        neighbours: how many workers share the memory of its device, itself included.
        pool: the size of the pool that shares the work of one program: that of the driver's
            machine, so that a worker rounds as an engine in the driver would.
        known: results and reports of trials that need not be trained.
    """

    def __init__(
        self,
        backend_name: str,
        capacity: int,
        core: int | None,
        threads: int | None,
        neighbours: int = 1,
        pool: int | None = None,
        known: Sequence[tuple[TrialResult, Sequence[Report]]] = (),
    ) -> None:
        # Ctrl-C reaches every process of a terminal; the driver alone decides what it means.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        # Before the framework starts its threads, which inherit it.
        if core is not None and hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, {core})
        backend.select(backend_name, threads, pool)
        from benchmark.engine import VectorizedEngine
        from benchmark.engine.memory import SHARE
        from benchmark.engine.outcomes import Outcomes

        self._notices: list[str] = []
        self._engine = VectorizedEngine(
            capacity,
            notify=self._notices.append,
            memory=SHARE / neighbours,
            outcomes=Outcomes(known),
        )
        self._waiting: list[Trial] = []
        self._running: set[int] = set()

    def process(self) -> int:
        """The process identifier; that it answers shows that the worker is ready."""
        return os.getpid()

    def exchange(self, starts: Sequence[Trial], stops: Sequence[tuple[int, Status, str]]) -> Reply:
        """Stop and start trials, train, and say how the trials stand.

        Args:
            starts: trials that get a slot.
            stops: trials that the driver has ended, with status and reason; one that
                ended by itself meanwhile is passed over.
        """
        for number, status, reason in stops:
            self._waiting = [trial for trial in self._waiting if trial.number != number]
            if number in self._running:
                self._stop(number, status, reason)
        self._waiting += starts
        # The engine may have lowered its capacity, where memory is short.
        while self._waiting and len(self._running) < self._engine.capacity:
            trial = self._waiting.pop(0)
            self._engine.start(trial)
            self._running.add(trial.number)
        reply = Reply(reports=self._engine.advance(), notices=self._notices.copy())
        self._notices.clear()
        for report in reply.reports:
            number = report.trial_number
            if report.status.is_final:
                reply.results[number] = self._stop(number, report.status, report.reason)
        for number in {report.trial_number for report in reply.reports} - set(reply.results):
            reply.seconds[number] = self._engine.seconds(number)
        return reply

    def _stop(self, number: int, status: Status, reason: str) -> TrialResult:
        self._running.discard(number)
        return self._engine.stop(number, status, reason)
