"""The search space at a glance: every trial as a line over all searched hyperparameters."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.colors import sample_colorscale

from benchmark.report.formatting import listed, number, words
from benchmark.report.hyperparameters import best_setting
from benchmark.report.rendering import Figure
from benchmark.report.run_data import RunData
from benchmark.report.theme import PAPER, RULE, finished, scale_of

MOST_AXES = 7
"""More hyperparameters would print their names into each other."""
LEVELS = 12
"""Lines have this many colours: a trace each, for a trace a trial would be slow to draw."""
MISSING = -0.12
"""Where a trial without a value stands, below an axis that goes from 0 to 1."""


@dataclass(frozen=True, slots=True, eq=False)
class Axis:
    """One axis of the figure, from 0 to 1.

    Args:
        title: what stands above it.
        positions: of each trial on it.
        ticks: position and text of each tick.
    """

    title: str
    positions: "np.ndarray[Any, np.dtype[Any]]"
    ticks: list[tuple[float, str]]


def parallel_coordinates(run_data: RunData) -> Figure | None:
    """Draw every trial of the search as a line over all searched hyperparameters.

    Args:
        run_data: the run.
    """
    names, left_out = _axes(run_data)
    worst = run_data.worst_finite()
    if len(names) < 2 or len(run_data.search) < 2 or math.isnan(worst):
        return None
    objectives = run_data.search["objective"]
    objectives = objectives.where(np.isfinite(objectives), worst)
    is_log = scale_of(objectives) == "log"
    axes = [
        _label_axis(run_data),
        *(_axis(run_data.search[f"hp.{name}"], name, run_data.is_log(name)) for name in names),
        _axis(objectives, words(run_data.objective), is_log),
    ]
    plot = go.Figure()
    _add_lines(plot, axes, run_data)
    _add_ticks(plot, axes)
    plot.update_xaxes(
        tickvals=list(range(len(axes))),
        ticktext=[axis.title for axis in axes],
        range=[-0.35, len(axes) - 0.55],
        side="top",
        showgrid=True,
        zeroline=False,
        fixedrange=True,
    )
    plot.update_yaxes(visible=False, range=[MISSING - 0.04, 1.04], fixedrange=True)
    return Figure(
        "parallel-coordinates",
        "Every trial of the search as a line over the searched hyperparameters, each on its own "
        "scale; brighter is better.",
        f"Parallel coordinates of {len(run_data.search)} trials over "
        f"{listed(names)} and {words(run_data.objective)}.",
        finished(
            plot,
            440,
            margin={
                "l": max(40, 7 * max(map(len, run_data.labels)) - 20),
                "r": 16,
                "t": 56,
                "b": 16,
            },
            showlegend=False,
            dragmode="select",
            selectdirection="any",
            meta={"keeps_selected_lines": True},
        ),
        wide=True,
        shows=best_setting(run_data, names),
        details="Drag a box over an axis to keep the trials that pass through it; double-click to "
        "see all again. A dash at the foot of an axis means that the optimizer has no such "
        "hyperparameter. A trial without a finite objective counts as the worst finite one."
        f"{left_out}",
    )


def _axes(run_data: RunData) -> tuple[list[str], str]:
    """The hyperparameters that have an axis, and a sentence on the others."""
    every = run_data.all_searched()
    searched = [run_data.searched(label) for label in run_data.labels]
    shared = {name: sum(name in names_of_label for names_of_label in searched) for name in every}
    first = sorted(every, key=lambda name: -shared[name])[:MOST_AXES]
    names = [name for name in every if name in first]
    left = [name for name in every if name not in first]
    return names, f" Left out for lack of space: {listed(left)}." if left else ""


def _label_axis(run_data: RunData) -> Axis:
    """The axis of the optimizers, the first of them at the top."""
    last = max(len(run_data.labels) - 1, 1)
    place = {label: 1 - index / last for index, label in enumerate(run_data.labels)}
    positions = run_data.search["label"].map(place).to_numpy(float)
    return Axis("optimizer", positions, [(at, label) for label, at in place.items()])


def _axis(values: "pd.Series[Any]", title: str, is_log: bool) -> Axis:
    numbers = values.to_numpy(float)
    present = np.unique(numbers[np.isfinite(numbers)])
    if not present.size:
        return Axis(title, np.full(numbers.shape, MISSING), [(MISSING, "–")])
    ticks = _ticks(present, is_log)
    scaled, marks = (np.log10(numbers), np.log10(ticks)) if is_log else (numbers, ticks)
    low, span = float(marks[0]), float(marks[-1] - marks[0])
    positions = (scaled - low) / span if span else np.where(np.isnan(scaled), np.nan, 0.5)
    places = (marks - low) / span if span else np.full(1, 0.5)
    shown = [(float(at), number(float(tick), 3)) for at, tick in zip(places, ticks, strict=True)]
    is_missing = ~np.isfinite(positions)
    if is_missing.any():
        shown.insert(0, (MISSING, "–"))
    return Axis(title, np.where(is_missing, MISSING, positions), shown)


def _ticks(present: "np.ndarray[Any, Any]", is_log: bool) -> "np.ndarray[Any, Any]":
    """A few ticks: the values themselves where they are few, else five from end to end."""
    if present.size <= 6:
        return present
    if is_log:
        return np.geomspace(present[0], present[-1], 5)
    return np.linspace(present[0], present[-1], 5)


def _add_lines(plot: go.Figure, axes: list[Axis], run_data: RunData) -> None:
    """Add the trials, the best of them last and so on top."""
    goodness = axes[-1].positions
    if run_data.direction == "minimize":
        goodness = 1 - goodness
    # Cividis is made for colour-blind eyes. Its ends are left out: they vanish on a page.
    colours = sample_colorscale("Cividis", np.linspace(0.12, 0.92, LEVELS).tolist())
    level = np.clip((goodness * LEVELS).astype(int), 0, LEVELS - 1)
    points = np.stack([axis.positions for axis in axes], axis=1)
    numbers = run_data.search["number"].to_numpy()
    across = [*range(len(axes)), None]
    for index, colour in enumerate(colours):
        rows = np.flatnonzero(level == index)
        if not rows.size:
            continue
        plot.add_scatter(
            x=across * rows.size,
            y=[value for row in rows for value in (*points[row].tolist(), None)],
            text=[f"trial {numbers[row]}" for row in rows for _ in across],
            mode="lines",
            line={"color": colour, "width": 1.0 + 1.2 * index / LEVELS},
            opacity=0.75,
            hovertemplate="%{text}<extra></extra>",
        )


def _add_ticks(plot: go.Figure, axes: list[Axis]) -> None:
    """Add the numbers at the left of each axis, for all but one of them are no axis of Plotly."""
    for index, axis in enumerate(axes):
        plot.add_shape(
            type="line", x0=index, x1=index, y0=0, y1=1, line={"color": RULE, "width": 1.5}
        )
        for position, text in axis.ticks:
            plot.add_annotation(
                x=index,
                y=position,
                text=text,
                showarrow=False,
                xanchor="right",
                xshift=-5,
                font={"size": 11},
                bgcolor=PAPER,
            )
