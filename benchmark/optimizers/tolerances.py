"""How far apart two computations of the same steps may be, and what else a number may be."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmark.optimizers.hyperparameter import Hyperparameter

Array = np.ndarray[Any, Any]
ROUNDING = 1e-3
"""The share of the way that two computations of the same steps may be apart.

Keras computes 1 − β from a Python float, a program from its float32: for β = 0.999 that is
1e-5 of it, and 2e-4 of the moments where β = 0.9999. Iterations that orthogonalise (Muon)
magnify it some times.
"""
UNITS = 8 * float(np.finfo("float32").eps)
"""Roundings of weights of size one in four steps, some operations each."""


def distance(points: Sequence[Array], others: Sequence[Array]) -> float:
    """The largest difference; infinite where anything is not finite.

    Example:
        >>> distance([np.zeros(2)], [np.array([1.0, -3.0])])
        3.0
    """
    pairs = zip(points, others, strict=True)
    largest = max(float(np.max(np.abs(one - other))) for one, other in pairs)
    return largest if np.isfinite(largest) else float("inf")


def tolerance(points: Sequence[Array], start: Sequence[Array]) -> float:
    """How far two computations may be apart that went from ``start`` to ``points``."""
    return ROUNDING * distance(points, start) + UNITS


def other_values(rule: Hyperparameter, usual: float) -> list[float]:
    """Other values of a number, those first that change most within its range.

    Example:
        >>> other_values(Hyperparameter(default=0.9, low=0.0, high=1.0), 0.9)
        [0.5, 0.75, 0.45, 0.0625, 0.5]
        >>> other_values(Hyperparameter(default=5, low=1.0, integer=True), 5)
        [6, 4]
    """
    if rule.integer:
        whole = [int(usual) + 1, max(1, int(usual) - 1)]
        return [value for value in whole if rule.allows(value)]
    shares = [0.5, 0.75] if rule.high == 1 else []
    candidates = [*shares, usual / 2, 2 * usual, 2.0**-4, 0.5, -usual, 2.0]
    return [value for value in candidates if rule.allows(value) and value != usual]
