"""The figure of all searched hyperparameters at once."""

import math
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from benchmark.report.figure import Figure
from benchmark.report.formatting import listed, number, words
from benchmark.report.material import Material
from benchmark.report.theme import INK, finished, scale_of

MOST_AXES = 7
"""More hyperparameters would print their names into each other."""


def parallel_coordinates(material: Material) -> Figure | None:
    """Draw every trial of the search as a line over all searched hyperparameters.

    Args:
        material: the run.
    """
    names, left_out = _axes(material)
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
    left = max(70, 8 * max(map(len, material.labels)))
    minimize = material.direction == "minimize"
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
        "Every trial of the search as a line over the searched hyperparameters, on their own "
        "scales; the brighter, the better. Drag along an axis to keep the trials that pass there. "
        "A dash at the foot of an axis: the optimizer has no such hyperparameter. A trial without "
        f"a finite objective counts as the worst finite one.{left_out}",
        f"Parallel coordinates of {len(material.search)} trials over "
        f"{listed(names)} and {words(material.objective)}.",
        finished(
            plot,
            440,
            margin={"l": left, "r": 60, "t": 80, "b": 30},
        ),
        wide=True,
    )


def _axes(material: Material) -> tuple[list[str], str]:
    """The hyperparameters that find room, those of most labels first, and a word on the others."""
    every = material.all_searched()
    searched = [material.searched(label) for label in material.labels]
    shared = {name: sum(name in own for own in searched) for name in every}
    first = sorted(every, key=lambda name: -shared[name])[:MOST_AXES]
    names = [name for name in every if name in first]
    left = [name for name in every if name not in first]
    return names, f" Without an axis, for want of room: {listed(left)}." if left else ""


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
