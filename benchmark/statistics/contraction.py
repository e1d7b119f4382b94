"""The rate of convergence of a linear method, measured from the losses of its steps."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar

Array = np.ndarray[Any, np.dtype[np.float64]]
SMALLEST_LOSS = 1e-30
"""Where float32 begins to lose digits: its smallest number 1e-38 over its rounding 1e-7."""
FEWEST = 8
"""Losses that the regression needs; fewer, and the last ratio is taken."""


@dataclass(frozen=True, slots=True)
class Contraction:
    """How fast the distance to the minimum of a quadratic shrinks.

    Args:
        factor: ρ, by which a step multiplies the distance after the transient.
        first: the first step that was used.
        last: the last step that was used.
    """

    factor: float
    first: int
    last: int


def measured_contraction(losses: Array, smallest: float = SMALLEST_LOSS) -> Contraction:
    """Measure the contraction ρ of a linear method from the losses above the minimum.

    On a quadratic every component of the distance decays as ρₖᵗ, and as (1 + ct) ρᵗ where two
    roots coincide, as those of heavy ball and Nesterov do at their best settings. So

        ½ log f_t = a + log(1 + ct) + t log ρ

    is fitted by least squares, c ≥ 0 by a search and the rest by a regression, to the second half
    of the steps whose loss is above ``smallest``: by then the faster components have died out,
    and below that rounding decides. A regression without c would be 2 % too slow after a
    thousand steps of heavy ball at κ = 10⁵.

    Args:
        losses: f − f* at the steps 0, 1, …, float64 of shape (steps + 1,), at least two.
        smallest: losses up to the first below it are used.

    Example:
        >>> steps = np.arange(100)
        >>> measured = measured_contraction(((1 + 0.1 * steps) * 0.9**steps) ** 2)
        >>> round(measured.factor, 6), measured.first, measured.last
        (0.9, 50, 99)
        >>> measured_contraction(np.array([2.0, 0.0, 0.0])).factor
        0.0
    """
    below = np.flatnonzero(~(losses > smallest))
    end = int(below[0]) if below.size else len(losses)
    if end < FEWEST:
        last = max(1, end - 1)
        ratio = max(0.0, float(losses[last] / losses[last - 1]))
        return Contraction(float(np.sqrt(ratio)), last - 1, last)
    steps = np.arange(end // 2, end, dtype=np.float64)
    halves = np.log(losses[end // 2 : end]) / 2

    def fitted(growth: float) -> tuple[float, float]:
        """The slope for a given c, and the sum of squares that it leaves."""
        rest = halves - np.log1p(growth * steps)
        slope, start = np.polyfit(steps - steps[0], rest, 1)
        left = rest - (start + slope * (steps - steps[0]))
        return float(slope), float(left @ left)

    grid = np.geomspace(1e-8, 1e2, 101)
    best = int(np.argmin([fitted(growth)[1] for growth in grid]))
    ends = (np.log(grid[max(best - 1, 0)]), np.log(grid[min(best + 1, len(grid) - 1)]))
    optimum = minimize_scalar(lambda power: fitted(np.exp(power))[1], bounds=ends, method="bounded")
    growth = min((0.0, float(np.exp(optimum.x))), key=lambda growth: fitted(growth)[1])
    return Contraction(float(np.exp(fitted(growth)[0])), end // 2, end - 1)
