"""Which optimizer is better, on replicates that share their randomness."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from benchmark.statistics.intervals import LEVEL, Interval, mean_interval
from benchmark.statistics.labels import direction_of, usable


@dataclass(frozen=True, slots=True)
class Comparison:
    """The difference of two labels in one metric.

    Args:
        first: a label.
        second: another label.
        difference: the mean of first minus second over common replicates, with its interval.
        better: the better label, or ``""`` where no difference is shown.
    """

    first: str
    second: str
    difference: Interval
    better: str


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

        d_r = first_r - second_r,    mean(d) with its interval

    A difference is shown when the interval excludes 0; where it includes 0, the
    replicates show none, which is not to say that there is none. Each interval holds
    at its level by itself: of 20 pairs without any difference, one is shown by chance.

    Args:
        trials: the table ``trials`` of a run.
        column: the column compared, ``"objective"`` or ``"metric.<name>"``; better is
            what the run's direction says.
        labels: the labels and their order; by default those in the table, as first met.
        level: the confidence level of each interval, in (0, 1).

    References:
        Law, "Simulation Modeling and Analysis", 5th edition, 2015, sections 10.2.1
        (paired-t interval) and 11.2 (common random numbers).
    """
    if labels is None:
        labels = list(dict.fromkeys(trials["label"]))
    wide = _by_replicate(trials, column)
    minimize = direction_of(trials) == "minimize"
    return [
        _compare(wide, first, second, minimize, level)
        for first, second in itertools.combinations(labels, 2)
    ]


def _by_replicate(trials: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return a row a replicate index and a column a label."""
    repeated = usable(trials, "replicate")
    repeated = repeated[np.isfinite(repeated[column])] if len(repeated) else repeated
    if not len(repeated):
        return pd.DataFrame()
    return repeated.pivot_table(index="replicate", columns="label", values=column, aggfunc="mean")


def _compare(
    wide: pd.DataFrame, first: str, second: str, minimize: bool, level: float
) -> Comparison:
    if first not in wide or second not in wide:
        nothing = Interval(math.nan, math.nan, math.nan, 0, level, "no common replicate")
        return Comparison(first, second, nothing, "")
    pairs = wide[[first, second]].dropna()
    found = mean_interval(pairs[first] - pairs[second], level)
    found = replace(found, method=found.method.replace("values", "pairs"))
    if found.includes(0.0):
        return Comparison(first, second, found, "")
    return Comparison(first, second, found, first if (found.mean < 0) == minimize else second)
