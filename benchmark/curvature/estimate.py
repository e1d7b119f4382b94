"""A number from random samples, with its uncertainty."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from benchmark.curvature.operators import Array


@dataclass(frozen=True, slots=True)
class Estimate:
    """An estimate and its standard error.

    Args:
        value: the estimate.
        standard_error: of it; 0 where nothing random is in it.
        degrees: of freedom of the standard error, samples less one.
    """

    value: float
    standard_error: float
    degrees: int

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """An interval that holds the true value with about that probability (Student's t).

        Args:
            confidence: within (0, 1).

        Example:
            >>> Estimate(10.0, 1.0, 4).interval()
            (7.2235..., 12.7764...)
        """
        if self.standard_error == 0:
            return self.value, self.value
        reach = t_quantile(confidence, self.degrees) * self.standard_error
        return self.value - reach, self.value + reach


def mean_estimate(samples: Array, offset: float = 0.0) -> Estimate:
    """The mean of independent samples, with the standard error s/√m.

    Args:
        samples: m ≥ 2 of them.
        offset: a known number that is added.

    Example:
        >>> mean_estimate(np.array([1.0, 2.0, 3.0]), offset=10.0)
        Estimate(value=12.0, standard_error=0.577..., degrees=2)
    """
    count = samples.size
    error = float(samples.std(ddof=1)) / np.sqrt(count)
    return Estimate(offset + float(samples.mean()), float(error), count - 1)


def jackknife_estimate(value: float, leave_one_out: Array) -> Estimate:
    """A smooth function of means, with the standard error of the jackknife.

    Args:
        value: from all m samples.
        leave_one_out: the values without each sample in turn, shape (m,).

    References:
        Efron and Stein, The jackknife estimate of variance, 1981.
    """
    count = leave_one_out.size
    spread = float(np.sum(np.square(leave_one_out - leave_one_out.mean())))
    return Estimate(value, float(np.sqrt((count - 1) / count * spread)), count - 1)


def t_quantile(confidence: float, degrees: int) -> float:
    """How many standard errors reach to either side.

    Args:
        confidence: within (0, 1).
        degrees: of freedom, ≥ 1.

    Raises:
        ValueError: the confidence is out of range.
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be within (0, 1). Received {confidence}.")
    return float(stats.t.ppf((1 + confidence) / 2, degrees))
