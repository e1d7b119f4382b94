"""Confidence intervals of a mean."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

LEVEL = 0.95
FLOAT32_DIGITS = 4 * float(np.finfo(np.float32).eps)
"""Metrics are computed in float32; numbers that agree to a few of its roundings are equal."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and an interval that covers the true mean with a stated probability.

    Args:
        mean: the arithmetic mean; NaN where there is no value.
        low: lower end; NaN where it is unknown.
        high: upper end; NaN where it is unknown.
        count: how many values were averaged.
        level: the confidence level, in (0, 1).
        method: how the ends were computed, or why they are unknown, in words.
    """

    mean: float
    low: float
    high: float
    count: int
    level: float = LEVEL
    method: str = ""

    @property
    def is_known(self) -> bool:
        """Whether the ends are known: two values that differ are needed at least."""
        return not math.isnan(self.low)

    def includes(self, value: float) -> bool:
        """Whether the interval holds a value; an unknown interval holds every value.

        Args:
            value: the value.
        """
        return not self.is_known or self.low <= value <= self.high


def mean_interval(values: ArrayLike, level: float = LEVEL) -> Interval:
    """Return the mean of values with a two-sided confidence interval.

        mean ± t(n - 1, (1 + level) / 2) · s / √n

    ``docs/statistics.md`` has its measured coverage, beside that of the bootstraps. Equal
    values have no interval: their spread is below the resolution of the metric, and an
    interval of no width would claim to know the true mean exactly.

    Args:
        values: finite numbers, shape (n,).
        level: the confidence level, in (0, 1).

    Raises:
        ValueError: a value is not finite, or the level is not in (0, 1).

    Example:
        >>> interval = mean_interval([0.91, 0.93, 0.92])
        >>> f"{interval.mean:.3f} [{interval.low:.3f}, {interval.high:.3f}] {interval.method}"
        '0.920 [0.895, 0.945] Student t over 3 values'
        >>> mean_interval([0.9, 0.9, 0.9]).method
        '3 equal values have no interval'

    References:
        Student, "The Probable Error of a Mean", 1908. Hesterberg, "What Teachers Should Know
        about the Bootstrap", 2015, section 3 (why not for small samples).
    """
    sample = np.asarray(values, dtype=np.float64).ravel()
    if not np.isfinite(sample).all():
        raise ValueError(
            f"values must be finite. Received {sample[~np.isfinite(sample)][0]}. "
            "Count diverged trials apart."
        )
    if not 0 < level < 1:
        raise ValueError(f"level must be in (0, 1). Received {level}. The usual one is 0.95.")
    count, nan = sample.size, math.nan
    if count == 0:
        return Interval(nan, nan, nan, 0, level, "no value")
    mean = float(sample.mean())
    if count == 1:
        return Interval(mean, nan, nan, 1, level, "one value has no interval")
    if are_equal(sample, float(np.abs(sample).max())):
        return Interval(mean, nan, nan, count, level, f"{count} equal values have no interval")
    half = float(stats.t.ppf((1 + level) / 2, count - 1) * stats.sem(sample))
    return Interval(mean, mean - half, mean + half, count, level, f"Student t over {count} values")


def are_equal(values: np.ndarray[Any, Any], scale: float) -> bool:
    """Return whether values differ by no more than the rounding of float32.

    Args:
        values: finite numbers, at least one.
        scale: the size of the numbers that they were computed from, whose rounding they carry.

    Example:
        >>> are_equal(np.array([0.95 - 0.9, 0.85 - 0.8]), 0.95)
        True
    """
    return bool(np.ptp(values) <= FLOAT32_DIGITS * scale)
