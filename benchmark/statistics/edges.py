"""Best points that lie at the edge of their search space: a sign to widen it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from benchmark.statistics.labels import best_of, configuration_of

SHARE = 0.05


@dataclass(frozen=True, slots=True)
class EdgeWarning:
    """A best value near an end of its dimension.

    Args:
        label: the label.
        name: the hyperparameter.
        value: its value in the label's best trial.
        end: ``"low"`` or ``"high"``, the end it is near.
        limit: that end.
    """

    label: str
    name: str
    value: float
    end: Literal["low", "high"]
    limit: float


def edge_warnings(
    trials: pd.DataFrame, spaces: Mapping[str, Mapping[str, Mapping[str, Any]]]
) -> list[EdgeWarning]:
    """Return where the best trial of a label lies within 5 % of an end of its space.

    The 5 % are taken on the dimension's own scale, logarithmic where it is searched so.
    Of three or more choices the smallest and the largest are the edges.

    Args:
        trials: the table ``trials`` of a run.
        spaces: by label and hyperparameter a mapping with ``low``, ``high``, ``log`` and
            ``step``, or ``choices``, or ``value``.

    References:
        Godbole et al., "Deep Learning Tuning Playbook", 2023, section "Identifying bad
        search space boundaries".
    """
    warnings = []
    for label, space in spaces.items():
        best = best_of(trials[trials["label"] == label])
        configuration = configuration_of(best) if best is not None else {}
        for name, value in configuration.items():
            edge = _edge(space.get(name, {}), value)
            if edge is not None:
                warnings.append(EdgeWarning(label, name, value, *edge))
    return warnings


def _edge(
    dimension: Mapping[str, Any], value: float
) -> tuple[Literal["low", "high"], float] | None:
    choices = dimension.get("choices")
    if choices is not None:
        low, high, is_log = float(min(choices)), float(max(choices)), False
        position = 0.5 if low < value < high or len(choices) < 3 else float(value >= high)
    elif dimension.get("low") is None or dimension.get("high") is None:
        return None
    else:
        low, high = float(dimension["low"]), float(dimension["high"])
        is_log = bool(dimension.get("log"))
        position = _place(value, low, high, is_log)
    if position <= SHARE:
        return "low", low
    return ("high", high) if position >= 1 - SHARE else None


def _place(value: float, low: float, high: float, is_log: bool) -> float:
    """Where a value lies between the ends, 0 to 1 on the dimension's own scale."""
    if is_log:
        value, low, high = math.log(value), math.log(low), math.log(high)
    return (value - low) / (high - low)
