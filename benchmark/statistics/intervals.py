"""A mean with its confidence interval, and how the interval was made."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

LEVEL = 0.95
BOOTSTRAP_FROM = 20
RESAMPLES = 9999


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and an interval that covers the true mean with a stated probability.

    Args:
        mean: the arithmetic mean; NaN where there is no value.
        low: lower end; NaN where it is unknown.
        high: upper end; NaN where it is unknown.
        count: how many values were averaged.
        level: the confidence level, in (0, 1).
        method: how the ends were found, for people.
    """

    mean: float
    low: float
    high: float
    count: int
    level: float = LEVEL
    method: str = ""

    @property
    def is_known(self) -> bool:
        """Whether the ends are known: two values are needed at least."""
        return not math.isnan(self.low)

    def includes(self, value: float) -> bool:
        """Whether the interval holds a value; an unknown interval holds every value.

        Args:
            value: the value.
        """
        return not self.is_known or self.low <= value <= self.high


def mean_interval(values: ArrayLike, level: float = LEVEL, seed: int = 0) -> Interval:
    """Return the mean of values with a two-sided confidence interval.

        mean ± t(n - 1, (1 + level) / 2) · s / √n       below 20 values
        bias-corrected and accelerated (BCa) bootstrap   from 20 values on

    The bootstrap needs no normal distribution, but of few values its intervals are too
    narrow (the factor is √((n - 1) / n) and worse for skew); 20 keeps that below 3 %.

    Args:
        values: finite numbers, shape (n,).
        level: the confidence level, in (0, 1).
        seed: seed of the resampling, so that a report is the same when it is remade.

    Raises:
        ValueError: a value is not finite, or the level is not in (0, 1).

    Example:
        >>> found = mean_interval([0.91, 0.93, 0.92])
        >>> f"{found.mean:.3f} [{found.low:.3f}, {found.high:.3f}] {found.method}"
        '0.920 [0.895, 0.945] Student t over 3 values'

    References:
        Efron, "Better Bootstrap Confidence Intervals", 1987. Hesterberg, "What Teachers
        Should Know about the Bootstrap", 2015, section 3 (why not for small samples).
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
    if np.ptp(sample) == 0:
        return Interval(mean, mean, mean, count, level, f"{count} equal values")
    low, high, name = _ends(sample, level, seed)
    return Interval(mean, low, high, count, level, f"{name} over {count} values")


def _ends(sample: np.ndarray[Any, Any], level: float, seed: int) -> tuple[float, float, str]:
    if sample.size < BOOTSTRAP_FROM:
        ends = stats.t.interval(level, sample.size - 1, loc=sample.mean(), scale=stats.sem(sample))
        return float(ends[0]), float(ends[1]), "Student t"
    found = stats.bootstrap(
        (sample,),
        np.mean,
        n_resamples=RESAMPLES,
        confidence_level=level,
        method="BCa",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return float(found.low), float(found.high), "BCa bootstrap"
