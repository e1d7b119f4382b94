"""Trials that no program can train side by side, one after the other."""

from benchmark.engine.sequential import SequentialEngine
from benchmark.engine.slots import Slot
from benchmark.trial import Report, Status, Trial, TrialResult


class Alone:
    """A queue in front of the sequential engine, which takes its turn like a block.

    One thread runs :meth:`advance`; another may meanwhile call :meth:`take` only.
    """

    def __init__(self) -> None:
        self._engine = SequentialEngine()
        self._waiting: list[Trial] = []
        self._admitted: list[Trial] = []
        self._current: int | None = None
        self.count = 0
        """How many trials are here."""

    def take(self, trial: Trial) -> None:
        """Queue a trial."""
        self._waiting.append(trial)
        self.count += 1

    def admit(self) -> None:
        """Let those in who were taken."""
        self._admitted += self._waiting
        self._waiting = []

    def advance(self) -> list[Report]:
        """Train one epoch of the first trial in the queue."""
        if self._current is None and self._admitted:
            trial = self._admitted.pop(0)
            self._current = trial.number
            self._engine.start(trial)
        return self._engine.advance()

    def stop(self, trial: Trial, status: Status, reason: str) -> TrialResult:
        """Take a trial out."""
        self.count -= 1
        if trial.number == self._current:
            self._current = None
            return self._engine.stop(trial.number, status, reason)
        for queue in (self._waiting, self._admitted):
            if trial in queue:
                queue.remove(trial)
        return Slot(trial).result(status, reason)
