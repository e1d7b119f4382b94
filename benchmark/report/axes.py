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
from benchmark.report.panels import Place
from benchmark.report.run_data import RunData
from benchmark.report.theme import RULE, axis_of, limits_of, scale_of
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

    def draw_shelf(self, plot: go.Figure, place: Place) -> None:
        """Shade the shelf in one panel of a figure.

        Args:
            plot: the figure.
            place: of the panel.
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
    """Return positions and texts of ticks between the ends of an axis.

    Args:
        ends: positions on the axis, the lower end first and the upper end last.
        unit: the half-width of the linear middle.
        decades: of the axis on either side of it.
    """
    powers = unit * 10.0 ** np.arange(0, decades + 1)
    ticks = np.concatenate([-powers[::-1], [0.0], powers])
    positions = symlog(ticks, unit)
    is_shown = (positions >= ends[0]) & (positions <= ends[-1])
    if is_shown.sum() > MOST_TICKS:
        is_shown &= np.abs(np.arange(ticks.size) - (decades + 1)) % 2 == 0
    return list(positions[is_shown]), [number(float(tick), 2) for tick in ticks[is_shown]]


def looks(run_data: RunData) -> str:
    """Return how :func:`draw_points` marks trials, for a caption.

    Args:
        run_data: the run.
    """
    ringed = "" if run_data.swept else "; ringed: the best trial of its optimizer"
    return (
        "Filled: ran to its end; open: pruned, at the value it was stopped at; crosses on the "
        f"shaded shelf: diverged or failed{ringed}."
    )


def draw_points(
    plot: go.Figure,
    place: Place,
    *,
    rows: pd.DataFrame,
    column: str,
    run_data: RunData,
    axis: ObjectiveAxis,
) -> None:
    """Draw the objectives of trials in one panel, with the shelf of those that have none.

    Args:
        plot: the figure.
        place: of the panel.
        rows: the trials, with ``label``, ``number``, ``status``, ``objective``, ``direction``.
        column: what is drawn across; a trial that has no value there is left out.
        run_data: the run.
        axis: of the objective.
    """
    axis.draw_shelf(plot, place)
    for label in run_data.labels:
        of_label = rows[rows["label"] == label].dropna(subset=[column])
        _draw_label(plot, of_label, column, label, run_data, axis, place)


def _draw_label(
    plot: go.Figure,
    rows: pd.DataFrame,
    column: str,
    label: str,
    run_data: RunData,
    axis: ObjectiveAxis,
    place: Place,
) -> None:
    style = run_data.styles[label]
    finite = np.isfinite(rows["objective"].to_numpy(float))
    ended = rows["status"].isin(USABLE).to_numpy()
    looks: list[tuple[Any, dict[str, Any]]] = [
        (finite & ended, {"symbol": style.symbol, "color": style.faint(0.8), "size": 8}),
        (finite & ~ended, {"symbol": f"{style.symbol}-open", "color": style.colour, "size": 8}),
        (~finite, {"symbol": "x-thin", "color": style.colour, "size": 8}),
    ]
    for position, (mask, marker) in enumerate(looks):
        marker["line"] = {"width": 1.4 if position else 0, "color": style.colour}
        trials = rows[mask]
        plot.add_scatter(
            x=trials[column],
            y=trials["objective"].where(np.isfinite(trials["objective"]), axis.shelf_value),
            mode="markers",
            marker=marker,
            name=label,
            legendgroup=label,
            customdata=np.column_stack([trials["number"], trials["status"]]),
            hovertemplate=f"{label}, trial %{{customdata[0]}}, %{{customdata[1]}}<br>"
            "%{x:.4g} → %{y:.4g}<extra></extra>",
            **place,
        )
    best = None if run_data.swept else best_of(rows)
    if best is not None:
        ring = {"width": 2, "color": style.colour}
        plot.add_scatter(
            x=[best[column]],
            y=[best["objective"]],
            mode="markers",
            marker={"symbol": "circle-open", "size": 17, "line": ring, "color": style.colour},
            legendgroup=label,
            showlegend=False,
            hoverinfo="skip",
            **place,
        )


BEYOND = 100.0
"""An axis leaves out what lies further than this factor beyond nine tenths of its values."""
LEAST_SPAN = 4.0
"""The least factor between the ends of an axis."""


def axis_around(values: Any) -> dict[str, Any]:
    """Return a logarithmic axis that lone values far from all others do not stretch.

    Args:
        values: positive numbers, at least one.

    Example:
        >>> axis_around([1.0] * 30 + [10.0] * 30 + [1e-13])["ticktext"][0]
        '0.01'
    """
    numbers = np.asarray(values, dtype=float)
    low, high = np.quantile(numbers, [0.05, 0.95])
    ends = [max(numbers.min(), low / BEYOND), min(numbers.max(), high * BEYOND)]
    # Rounding of float32 would fill an axis on which nothing changes.
    missing = max(1.0, LEAST_SPAN / (ends[1] / ends[0])) ** 0.5
    return axis_of([ends[0] / missing, ends[1] * missing], "log")


def clipped(values: Any, axis: dict[str, Any]) -> "np.ndarray[Any, np.dtype[np.float64]]":
    """Return values on an axis, those beyond its ends at them.

    Args:
        values: positive numbers.
        axis: what :func:`axis_around` returned.
    """
    low, high = (10.0**end for end in axis["range"])
    return np.clip(np.asarray(values, dtype=float), low * 1.02, high / 1.02)
