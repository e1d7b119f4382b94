"""Quantities by epoch over several trials of one setting: mean, lowest and highest value."""

from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True, slots=True)
class Spread:
    """A quantity after one epoch, over several trials of one setting.

    Args:
        epoch: after which epoch.
        mean: the arithmetic mean.
        low: the lowest value.
        high: the highest value.
    """

    epoch: int
    mean: float
    low: float
    high: float


def spreads(table: pd.DataFrame, column: str, count: int) -> dict[str, list[Spread]]:
    """Return each quantity of a table by epoch, over the trials of the table.

    An epoch counts only if every trial has a finite value there: a mean over those that happen to
    have one would jump where one of them ends, or where its κ is unknown.

    Args:
        table: rows of the tables ``curves`` or ``curvature`` of a run.
        column: the column that names the quantity: ``"metric"`` or ``"quantity"``.
        count: how many trials there are.

    Example:
        >>> table = pd.DataFrame({"trial": [1, 2, 1], "epoch": [0, 0, 1], "value": [1.0, 3.0, 0.5],
        ...                       "metric": ["train_loss"] * 3})
        >>> spreads(table, "metric", 2)
        {'train_loss': [Spread(epoch=0, mean=2.0, low=1.0, high=3.0)]}
    """
    finite = table[np.isfinite(table["value"])]
    grouped = finite.groupby([column, "epoch"], sort=True)["value"]
    by_quantity: dict[str, list[Spread]] = {}
    for row in grouped.agg(["mean", "min", "max", "count"]).reset_index().to_dict("records"):
        if row["count"] == count:
            spread = Spread(int(row["epoch"]), row["mean"], row["min"], row["max"])
            by_quantity.setdefault(str(row[column]), []).append(spread)
    return by_quantity
