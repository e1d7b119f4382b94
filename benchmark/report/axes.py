"""Axes: the objective with a shelf for trials that have no finite one, and ticks of others."""

import math
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from benchmark.curvature.symlog import symlog
from benchmark.report.formatting import number
from benchmark.report.theme import RULE, Style, axis_of, limits_of, scale_of
from benchmark.statistics import USABLE, best_of

MOST_TICKS = 8
"""Beyond, every second decade is left out: labels must not run into each other on a phone."""


@dataclass(frozen=True, slots=True)
class ObjectiveAxis:
    """The axis of the objective; positions are logarithms where the scale is.

    Args:
        scale: ``"log"`` or ``"linear"``.
        low: position of the lower end of the finite values.
        high: position of the upper end of the finite values.
        shelf: ends of the strip beyond the worse end, for trials without a finite
            value; nothing where all are finite.
        is_empty: whether no value is finite.
    """

    scale: str
    low: float
    high: float
    shelf: tuple[float, float] | None
    is_empty: bool = False

    @classmethod
    def of(cls, objectives: ArrayLike, direction: str) -> Self:
        """Return the axis that holds some objectives.

        Args:
            objectives: the values, some perhaps not finite.
            direction: ``"minimize"`` puts the shelf on top, ``"maximize"`` below.

        Example:
            >>> ObjectiveAxis.of([0.0, 1.0], "minimize").shelf is None
            True
        """
        values = np.asarray(objectives, dtype=float)
        scale = scale_of(values)
        low, high = limits_of(values, scale)
        if scale == "log":
            low, high = math.log10(low), math.log10(high)
        if np.isfinite(values).all():
            return cls(scale, low, high, None)
        width = 0.13 * (high - low)
        shelf = (high, high + width) if direction == "minimize" else (low - width, low)
        return cls(scale, low, high, shelf, not np.isfinite(values).any())

    @property
    def layout(self) -> dict[str, Any]:
        """The axis as Plotly wants it; the shelf has one tick, which says what it is."""
        axis = axis_of([self._value(self.low), self._value(self.high)], self.scale, 0.0)
        if self.shelf is None:
            return axis
        ends = [self.low, self.high, *self.shelf]
        values, text = ([], []) if self.is_empty else (axis["tickvals"], axis["ticktext"])
        return {
            **axis,
            "range": [min(ends), max(ends)],
            "tickvals": [*values, self.shelf_value],
            "ticktext": [*text, "not finite"],
        }

    @property
    def shelf_value(self) -> float:
        """The value at the middle of the shelf, NaN without one."""
        return self._value(sum(self.shelf) / 2) if self.shelf else math.nan

    def draw_shelf(self, plot: go.Figure, place: dict[str, int]) -> None:
        """Shade the shelf in one panel of a figure.

        Args:
            plot: the figure.
            place: ``row`` and ``col`` of the panel.
        """
        if self.shelf is None:
            return
        ends = [self._value(end) for end in self.shelf]
        plot.add_hrect(
            y0=ends[0],
            y1=ends[1],
            fillcolor=RULE,
            opacity=0.5,
            line_width=0,
            layer="below",
            exclude_empty_subplots=False,
            **place,
        )

    def _value(self, position: float) -> float:
        return float(10**position) if self.scale == "log" else position


def symlog_ticks(ends: Any, unit: float, decades: int = 6) -> tuple[list[float], list[str]]:
    """Return places and texts of ticks between the ends of an axis.

    Args:
        ends: the lower and the upper end come first and last, in places.
        unit: the half-width of the linear middle.
        decades: of the axis on either side of it.
    """
    powers = unit * 10.0 ** np.arange(0, decades + 1)
    ticks = np.concatenate([-powers[::-1], [0.0], powers])
    places = symlog(ticks, unit)
    kept = (places >= ends[0]) & (places <= ends[-1])
    if kept.sum() > MOST_TICKS:
        kept &= np.abs(np.arange(ticks.size) - (decades + 1)) % 2 == 0
    return list(places[kept]), [number(float(tick), 2) for tick in ticks[kept]]


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
