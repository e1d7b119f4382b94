"""Which optimizer is better, on replicates that share their randomness."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy import special, stats

from benchmark.statistics.intervals import FLOAT32_DIGITS, LEVEL, Interval, are_equal
from benchmark.statistics.labels import direction_of, replicate_table

FEWEST_PAIRS = 3
"""Two differences have one degree of freedom, and no verdict is taken from that."""
EQUAL = "the differences are all equal, so nothing says how far chance would move them"

Array = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, slots=True)
class Comparison:
    """The difference of two labels in one metric.

    Args:
        first: a label.
        second: another label.
        difference: the mean of first minus second over common replicates, with the interval
            that holds for this pair by itself; both are unknown where a replicate of either
            label was lost, for a mean makes no sense there.
        p_value: the probability of a difference as large by chance alone, for this pair by
            itself; NaN where nothing can be tested.
        adjusted: the p-value by Holm's correction over all the pairs compared.
        better: the better label, or ``""`` where no difference is shown.
        lost: of the common replicates, those in which either label has no usable end.
        reason: why there cannot be a verdict, or ``""``.
    """

    first: str
    second: str
    difference: Interval
    p_value: float = math.nan
    adjusted: float = math.nan
    better: str = ""
    lost: int = 0
    reason: str = ""


def compare(
    trials: pd.DataFrame,
    column: str,
    labels: Sequence[str] | None = None,
    level: float = LEVEL,
) -> list[Comparison]:
    """Compare every pair of labels on their replicates.

    Replicates of one index share split, initial weights and batch order (common random
    numbers), so the differences are taken replicate by replicate: what they share
    cancels, and fewer replicates are needed than without pairing.

        d_r = first_r - second_r,    t = (|mean(d)| - δ / 2n) / (s / √n)

    δ is the step of a metric that moves in steps, such as an accuracy over few rows, and 0 for
    any other (correction for continuity). A replicate that diverged, failed or has no finite
    value is worse than any other: where there is one, the signed ranks of the differences are
    tested instead of their mean (Wilcoxon).

    A difference is shown where the p-value is ≤ 1 - ``level`` after Holm's correction over all
    the pairs, so that of labels without any difference one is called better than another in at
    most a share 1 - ``level`` of studies. The family is all pairs, not those of the label that came
    first: that label is chosen by the same replicates. Fewer than 3 common replicates, and
    equal differences, give no verdict.

    Args:
        trials: the table ``trials`` of a run.
        column: the column compared, ``"objective"`` or ``"metric.<name>"``; better is
            what the run's direction says.
        labels: the labels and their order; by default those in the table, as first met.
        level: the confidence level of each interval, and of all verdicts together, in (0, 1).

    References:
        Law, "Simulation Modeling and Analysis", 5th edition, 2015, sections 10.2.1
        (paired-t interval) and 11.2 (common random numbers). Holm, "A Simple Sequentially
        Rejective Multiple Test Procedure", 1979. Wilcoxon, "Individual Comparisons by Ranking
        Methods", 1945.
    """
    if labels is None:
        labels = list(dict.fromkeys(trials["label"]))
    wide = replicate_table(trials, column)
    compared = [
        _compare(wide, first, second, level) for first, second in itertools.combinations(labels, 2)
    ]
    adjusted = holm([pair.p_value for pair, _ in compared])
    minimize = direction_of(trials) == "minimize"
    return [
        replace(
            pair,
            adjusted=p_value,
            better=(pair.first if (sign < 0) == minimize else pair.second)
            if p_value <= 1 - level
            else "",
        )
        for (pair, sign), p_value in zip(compared, adjusted, strict=True)
    ]


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values by Holm's correction; what is NaN was not tested and stays NaN.

        p̃_(i) = max_{j ≤ i} min(1, (m - j + 1) p_(j))        p_(1) ≤ … ≤ p_(m)

    Args:
        p_values: one for each comparison.

    Example:
        >>> [round(p, 3) for p in holm([0.01, 0.04, 0.03, math.nan])]
        [0.03, 0.06, 0.06, nan]
    """
    values = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(values)[: int(np.isfinite(values).sum())]
    factors = np.arange(order.size, 0, -1)
    adjusted = np.full(values.size, math.nan)
    adjusted[order] = np.minimum(np.maximum.accumulate(factors * values[order]), 1.0)
    return [float(value) for value in adjusted]


def _compare(wide: pd.DataFrame, first: str, second: str, level: float) -> tuple[Comparison, float]:
    """Return the comparison before the correction, and the sign of first minus second."""
    empty = Interval(math.nan, math.nan, math.nan, 0, level, "no common replicate")
    if first not in wide or second not in wide:
        return Comparison(first, second, empty, reason=few_pairs(0)), 0.0
    pairs = np.column_stack([wide[first], wide[second]]).astype(float)
    pairs = pairs[~np.isnan(pairs).any(axis=1)]
    lost = int((~np.isfinite(pairs)).any(axis=1).sum())
    if lost:
        difference, p_value, sign = _ranked(pairs, level, lost)
        reason = "no replicate tells them apart" if math.isnan(p_value) else ""
    else:
        difference, p_value, sign = _averaged(pairs, level)
        reason = EQUAL if math.isnan(p_value) else ""
    if len(pairs) < FEWEST_PAIRS:
        reason, p_value = few_pairs(len(pairs)), math.nan
    return Comparison(first, second, difference, p_value, lost=lost, reason=reason), sign


def few_pairs(count: int) -> str:
    """Return why so few common replicates give no verdict.

    Example:
        >>> few_pairs(2)
        'too few replicates in common (2, and a verdict needs 3)'
    """
    return f"too few replicates in common ({count}, and a verdict needs {FEWEST_PAIRS})"


def _averaged(pairs: Array, level: float) -> tuple[Interval, float, float]:
    """The mean difference with interval, p-value and sign, by the paired t-test."""
    differences, nan = pairs[:, 0] - pairs[:, 1], math.nan
    count = len(differences)
    if not count:
        return Interval(nan, nan, nan, 0, level, "no common replicate"), nan, 0.0
    mean = float(differences.mean())
    if count == 1:
        return Interval(mean, nan, nan, 1, level, "one pair has no interval"), nan, 0.0
    if are_equal(differences, float(np.abs(pairs).max())):
        method = f"{count} equal differences have no interval"
        return Interval(mean, nan, nan, count, level, method), nan, 0.0
    error = float(differences.std(ddof=1)) / math.sqrt(count)
    slack = metric_step(pairs) / (2 * count)
    half = slack + float(special.stdtrit(count - 1, (1 + level) / 2)) * error
    p_value = min(1.0, 2 * float(special.stdtr(count - 1, -(abs(mean) - slack) / error)))
    method = f"Student t over {count} pairs"
    return Interval(mean, mean - half, mean + half, count, level, method), p_value, mean


def metric_step(values: Array) -> float:
    """Return the step of a metric that takes evenly spaced values only; 0 for any other.

    Args:
        values: finite values of the metric, of any shape.

    Example:
        >>> metric_step(np.array([0.2, 0.4, 0.8, 0.4])), metric_step(np.array([0.2, 0.41, 0.8]))
        (0.2, 0.0)
    """
    ordered = np.unique(values)
    gaps = np.diff(ordered)
    gaps = gaps[gaps > FLOAT32_DIGITS * np.abs(ordered).max()]
    if not gaps.size:
        return 0.0
    multiples = gaps / gaps.min()
    # A thousandth of a step: above float32's rounding of an accuracy over 1,000 rows.
    is_stepped = np.all(np.abs(multiples - np.round(multiples)) < 1e-3)
    return float(gaps.min()) if is_stepped else 0.0


def _ranked(pairs: Array, level: float, lost: int) -> tuple[Interval, float, float]:
    """The p-value and the sign of the exact signed-rank test; there is no mean."""
    with np.errstate(invalid="ignore"):
        differences = pairs[:, 0] - pairs[:, 1]
    differences = np.where(pairs[:, 0] == pairs[:, 1], 0.0, differences)
    nan, count = math.nan, len(differences)
    method = f"signed ranks of {count} pairs, {lost} with a lost replicate"
    nothing = Interval(nan, nan, nan, count, level, method)
    moved = differences[differences != 0]
    if not moved.size:
        return nothing, nan, 0.0
    ranks = np.sign(moved) * stats.rankdata(np.abs(moved))
    return nothing, signed_rank_p_value(ranks), float(ranks.sum())


def signed_rank_p_value(ranks: Array) -> float:
    """Return the two-sided p-value of a sum of signed ranks, exact with ties too.

    By chance alone each rank has either sign with probability ½, so that the distribution of
    the sum is a product of polynomials, here in doubled ranks, which are whole.

    Args:
        ranks: the ranks of the sizes, equal ones averaged, with their signs; none is 0.

    Example:
        >>> signed_rank_p_value(np.array([1.0, 2.0, 3.0, 4.5, 4.5]))
        0.0625
    """
    doubled = np.round(2 * np.abs(ranks)).astype(int)
    shares = np.ones(1)
    for rank in doubled:
        longer = np.zeros(shares.size + rank)
        longer[: shares.size] += shares / 2
        longer[rank:] += shares / 2
        shares = longer
    total = round(2 * float(ranks[ranks > 0].sum()))
    tail = min(shares[: total + 1].sum(), shares[total:].sum())
    return min(1.0, 2 * float(tail))
