"""The figure of the ways that optimizers take on a surface: problems of two dimensions."""

from typing import Any

import numpy as np
import plotly.graph_objects as go

from benchmark.problems.surfaces import Surface, surface
from benchmark.report.figure import Figure
from benchmark.report.formatting import listed, number
from benchmark.report.material import Material
from benchmark.report.theme import INK, axis_of, finished
from benchmark.statistics import best_of

Array = np.ndarray[Any, np.dtype[np.float64]]
COORDINATES = ["weight_0", "weight_1"]
POINTS = 121
"""Of the grid, along each axis: a line of it is some five pixels wide."""
MARKED = 60
"""The most points of a path that get a marker each."""
BEYOND = 1.5
"""How far the picture reaches beyond start and minima, in their distance."""


def paths(material: Material) -> Figure | None:
    """Draw the path of each label's best trial on the contour lines of its problem.

    Args:
        material: the run; nothing is drawn where its problem is no surface.
    """
    problem = material.study.problem
    drawn = surface(problem.function, problem.options) if problem.function else None
    found = {label: _path(material, label) for label in material.labels}
    ways = {label: path for label, path in found.items() if len(path)}
    if drawn is None or not ways:
        return None
    box = _box(drawn, list(ways.values()))
    plot = go.Figure(_contour(drawn, box))
    for label, path in ways.items():
        _add_path(plot, material, label, path)
    _add_marks(plot, drawn)
    for update, (low, high), name in zip(
        (plot.update_xaxes, plot.update_yaxes), box.T, COORDINATES, strict=True
    ):
        axis = {**axis_of([low, high], "linear", 0.0), "range": [low, high]}
        update(title=name.replace("_", " "), **axis)
    ends = [
        f"{label} at ({number(path[-1, 0])}, {number(path[-1, 1])})" for label, path in ways.items()
    ]
    return Figure(
        "paths",
        f"The path of each optimizer's best trial on {problem.function}, a point an epoch. "
        "Contour lines are evenly spaced in the logarithm of the height above the minimum.",
        f"Contour plot with one path for each optimizer. They end: {listed(ends)}.",
        finished(plot, 520),
    )


def _path(material: Material, label: str) -> Array:
    """The points of a label's best trial, shape (epochs, 2); none where it has no best."""
    best = best_of(material.trials[material.trials["label"] == label])
    if best is None:
        return np.empty((0, 2))
    curves = material.run.curves
    own = curves[(curves["trial"] == best["number"]) & curves["metric"].isin(COORDINATES)]
    if not len(own):
        return np.empty((0, 2))
    table = own.pivot_table(index="epoch", columns="metric", values="value")
    return table[COORDINATES].dropna().to_numpy(float)


def _box(drawn: Surface, ways: list[Array]) -> Array:
    """Lower and upper corner of the picture: all paths, unless they lead far away."""
    known = np.array([drawn.start, *drawn.minima])
    span = max(float(np.ptp(known, axis=0).max()), 0.5)
    allowed = np.stack([known.min(axis=0) - BEYOND * span, known.max(axis=0) + BEYOND * span])
    points = np.concatenate([known, *ways])
    low = np.maximum(points.min(axis=0), allowed[0])
    high = np.minimum(points.max(axis=0), allowed[1])
    margin = np.maximum(0.12 * (high - low), 0.08 * span)
    return np.stack([low - margin, high + margin])


def _contour(drawn: Surface, box: Array) -> go.Contour:
    across, along = (np.linspace(float(ends[0]), float(ends[1]), POINTS) for ends in box.T)
    height = drawn.value(*np.meshgrid(across, along)) - drawn.optimum
    # The minimum itself may be a point of the grid.
    logarithm = np.log10(np.maximum(height, 1e-9 * height.max()))
    low, high = np.quantile(logarithm, [0.005, 1.0])
    return go.Contour(
        x=across.astype("float32"),
        y=along.astype("float32"),
        z=logarithm.astype("float32"),
        contours={"coloring": "lines", "start": low, "end": high, "size": (high - low) / 18},
        colorscale=[[0.0, "rgba(128,134,140,0.9)"], [1.0, "rgba(128,134,140,0.35)"]],
        line={"width": 1},
        showscale=False,
        hoverinfo="skip",
    )


def _add_path(plot: go.Figure, material: Material, label: str, path: Array) -> None:
    style = material.styles[label]
    is_marked = len(path) <= MARKED
    sizes = np.full(len(path), 5 if is_marked else 0)
    sizes[-1] = 11
    plot.add_scatter(
        x=path[:, 0],
        y=path[:, 1],
        name=label,
        legendgroup=label,
        mode="lines+markers",
        line={"color": style.colour, "width": 2, "dash": style.dash},
        marker={"symbol": style.symbol, "size": sizes, "color": style.colour},
        text=[f"epoch {epoch}" for epoch in range(len(path))],
        hovertemplate="%{text}: (%{x:.4g}, %{y:.4g})",
    )


def _add_marks(plot: go.Figure, drawn: Surface) -> None:
    for name, symbol, points in (
        ("start", "x", [drawn.start]),
        ("minimum", "star", list(drawn.minima)),
    ):
        plot.add_scatter(
            x=[point[0] for point in points],
            y=[point[1] for point in points],
            name=name,
            mode="markers",
            marker={"symbol": symbol, "size": 12, "color": INK},
            hovertemplate=f"{name}: (%{{x:.4g}}, %{{y:.4g}})",
        )
