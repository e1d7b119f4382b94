"""Figures of the searched hyperparameters: all at once, one by one, and their importance."""

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from benchmark.report.axes import LOOKS, ObjectiveAxis, draw_points
from benchmark.report.formatting import listed, number, words
from benchmark.report.panels import Panel, small_multiples
from benchmark.report.rendering import Figure
from benchmark.report.run_data import RunData
from benchmark.report.theme import INK, finished, scale_of
from benchmark.statistics import importance_of

MOST_AXES = 7
"""More hyperparameters would print their names into each other."""


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
    colour = np.log10(objectives) if is_log else objectives
    codes = run_data.search["label"].map({name: i for i, name in enumerate(run_data.labels)})
    dimensions = [
        {
            "label": "optimizer",
            "values": codes,
            "tickvals": list(range(len(run_data.labels))),
            "ticktext": run_data.labels,
            "range": [-0.2, len(run_data.labels) - 0.8],
        },
        *(_dimension(run_data.search[f"hp.{name}"], name, run_data.is_log(name)) for name in names),
        _dimension(objectives, words(run_data.objective), is_log),
    ]
    left = max(70, 8 * max(map(len, run_data.labels)))
    minimize = run_data.direction == "minimize"
    plot = go.Figure(
        go.Parcoords(
            dimensions=dimensions,
            # Cividis is made for colour-blind eyes; bright is good in either direction.
            line={"color": colour, "colorscale": "Cividis", "reversescale": minimize},
            unselected={"line": {"opacity": 0.08}},
            labelangle=-12 if len(names) >= MOST_AXES else 0,
            labelfont={"size": 13, "color": INK},
            tickfont={"size": 11, "color": INK},
            rangefont={"size": 1, "color": "rgba(0,0,0,0)"},
        )
    )
    return Figure(
        "parallel-coordinates",
        "Every trial of the search as a line over the searched hyperparameters, each on its own "
        "scale; brighter is better. Drag along an axis to keep the trials that pass there. A dash "
        "at the foot of an axis means that the optimizer has no such hyperparameter. A trial "
        f"without a finite objective counts as the worst finite one.{left_out}",
        f"Parallel coordinates of {len(run_data.search)} trials over "
        f"{listed(names)} and {words(run_data.objective)}.",
        finished(
            plot,
            440,
            margin={"l": left, "r": 60, "t": 80, "b": 30},
        ),
        wide=True,
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


def _dimension(values: "pd.Series[Any]", name: str, is_log: bool) -> dict[str, Any]:
    """Return an axis of the parallel coordinates; log axes are drawn by their exponents."""
    numbers = values.to_numpy(float)
    present = np.unique(numbers[np.isfinite(numbers)])
    if not present.size:
        present = np.zeros(1)
    ticks = _ticks(present, is_log)
    scaled = np.log10(numbers) if is_log else numbers
    positions = np.log10(ticks) if is_log else ticks
    ends = np.log10(present[[0, -1]]) if is_log else present[[0, -1]]
    low, high = float(min(ends[0], positions[0])), float(max(ends[1], positions[-1]))
    text = [number(float(tick), 3) for tick in ticks]
    if not np.isfinite(numbers).all():
        low -= 0.12 * (high - low or 1.0)
        scaled = np.where(np.isfinite(numbers), scaled, low)
        positions, text = np.concatenate([[low], positions]), ["–", *text]
    if low == high:
        low, high = low - 0.5, high + 0.5
    return {
        "label": name,
        "values": scaled,
        "range": [low, high],
        "tickvals": positions,
        "ticktext": text,
    }


def _ticks(present: "np.ndarray[Any, Any]", is_log: bool) -> "np.ndarray[Any, Any]":
    """A few ticks: the values themselves where they are few, else five from end to end."""
    if present.size <= 6:
        return present
    if is_log:
        return np.geomspace(present[0], present[-1], 5)
    return np.linspace(present[0], present[-1], 5)


def importances(run_data: RunData) -> list[Figure | str]:
    """Draw the importance of each searched hyperparameter.

    Args:
        run_data: the run.

    Returns:
        The figure, if any label has enough trials, and why the other labels are missing.
    """
    by_label = {
        label: importance_of(run_data.trials, label, run_data.spaces[label])
        for label in run_data.labels
    }
    missing = _missing({label: item.reason for label, item in by_label.items() if item.reason})
    shown = {label: item for label, item in by_label.items() if item.values}
    if not shown:
        return [*missing]
    plot, ends = go.Figure(), []
    for label, item in shown.items():
        names = list(item.values)[::-1]
        plot.add_bar(
            x=[item.values[name] for name in names],
            y=names,
            orientation="h",
            name=label,
            marker={"color": run_data.styles[label].colour},
            hovertemplate="%{y}: %{x:.0%}",
        )
        ends.append(f"for {label} mostly {names[-1]} ({item.values[names[-1]]:.0%})")
    plot.update_xaxes(title="share of importance", tickformat=".0%", rangemode="tozero")
    plot.update_yaxes(categoryorder="total ascending", showgrid=False)
    names_shown = {name for item in shown.values() for name in item.values}
    height = 130 + len(names_shown) * (14 + 16 * len(shown))
    methods = listed([f"{label}: {item.method}" for label, item in shown.items()])
    figure = Figure(
        "importance",
        "How much each searched hyperparameter decides which trials are better, within the space "
        f"searched ({methods}). The shares are rough with fewer than about fifty trials.",
        f"Bar chart of hyperparameter importance: {listed(ends)}.",
        finished(plot, height, barmode="group", bargap=0.3),
    )
    return [figure, *missing]


def _missing(reasons: Mapping[str, str]) -> list[str]:
    """Why labels have no importance, a sentence a reason."""
    by_reason: dict[str, list[str]] = {}
    for label, reason in reasons.items():
        by_reason.setdefault(reason, []).append(label)
    return [f"No importance for {listed(labels)}: {why}." for why, labels in by_reason.items()]


def learning_rate_slice(run_data: RunData) -> Figure | None:
    """Draw the objective by learning rate.

    Args:
        run_data: the run.
    """
    if "learning_rate" not in run_data.all_searched() or not len(run_data.search):
        return None
    best = [
        f"{row.label} {number(row.configuration['learning_rate'])}"
        for row in run_data.summaries
        if "learning_rate" in row.configuration
    ]
    shown = f" The best trials lie at {listed(best)}." if best else ""
    return Figure(
        "learning-rate",
        f"{words(run_data.objective).capitalize()} of every trial of the search by its learning "
        f"rate. {LOOKS}",
        f"Scatter chart of {words(run_data.objective)} by learning rate.{shown}",
        small_multiples(_slices(run_data, ["learning_rate"]), 1, height=336),
    )


def other_slices(run_data: RunData) -> Figure | None:
    """Draw the objective by every other searched hyperparameter.

    Args:
        run_data: the run.
    """
    names = [name for name in run_data.all_searched() if name != "learning_rate"]
    if not names or not len(run_data.search):
        return None
    has_first = "learning_rate" in run_data.all_searched()
    others, end = ("other ", ", ") if has_first else ("", ". ")
    drawn = "drawn as above. " if has_first else f"{LOOKS} "
    return Figure(
        "other-hyperparameters",
        f"{words(run_data.objective).capitalize()} by the {others}searched hyperparameters{end}"
        f"{drawn}The other dimensions vary from point to point.",
        f"Scatter charts of {words(run_data.objective)} by {listed(names)}.",
        small_multiples(_slices(run_data, names), 2, height=200, shares_y=True),
        wide=len(names) > 1,
    )


def _slices(run_data: RunData, names: list[str]) -> list[Panel]:
    """The trials of the search by each of some hyperparameters."""
    axis = ObjectiveAxis.of(run_data.search["objective"], run_data.direction)
    return [
        Panel(
            partial(
                draw_points, rows=run_data.search, column=f"hp.{name}", run_data=run_data, axis=axis
            ),
            x={"title": name, **run_data.hyperparameter_axis(name)},
            y={"title": words(run_data.objective), **axis.layout},
        )
        for name in names
    ]
