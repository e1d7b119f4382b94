"""Engines by kind, and driving one with trials that are made up beforehand."""

import dataclasses
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmark.execution import Engine
from benchmark.trial import Report, Status, Trial, TrialResult
from speed.measurement import NotAvailableError


@dataclass(frozen=True, slots=True)
class Driven:
    """What driving an engine has cost.

    Args:
        seconds: of the wall clock, from the first start to the last stop.
        results: of every trial, in the order in which they ended.
    """

    seconds: float
    results: tuple[TrialResult, ...]

    @property
    def epochs(self) -> int:
        """Epochs trained by all trials."""
        return sum(result.epochs for result in self.results)

    def clocks(self) -> dict[str, float]:
        """Seconds of all trials by clock."""
        total: Counter[str] = Counter()
        for result in self.results:
            total.update(result.seconds)
        return dict(total)


class KeptOpen:
    """An engine that several sessions may use: closing it is left to :meth:`release`.

    Args:
        engine: the engine that does the work.
    """

    def __init__(self, engine: Any) -> None:
        self._engine = engine

    @property
    def capacity(self) -> int:
        """How many trials run at once."""
        return self._engine.capacity

    def start(self, trial: Trial) -> None:
        """Put a trial into a free slot."""
        self._engine.start(trial)

    def advance(self) -> list[Report]:
        """Train one epoch of running trials."""
        return self._engine.advance()

    def stop(self, number: int, status: Status, reason: str) -> TrialResult:
        """Free the slot of a trial."""
        return self._engine.stop(number, status, reason)

    def close(self) -> None:
        """Do nothing: what is compiled serves the next session."""

    def release(self) -> None:
        """Close the engine, where it can be closed."""
        close(self._engine)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)


def make_engine(
    name: str, capacity: int | None = None, workers: int | None = None, *, learns: bool = False
) -> Any:
    """Make an engine as ``study`` does.

    Args:
        name: ``"sequential"`` or ``"vectorized"``.
        capacity: trials at once; by default as many as a study would take.
        workers: processes, each with an engine; nothing means this process.
        learns: whether the study's sampler or pruner looks at earlier trials.

    Raises:
        NotAvailableError: this version, or this installation, has no workers.
    """
    from benchmark import backend
    from benchmark.engine import EngineChoice

    choice = EngineChoice(name, capacity, workers)
    choice = choice.suited(learns=learns, device=backend.devices()[0])
    if workers is None:
        return choice.build()
    own = choice.facts()["capacity"]
    return _distributed_engine(own, workers)


def _distributed_engine(capacity: int, workers: int) -> Any:
    """As a session builds it: one engine a process, driven through Ray."""
    from benchmark import backend, distributed
    from benchmark.errors import UserError

    try:
        distributed.check_ray()
    except UserError:
        raise NotAvailableError(
            "not installed: pip install 'kappabench[ray]' brings Ray, which starts the workers"
        ) from None
    return distributed.DistributedEngine(workers, capacity, backend.name(), distributed.gpus())


def close(engine: Any) -> None:
    """Close an engine, where it can be closed."""
    closing = getattr(engine, "close", None)
    if closing is not None:
        closing()


def drive(engine: Engine, trials: Sequence[Trial]) -> Driven:
    """Train trials to their own ends, as many at a time as the engine takes.

    Raises:
        RuntimeError: a trial failed, so that the seconds would be those of nothing.
    """
    waiting, running = deque(trials), 0
    results: list[TrialResult] = []
    start = time.perf_counter()
    while waiting or running:
        while waiting and running < engine.capacity:
            engine.start(waiting.popleft())
            running += 1
        for report in engine.advance():
            if report.status.is_final:
                results.append(engine.stop(report.trial_number, report.status, report.reason))
                running -= 1
    seconds = time.perf_counter() - start
    failed = [result.reason for result in results if result.status is Status.FAILED]
    if failed:
        raise RuntimeError(f"a measured trial must not fail. Received: {failed[0]}")
    return Driven(seconds, tuple(results))


def warm_up(engine: Any, trials: Sequence[Trial]) -> Driven:
    """Train one epoch of some trials, so that all programs are compiled.

    Args:
        engine: the engine.
        trials: of the structures that will be measured; as many as run at once are taken,
            but no more than there are.
    """
    short = [dataclasses.replace(trial, epochs=1) for trial in trials[: max(engine.capacity, 4)]]
    return drive(engine, short)
