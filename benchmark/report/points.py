"""Trials of the search as points: something of each against the objective."""

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from benchmark.report.objective_axis import ObjectiveAxis
from benchmark.report.theme import Style
from benchmark.statistics import USABLE, best_of

LOOKS = (
    "Filled: ran to its end; open: pruned, at the value it was stopped at; crosses on the shaded "
    "shelf: diverged or failed; ringed: the best trial of its optimizer."
)
"""How :func:`draw_points` marks trials, for a caption."""


def draw_points(
    plot: go.Figure,
    rows: pd.DataFrame,
    column: str,
    label: str,
    *,
    style: Style,
    axis: ObjectiveAxis,
    place: dict[str, int],
    legend: bool,
) -> None:
    """Draw the trials of one label in one panel.

    Args:
        plot: the figure.
        rows: the trials, with ``number``, ``status``, ``objective`` and ``direction``.
        column: what is drawn across; the row of a trial that has none is left out.
        label: the label.
        style: of the label.
        axis: of the objective.
        place: ``row`` and ``col`` of the panel.
        legend: whether the label is named in the legend here.
    """
    own = rows.dropna(subset=[column])
    finite = np.isfinite(own["objective"].to_numpy(float))
    ended = own["status"].isin(USABLE).to_numpy()
    looks: list[tuple[Any, dict[str, Any]]] = [
        (finite & ended, {"symbol": style.symbol, "color": style.faint(0.8), "size": 8}),
        (finite & ~ended, {"symbol": f"{style.symbol}-open", "color": style.colour, "size": 8}),
        (~finite, {"symbol": "x-thin", "color": style.colour, "size": 8}),
    ]
    for position, (mask, marker) in enumerate(looks):
        marker["line"] = {"width": 1.4 if position else 0, "color": style.colour}
        some = own[mask]
        plot.add_scatter(
            x=some[column],
            y=some["objective"].where(np.isfinite(some["objective"]), axis.shelf_value),
            mode="markers",
            marker=marker,
            name=label,
            legendgroup=label,
            showlegend=legend and position == 0,
            customdata=np.column_stack([some["number"], some["status"]]),
            hovertemplate=f"{label}, trial %{{customdata[0]}}, %{{customdata[1]}}<br>"
            "%{x:.4g} → %{y:.4g}<extra></extra>",
            **place,
        )
    _ring(plot, best_of(own), column, label, style, place)


def _ring(
    plot: go.Figure, best: Any, column: str, label: str, style: Style, place: dict[str, int]
) -> None:
    if best is None:
        return
    plot.add_scatter(
        x=[best[column]],
        y=[best["objective"]],
        mode="markers",
        marker={
            "symbol": "circle-open",
            "size": 17,
            "line": {"width": 2, "color": style.colour},
            "color": style.colour,
        },
        legendgroup=label,
        showlegend=False,
        hoverinfo="skip",
        **place,
    )
