"""Who came first, and from whom it is shown to differ: the one verdict that every page follows."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from benchmark.statistics.comparison import Comparison, compare
from benchmark.statistics.intervals import LEVEL, Interval, mean_interval
from benchmark.statistics.labels import best_of, column_on_test, direction_of, replicate_table
from benchmark.trial import Status

WORST = tuple(str(status) for status in Status if status.meaning == "worst result")


@dataclass(frozen=True, slots=True)
class Standing:
    """What the best setting of a label reached.

    Args:
        label: the label.
        trials: finished trials of its search.
        best: the best objective of them.
        value: by which it is ranked: the mean of its replicates, or their median where a
            replicate of any label was lost; NaN without replicates.
        mean: of its usable replicates, with its interval.
        lost: its replicates that ended without a finite value, by status.
    """

    label: str
    trials: int
    best: float
    value: float
    mean: Interval
    lost: dict[str, int]

    @property
    def replicates(self) -> int:
        """How many replicates ended, in whatever way."""
        return self.mean.count + sum(self.lost.values())


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a run shows of its labels.

    Args:
        trials: finished trials of the search.
        objective: the metric that the search optimizes.
        metric: the one compared, on the test part where there is one.
        standings: the labels with a result, the best first.
        comparisons: every pair of labels.
        swept: options of the problem that differ between trials, so that labels have no order.
        level: of the intervals, and of all that is shown together.
    """

    trials: int
    objective: str
    metric: str
    standings: tuple[Standing, ...]
    comparisons: tuple[Comparison, ...]
    swept: tuple[str, ...] = ()
    level: float = LEVEL

    @property
    def is_by_median(self) -> bool:
        """Whether a replicate was lost, so that medians rank the labels instead of means."""
        return any(standing.lost for standing in self.standings)

    @property
    def first(self) -> Standing | None:
        """The label that came first; none where no label has a replicate, or all lost most."""
        if self.swept or not self.standings:
            return None
        first = self.standings[0]
        is_first = math.isfinite(first.value) or (
            first.replicates > 0 and len(self.beaten) == len(self.standings) - 1 > 0
        )
        return first if is_first else None

    @property
    def beaten(self) -> tuple[Standing, ...]:
        """The labels that the leading one is shown to be better than."""
        leading = self.standings[0].label if self.standings else ""
        worse = {
            second if better == first else first
            for first, second, better in (
                (pair.first, pair.second, pair.better) for pair in self.comparisons
            )
            if better == leading
        }
        return tuple(standing for standing in self.standings[1:] if standing.label in worse)

    @property
    def tied(self) -> tuple[Standing, ...]:
        """The labels behind the leading one that it is not shown to be better than."""
        beaten = {standing.label for standing in self.beaten}
        return tuple(standing for standing in self.standings[1:] if standing.label not in beaten)

    def pairs_of(self, label: str) -> list[Comparison]:
        """Return the comparisons of a label with the others that have a result.

        Args:
            label: the label.
        """
        known = {standing.label for standing in self.standings}
        return [
            pair
            for pair in self.comparisons
            if label in (pair.first, pair.second) and {pair.first, pair.second} <= known
        ]


def verdict(
    trials: pd.DataFrame, labels: Sequence[str] | None = None, level: float = LEVEL
) -> Verdict:
    """Return who came first in a run, and from whom it is shown to differ.

    Labels are ranked by the mean of their replicates. Where a replicate of any label was lost,
    a mean makes no sense, and the median ranks them, a lost replicate being worse than any
    other: a label most of whose replicates were lost comes last. Differences are those of
    :func:`compare`. No label is first that another one is shown to be better than.

    Args:
        trials: the table ``trials`` of a run.
        labels: the labels and their order; by default those in the table, as first met.
        level: of the intervals, and of all that is shown together, in (0, 1).

    Example:
        >>> verdict(pd.DataFrame(columns=["label", "phase", "status"]), ["adam"]).standings
        ()
    """
    if labels is None:
        labels = list(dict.fromkeys(trials["label"]))
    if not len(trials):
        return Verdict(0, "", "", (), ())
    column = column_on_test(trials) or "objective"
    objective = str(trials["objective_name"].iloc[0])
    metric = objective if column == "objective" else column.removeprefix("metric.")
    comparisons = tuple(compare(trials, column, labels, level))
    standings = _standings(trials, column, labels, level)
    ranked = _unbeaten_first(_ranked(standings, direction_of(trials) == "minimize"), comparisons)
    count = int((trials["phase"] == "search").sum())
    return Verdict(count, objective, metric, tuple(ranked), comparisons, _swept(trials), level)


def _standings(
    trials: pd.DataFrame, column: str, labels: Sequence[str], level: float
) -> list[Standing]:
    wide = replicate_table(trials, column)
    repeated = trials[trials["phase"] == "replicate"]
    is_by_median = bool(np.isinf(wide.to_numpy(float)).any()) if len(wide) else False
    standings = []
    for label in labels:
        best = best_of(trials[trials["label"] == label])
        if best is None:
            continue
        values = wide[label].dropna() if label in wide else pd.Series(dtype=float)
        finite = values[np.isfinite(values)]
        lost = repeated[
            (repeated["label"] == label)
            & repeated["replicate"].isin(values.index[np.isinf(values)])
        ]
        statuses = lost["status"].where(lost["status"].isin(WORST), "not finite")
        mean = mean_interval(finite, level)
        value = mean.mean
        if is_by_median and len(values):
            value = float(values.median())  # infinite where half of them were lost
        counts = {str(key): int(count) for key, count in statuses.value_counts().items()}
        searched = int(((trials["phase"] == "search") & (trials["label"] == label)).sum())
        objective = float(best["objective"])
        standings.append(Standing(label, searched, objective, value, mean, counts))
    return standings


def _ranked(standings: list[Standing], minimize: bool) -> list[Standing]:
    """The best first: by the replicates where there are any, else by the search."""
    sign = 1 if minimize else -1

    def key(standing: Standing) -> tuple[bool, float, int, float]:
        value = standing.best if math.isnan(standing.value) else standing.value
        mean = 0.0 if math.isnan(standing.mean.mean) else sign * standing.mean.mean
        return not standing.replicates, sign * value, sum(standing.lost.values()), mean

    return sorted(standings, key=key)


def _unbeaten_first(ranked: list[Standing], comparisons: Sequence[Comparison]) -> list[Standing]:
    """Ranks and medians may disagree: put a label first that none is shown to be better than."""
    worse = {
        pair.first if pair.better == pair.second else pair.second
        for pair in comparisons
        if pair.better
    }
    first = next((standing for standing in ranked if standing.label not in worse), None)
    return sorted(ranked, key=lambda standing: standing is not first)


def _swept(trials: pd.DataFrame) -> tuple[str, ...]:
    """The options of the problem that differ between the trials of the search."""
    search = trials[trials["phase"] == "search"]
    options = [str(name) for name in trials.columns if str(name).startswith("problem.")]
    return tuple(name.removeprefix("problem.") for name in options if search[name].nunique() > 1)
