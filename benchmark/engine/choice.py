"""Which engine trains, as a plain value that a run remembers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

ENGINES = ("sequential", "vectorized")
"""The engines by the names that the command line takes."""
DEFAULT_ENGINE = "vectorized"
DEFAULT_CAPACITY = 16
"""Trials that the vectorized engine runs at once.

More train little faster (the quickstart on two CPU cores with 8, 16 and 32: 3.0, 1.9 and
2.1 s of training), while a sampler that learns and a pruner that compares see fewer
finished trials: with 32 none of the quickstart's 40 is pruned, with 16 eleven.
"""


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """An engine by its name, and how many trials it runs at once.

    Args:
        name: one of ``ENGINES``.
        capacity: ≥ 1; nothing means the engine's own: 1, or ``DEFAULT_CAPACITY``.

    Raises:
        ValueError: the name is unknown, or the capacity is not one that the engine has.

    Example:
        >>> EngineChoice("vectorized").facts()
        {'engine': 'vectorized', 'capacity': 16}
        >>> EngineChoice("sequential", 8)
        Traceback (most recent call last):
            ...
        ValueError: the sequential engine must have a capacity of 1. Received 8. \
Take the vectorized engine to train trials together.
    """

    name: str = DEFAULT_ENGINE
    capacity: int | None = None

    def __post_init__(self) -> None:
        if self.name not in ENGINES:
            raise ValueError(
                f"the engine must be one of {', '.join(ENGINES)}. Received {self.name!r}."
            )
        if self.capacity is not None and self.capacity < 1:
            raise ValueError(f"the capacity must be >= 1. Received {self.capacity}.")
        if self.name == "sequential" and self.capacity not in (None, 1):
            raise ValueError(
                f"the sequential engine must have a capacity of 1. Received {self.capacity}. "
                "Take the vectorized engine to train trials together."
            )

    @classmethod
    def of_run(cls, facts: Mapping[str, Any]) -> Self:
        """The engine that a run was started with.

        Args:
            facts: what its ``environment.json`` holds.
        """
        return cls(facts.get("engine", "sequential"), facts.get("capacity"))

    def facts(self) -> dict[str, Any]:
        """What ``environment.json`` is told."""
        own = 1 if self.name == "sequential" else DEFAULT_CAPACITY
        return {"engine": self.name, "capacity": self.capacity or own}

    def build(self) -> Any:
        """Make the engine; imports the framework."""
        if self.name == "sequential":
            from benchmark.engine.sequential import SequentialEngine

            return SequentialEngine()
        from benchmark.engine.vectorized import VectorizedEngine

        return VectorizedEngine(self.facts()["capacity"])
