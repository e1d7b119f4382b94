"""Which engine trains, as a plain value that a run remembers."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

from benchmark.trial import Report, TrialResult

ENGINES = ("sequential", "vectorized")
"""The engines by the names that the command line takes."""
DEFAULT_ENGINE = "vectorized"
DEFAULT_CAPACITY = 16
"""Trials that the vectorized engine runs at once where later trials depend on earlier ones.

More leave fewer slots empty, while a sampler that learns and a pruner that compares see fewer
finished trials: with 32 none of the quickstart's 40 is pruned, with 16 eleven.
"""
FREE_CAPACITY = 64
"""Trials at once where none depends on another: random searches and grids without a pruner."""
DEVICE_CAPACITY = 1024
"""The same on a graphics card, which has room for them side by side."""
WORKER_CAPACITY = 8
"""Trials for each worker, where that is more than ``DEFAULT_CAPACITY`` in total.

As many as one compiled call trains: fewer would leave its slots empty, and a sampler that
learns sees fewer finished trials the more are in flight.
"""


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """An engine by its name, how many trials it runs at once, and in how many processes.

    Args:
        name: one of ``ENGINES``.
        capacity: ≥ 1 and ≥ ``workers``, over all workers together; nothing means the
            engine's own: 1, or ``DEFAULT_CAPACITY``, or ``WORKER_CAPACITY`` for each worker
            where that is more.
        workers: processes that train, ≥ 1, or ``"auto"`` until :meth:`resolved` knows how
            many; nothing means that this process trains.

    Raises:
        ValueError: the name is unknown, or the capacity or the workers are not what the
            engine can have.

    Example:
        >>> EngineChoice("vectorized").facts()
        {'engine': 'vectorized', 'capacity': 16}
        >>> EngineChoice(workers="auto").resolved(4).facts()
        {'engine': 'vectorized', 'capacity': 32, 'workers': 4}
        >>> EngineChoice().suited(learns=False, device="cpu:0").facts()
        {'engine': 'vectorized', 'capacity': 64}
        >>> EngineChoice("sequential", 8)
        Traceback (most recent call last):
            ...
        ValueError: the sequential engine must have a capacity of 1. Received 8 at --capacity. \
Take the vectorized engine to train trials together.
    """

    name: str = DEFAULT_ENGINE
    capacity: int | None = None
    workers: int | Literal["auto"] | None = None

    def __post_init__(self) -> None:
        if self.name not in ENGINES:
            raise ValueError(
                f"the engine must be one of {', '.join(ENGINES)}. Received {self.name!r}."
            )
        if self.capacity is not None and self.capacity < 1:
            raise ValueError(f"the capacity must be >= 1. Received {self.capacity} at --capacity.")
        if self.name == "sequential" and self.capacity not in (None, 1):
            raise ValueError(
                "the sequential engine must have a capacity of 1. "
                f"Received {self.capacity} at --capacity. "
                "Take the vectorized engine to train trials together."
            )
        if self.workers is not None:
            self._check_workers(self.workers)

    @classmethod
    def of_run(cls, facts: Mapping[str, Any]) -> Self:
        """The engine that a run was started with.

        Args:
            facts: what its ``environment.json`` holds.
        """
        return cls(facts.get("engine", "sequential"), facts.get("capacity"), facts.get("workers"))

    def resolved(self, available: int) -> Self:
        """The same with a number in the place of ``"auto"``.

        Args:
            available: how many workers the machine has a core or a GPU for, ≥ 1.
        """
        if self.workers != "auto":
            return self
        return replace(self, workers=min(available, self.capacity or available))

    def suited(self, *, learns: bool, device: str) -> Self:
        """The same with a capacity that suits a study, where none was asked for.

        Memory lowers it further, if it must, once the engine knows what a trial takes.

        Args:
            learns: whether later trials depend on how earlier ones went.
            device: the first one of the framework, such as ``cpu:0``.
        """
        if self.name == "sequential" or self.capacity is not None or learns:
            return self
        each = FREE_CAPACITY if device.startswith("cpu") else DEVICE_CAPACITY
        assert self.workers != "auto"
        return replace(self, capacity=each * (self.workers or 1))

    def facts(self) -> dict[str, Any]:
        """What ``environment.json`` is told; ``"auto"`` must have been resolved."""
        facts = {"engine": self.name, "capacity": self.capacity or self._own_capacity()}
        return facts if self.workers is None else facts | {"workers": self.workers}

    def build(
        self,
        notify: Callable[[str], None] = lambda _: None,
        known: Iterable[tuple[TrialResult, Sequence[Report]]] = (),
    ) -> Any:
        """Make the engine that trains in this process; imports the framework.

        Args:
            notify: is called with a sentence that the user should read.
            known: results and reports of trials that need not be trained.
        """
        from benchmark.engine.outcomes import Outcomes

        outcomes = Outcomes(known)
        if self.name == "sequential":
            from benchmark.engine.replay import ReplayingEngine
            from benchmark.engine.sequential import SequentialEngine

            return ReplayingEngine(SequentialEngine(), outcomes) if outcomes else SequentialEngine()
        from benchmark.engine.vectorized import VectorizedEngine

        return VectorizedEngine(self.facts()["capacity"], notify=notify, outcomes=outcomes)

    def _own_capacity(self) -> int:
        if self.name == "sequential":
            return 1
        workers = self.workers or 1
        assert workers != "auto"
        return max(DEFAULT_CAPACITY, WORKER_CAPACITY * workers)

    def _check_workers(self, workers: int | Literal["auto"]) -> None:
        if self.name == "sequential":
            raise ValueError(
                "the sequential engine must train in one process. "
                f"Received {workers} at --workers. Take the vectorized engine for more."
            )
        if workers == "auto":
            return
        if workers < 1:
            raise ValueError(f"the workers must be >= 1 or auto. Received {workers} at --workers.")
        if self.capacity is not None and self.capacity < workers:
            raise ValueError(
                f"the capacity must be >= the number of workers, {workers}. "
                f"Received {self.capacity} at --capacity. Take fewer workers."
            )
