"""What decides the limit of an optimizer's steps: what comes in, and what is found."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmark.curvature.stability.recurrence import Recurrence

Array = np.ndarray[Any, np.dtype[np.float64]]
Slots = Mapping[str, np.ndarray[Any, Any]]
Root = Callable[[Array], Array]
"""P^(-1/2) V for the columns of V, shape (n, k)."""


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """An optimizer between two steps.

    Args:
        learning_rate: η > 0 of the last step, at the start that of the first.
        numbers: its hyperparameters by name; ``weight_decay`` where there is one.
        step: updates so far, ≥ 0.
        slots: what it keeps for each variable, by name.
        shared: what it keeps besides, by name.
    """

    learning_rate: float
    numbers: Mapping[str, float]
    step: int = 0
    slots: Sequence[Slots] = ()
    shared: Slots = field(default_factory=dict)

    def decay(self, rate: float | None = None) -> float:
        """The share of the weights that decoupled decay takes in a step of a rate, η by default."""
        rate = self.learning_rate if rate is None else rate
        return rate * self.numbers.get("weight_decay", 0.0)

    def uncorrected(self, name: str) -> float:
        """1 − βᵗ, the share of a running mean that has been filled, of the β of some name."""
        return 1 - float(self.numbers[name]) ** self.step

    def has(self, name: str) -> bool:
        """Whether there is such a slot."""
        return any(name in slots for slots in self.slots)

    def flat(self, name: str) -> Array:
        """One slot of all variables, after each other, in float64."""
        return np.concatenate([flat(slots[name]) for slots in self.slots])

    def number(self, name: str) -> float:
        """One number that belongs to no variable."""
        return float(self.shared[name])


@dataclass(frozen=True, slots=True, eq=False)
class Stepping:
    """How an optimizer steps on a quadratic.

    Args:
        recurrence: along an eigenvector of P⁻¹H.
        rate: the η of η·λmax, where it is not the learning rate itself.
        root: P^(-1/2); the identity where it is missing.
        radius: ρ, where the gradient is taken at W + ρ g / ‖g‖. The recurrence is then that
            without it; what ρ does depends on ‖g‖.
        note: a sentence on P, on η, or on what is held fixed.
    """

    recurrence: Recurrence
    rate: float
    root: Root | None = None
    radius: float = 0.0
    note: str = ""


def flat(array: np.ndarray[Any, Any]) -> Array:
    """Return an array of any shape and type as a vector in float64."""
    return np.ravel(np.asarray(array)).astype(np.float64)


def diagonal(preconditioner: Array) -> Root:
    """Return P^(-1/2) of a diagonal P.

    Args:
        preconditioner: its diagonal, shape (n,), > 0.

    Raises:
        FloatingPointError: an entry is not positive and finite.

    Example:
        >>> diagonal(np.array([4.0, 16.0]))(np.ones((2, 1))).tolist()
        [[0.5], [0.25]]
    """
    if not ((preconditioner > 0) & np.isfinite(preconditioner)).all():
        raise FloatingPointError("the preconditioner is not positive and finite")
    scale = 1 / np.sqrt(preconditioner)
    return lambda vectors: scale[:, None] * vectors
