"""What the best of k trials is expected to reach: results as a function of budget."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from benchmark.statistics.intervals import LEVEL
from benchmark.statistics.labels import WITHOUT_RESULT, direction_of

Array = np.ndarray[Any, np.dtype[np.float64]]


def expected_best(values: ArrayLike, budgets: ArrayLike, direction: str = "minimize") -> Array:
    """Return the expected best of k trials, drawn with replacement from those recorded.

    With x_(1) ≤ … ≤ x_(n) the sorted values, by order statistics

        E[min of k] = Σ_i x_(i) · [((n - i + 1) / n)^k - ((n - i) / n)^k]      k = `budgets`

    It says what a smaller budget would have reached if the trials were independent of each
    other, which those of a sampler that learns are not.

    Args:
        values: objectives, shape (n,), n ≥ 1; finite.
        budgets: numbers of trials k ≥ 1, shape (m,).
        direction: ``"minimize"``, or ``"maximize"`` for the maximum.

    Returns:
        The expectations, shape (m,).

    Raises:
        ValueError: there is no value, one is not finite, or a budget is below 1.

    Example:
        >>> expected_best([1.0, 2.0], [1, 2, 3])
        array([1.5  , 1.25 , 1.125])

    References:
        Dodge et al., "Show Your Work: Improved Reporting of Experimental Results", 2019,
        section 3.
    """
    sample, counts = _checked(values, budgets)
    return np.sort(_signed(sample, direction)) @ _weights(sample.size, counts) * _sign(direction)


def expected_best_band(
    values: ArrayLike,
    budgets: ArrayLike,
    direction: str = "minimize",
    *,
    level: float = LEVEL,
    resamples: int = 2000,
    seed: int = 0,
) -> tuple[Array, Array]:
    """Return the ends of a bootstrap band around :func:`expected_best`.

    The trials are resampled, the formula is applied to each resample, and the ends are the
    quantiles (1 ∓ level) / 2 (percentile bootstrap). No resample is better than the best
    trial found, so the band is too narrow where the budget is not small beside n: at a level
    of 0.95 it covers about 90 % at k = n / 5 and about 60 % at k = n (``docs/statistics.md``).

    Args:
        values: objectives, shape (n,), n ≥ 1; finite.
        budgets: numbers of trials k ≥ 1, shape (m,).
        direction: ``"minimize"`` or ``"maximize"``.
        level: the confidence level, in (0, 1).
        resamples: how many resamples are taken.
        seed: seed of the resampling.

    Returns:
        Lower and upper ends, shape (m,) each.

    Raises:
        ValueError: as for :func:`expected_best`.

    Example:
        >>> low, high = expected_best_band([1.0, 1.0], [1, 5])
        >>> low.tolist(), high.tolist()
        ([1.0, 1.0], [1.0, 1.0])
    """
    sample, counts = _checked(values, budgets)
    rows = np.random.default_rng(seed).choice(sample, size=(resamples, sample.size))
    curves = np.sort(_signed(rows, direction), axis=1) @ _weights(sample.size, counts)
    low, high = np.quantile(curves * _sign(direction), [(1 - level) / 2, (1 + level) / 2], axis=0)
    return low, high


def budget_values(trials: pd.DataFrame, label: str) -> Array:
    """Return the objectives of all the search trials that a label's budget paid for.

    A trial without a finite objective counts as the worst finite one of the run: it cost
    a trial and found nothing. A pruned trial counts with the value it was stopped at.

    Args:
        trials: the table ``trials`` of a run.
        label: the label.
    """
    search = trials[(trials["phase"] == "search") & ~trials["status"].isin(WITHOUT_RESULT)]
    finite = search["objective"].to_numpy(float)
    finite = finite[np.isfinite(finite)]
    objectives = search.loc[search["label"] == label, "objective"].to_numpy(float)
    if not finite.size:
        return np.empty(0)
    worst = finite.max() if direction_of(trials) == "minimize" else finite.min()
    return np.where(np.isfinite(objectives), objectives, worst)


def _checked(values: ArrayLike, budgets: ArrayLike) -> tuple[Array, Array]:
    sample = np.asarray(values, dtype=np.float64).ravel()
    counts = np.atleast_1d(np.asarray(budgets, dtype=np.float64))
    if not sample.size or not np.isfinite(sample).all():
        raise ValueError(
            f"values must be one or more finite numbers. Received {sample.tolist()}. "
            "Let budget_values replace those of diverged trials."
        )
    if counts.min() < 1:
        raise ValueError(f"budgets must be >= 1. Received {counts.min():g}. Start from 1 trial.")
    return sample, counts


def _weights(count: int, budgets: Array) -> Array:
    """The probability that the i-th smallest of n values is the minimum of k: (n, m)."""
    survival = np.arange(count, -1, -1)[:, None] / count
    powers = survival ** budgets[None, :]
    return np.asarray(powers[:-1] - powers[1:], dtype=np.float64)


def _sign(direction: str) -> float:
    return 1.0 if direction == "minimize" else -1.0


def _signed(values: Array, direction: str) -> Array:
    return values * _sign(direction)
