"""Figures of the search space: a hyperparameter against the objective, and all at once."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from benchmark.report.figure import Figure
from benchmark.report.formatting import listed, number, words
from benchmark.report.material import Material
from benchmark.report.theme import INK, RULE, axis_of, finished, limits_of, scale_of
from benchmark.statistics import USABLE, best_of


@dataclass(frozen=True, slots=True)
class _Axis:
    """The axis of the objective, with a shelf for trials that have no finite one."""

    scale: str
    low: float
    high: float
    shelf: float

    @property
    def layout(self) -> dict[str, Any]:
        """The axis as Plotly wants it; the shelf has no ticks."""
        ticks = axis_of([self.low, self.high], self.scale, 0.0)
        return {**ticks, "range": self.range}

    @property
    def range(self) -> list[float]:
        """The ends as Plotly wants them: logarithms on a log axis."""
        ends = [min(self.low, self.shelf), max(self.high, self.shelf)]
        return [math.log10(end) for end in ends] if self.scale == "log" else ends


def learning_rate_slice(material: Material) -> Figure | None:
    """Draw the objective by learning rate.

    Args:
        material: the run.
    """
    if "learning_rate" not in material.all_searched() or not len(material.search):
        return None
    plot = make_subplots(rows=1, cols=1)
    _draw_slices(plot, material, ["learning_rate"], columns=1)
    best = [
        f"{row.label} {number(row.configuration['learning_rate'])}"
        for row in material.summaries
        if "learning_rate" in row.configuration
    ]
    shown = f" The best trials lie at {listed(best)}." if best else ""
    return Figure(
        "learning-rate",
        f"{words(material.objective).capitalize()} of every trial of the search by its learning "
        "rate. Filled: ran to its end; open: pruned, at the value it was stopped at; crosses on "
        "the shaded shelf: diverged or failed; ringed: the best trial of its optimizer.",
        f"Scatter chart of {words(material.objective)} by learning rate.{shown}",
        finished(plot, 420),
    )


def other_slices(material: Material) -> Figure | None:
    """Draw the objective by every other searched hyperparameter.

    Args:
        material: the run.
    """
    names = [name for name in material.all_searched() if name != "learning_rate"]
    if not names or not len(material.search):
        return None
    columns = min(2, len(names))
    rows = math.ceil(len(names) / columns)
    plot = make_subplots(
        rows=rows,
        cols=columns,
        shared_yaxes=True,
        horizontal_spacing=0.04,
        vertical_spacing=0.3 / rows,
    )
    _draw_slices(plot, material, names, columns)
    return Figure(
        "other-hyperparameters",
        f"{words(material.objective).capitalize()} by the other searched hyperparameters, "
        "drawn as above. The other dimensions vary from point to point.",
        f"Scatter charts of {words(material.objective)} by {listed(names)}.",
        finished(plot, 60 + 270 * rows),
        wide=columns > 1,
    )


def _draw_slices(plot: go.Figure, material: Material, names: list[str], columns: int) -> None:
    axis = _objective_axis(material)
    for index, name in enumerate(names):
        place = {"row": index // columns + 1, "col": index % columns + 1}
        plot.update_xaxes(title=name, **material.hyperparameter_axis(name), **place)
        first = place["col"] == 1
        title = words(material.objective) if first else None
        plot.update_yaxes(title=title, **axis.layout, **place)
        if _has_unfinished(material.search):
            _draw_shelf(plot, axis, place, first)
        for label in material.labels:
            _draw_label(plot, material, label, name, axis=axis, place=place, legend=index == 0)


def _objective_axis(material: Material) -> _Axis:
    """Place a shelf beyond the worst end of the axis, a tenth of its length away."""
    values = material.search["objective"].to_numpy(float)
    values = values[np.isfinite(values)]
    scale = scale_of(values)
    low, high = limits_of(values, scale)
    ends = (math.log10(low), math.log10(high)) if scale == "log" else (low, high)
    beyond = 0.1 * (ends[1] - ends[0])
    shelf = ends[1] + beyond if material.direction == "minimize" else ends[0] - beyond
    return _Axis(scale, low, high, 10**shelf if scale == "log" else shelf)


def _has_unfinished(search: pd.DataFrame) -> bool:
    return not np.isfinite(search["objective"].to_numpy(float)).all()


def _draw_shelf(plot: go.Figure, axis: _Axis, place: dict[str, int], first: bool) -> None:
    edge = axis.high if axis.shelf > axis.high else axis.low
    outer = 10 ** axis.range[1] if axis.scale == "log" else axis.range[1]
    inner = 10 ** axis.range[0] if axis.scale == "log" else axis.range[0]
    ends = (edge, outer) if axis.shelf > axis.high else (inner, edge)
    plot.add_hrect(y0=ends[0], y1=ends[1], fillcolor=RULE, opacity=0.5, line_width=0, **place)
    if first:
        plot.add_annotation(
            text="no finite value",
            x=0.005,
            xref="x domain",
            y=math.log10(axis.shelf) if axis.scale == "log" else axis.shelf,
            showarrow=False,
            xanchor="left",
            font={"size": 11, "color": INK},
            **place,
        )


def _draw_label(
    plot: go.Figure,
    material: Material,
    label: str,
    name: str,
    *,
    axis: _Axis,
    place: dict[str, int],
    legend: bool,
) -> None:
    own = material.search[material.search["label"] == label].dropna(subset=[f"hp.{name}"])
    style, best = material.styles[label], best_of(own)
    finite = np.isfinite(own["objective"].to_numpy(float))
    ended = own["status"].isin(USABLE).to_numpy()
    looks: list[tuple[Any, dict[str, Any]]] = [
        (finite & ended, {"symbol": style.symbol, "color": style.faint(0.8), "size": 8}),
        (finite & ~ended, {"symbol": f"{style.symbol}-open", "color": style.colour, "size": 8}),
        (~finite, {"symbol": "x-thin", "color": style.colour, "size": 8}),
    ]
    for position, (mask, marker) in enumerate(looks):
        marker["line"] = {"width": 1.4 if position else 0, "color": style.colour}
        rows = own[mask]
        plot.add_scatter(
            x=rows[f"hp.{name}"],
            y=rows["objective"].where(np.isfinite(rows["objective"]), axis.shelf),
            mode="markers",
            marker=marker,
            name=label,
            legendgroup=label,
            showlegend=legend and position == 0,
            customdata=np.column_stack([rows["number"], rows["status"]]),
            hovertemplate=f"{label}, trial %{{customdata[0]}}, %{{customdata[1]}}<br>"
            "%{x:.4g} → %{y:.4g}<extra></extra>",
            **place,
        )
    if best is not None:
        plot.add_scatter(
            x=[best[f"hp.{name}"]],
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


def parallel_coordinates(material: Material) -> Figure | None:
    """Draw every trial of the search as a line over all searched hyperparameters.

    Args:
        material: the run.
    """
    names = material.all_searched()
    worst = material.worst_finite()
    if len(names) < 2 or len(material.search) < 2 or math.isnan(worst):
        return None
    objectives = material.search["objective"]
    objectives = objectives.where(np.isfinite(objectives), worst)
    is_log = scale_of(objectives) == "log"
    colour = np.log10(objectives) if is_log else objectives
    codes = material.search["label"].map({name: i for i, name in enumerate(material.labels)})
    dimensions = [
        {
            "label": "optimizer",
            "values": codes,
            "tickvals": list(range(len(material.labels))),
            "ticktext": material.labels,
            "range": [-0.2, len(material.labels) - 0.8],
        },
        *(_dimension(material.search[f"hp.{name}"], name, material.is_log(name)) for name in names),
        _dimension(objectives, words(material.objective), is_log),
    ]
    minimize = material.direction == "minimize"
    plot = go.Figure(
        go.Parcoords(
            dimensions=dimensions,
            # Cividis is made for colour-blind eyes; bright is good in either direction.
            line={"color": colour, "colorscale": "Cividis", "reversescale": minimize},
            unselected={"line": {"opacity": 0.08}},
            labelfont={"size": 13, "color": INK},
            tickfont={"size": 11, "color": INK},
            rangefont={"size": 1, "color": "rgba(0,0,0,0)"},
        )
    )
    return Figure(
        "parallel-coordinates",
        "Every trial of the search as a line over the searched hyperparameters, on their own "
        "scales; the brighter, the better. Drag along an axis to keep the trials that pass there. "
        "A dash at the foot of an axis: the optimizer has no such hyperparameter. A trial without "
        "a finite objective counts as the worst finite one.",
        f"Parallel coordinates of {len(material.search)} trials over "
        f"{listed(names)} and {words(material.objective)}.",
        finished(plot, 440, margin={"l": 70, "r": 60, "t": 60, "b": 30}),
        wide=True,
    )


def _dimension(values: "pd.Series[Any]", name: str, is_log: bool) -> dict[str, Any]:
    """Return an axis of the parallel coordinates; log axes are drawn by their exponents."""
    numbers = values.to_numpy(float)
    present = np.unique(numbers[np.isfinite(numbers)])
    if not present.size:
        present = np.zeros(1)
    ticks = _ticks(present, is_log)
    scaled = np.log10(numbers) if is_log else numbers
    places = np.log10(ticks) if is_log else ticks
    ends = np.log10(present[[0, -1]]) if is_log else present[[0, -1]]
    low, high = float(min(ends[0], places[0])), float(max(ends[1], places[-1]))
    text = [number(float(tick), 3) for tick in ticks]
    if not np.isfinite(numbers).all():
        low -= 0.12 * (high - low or 1.0)
        scaled = np.where(np.isfinite(numbers), scaled, low)
        places, text = np.concatenate([[low], places]), ["–", *text]
    if low == high:
        low, high = low - 0.5, high + 0.5
    return {
        "label": name,
        "values": scaled,
        "range": [low, high],
        "tickvals": places,
        "ticktext": text,
    }


def _ticks(present: "np.ndarray[Any, Any]", is_log: bool) -> "np.ndarray[Any, Any]":
    """A few ticks: the values themselves where they are few, else five from end to end."""
    if present.size <= 6:
        return present
    if is_log:
        return np.geomspace(present[0], present[-1], 5)
    return np.linspace(present[0], present[-1], 5)
