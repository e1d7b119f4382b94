"""The loss on the plane of the two sharpest directions, with the way that led there."""

import numpy as np
import plotly.graph_objects as go

from benchmark.report.figure import Figure
from benchmark.report.formatting import number
from benchmark.report.portrait import Plane, Portrait
from benchmark.report.theme import INK, Style, axis_of, finished

WAY = Style("#D55E00", "solid", "circle")
SCALE = [[0.0, "rgba(0,114,178,0.55)"], [1.0, "rgba(128,134,140,0.0)"]]
LINES = 16
WHOLE = 0.995
"""The share of the squared distance from which a way counts as lying in the plane."""


def loss_plane(portrait: Portrait) -> Figure | None:
    """Draw the loss around a point as contour lines, and the projected way of its training.

    Args:
        portrait: what was measured.
    """
    plane = portrait.plane
    if plane is None:
        return None
    plot = go.Figure(_contour(plane))
    if len(plane.path) > 1:
        _add_way(plot, plane)
    plot.add_scatter(
        x=[0.0],
        y=[0.0],
        name="the weights examined",
        mode="markers",
        marker={"symbol": "star", "size": 14, "color": INK},
        hovertemplate="the weights examined",
    )
    first, second = plane.eigenvalues
    titles = (
        f"step along the sharpest direction, λ = {number(first)}",
        f"along the second, λ = {number(second)}",
    )
    for update, steps, title in zip(
        (plot.update_xaxes, plot.update_yaxes), (plane.across, plane.along), titles, strict=True
    ):
        ends = [float(steps[0]), float(steps[-1])]
        update(title=title, **{**axis_of(ends, "linear", 0.0), "range": ends})
    caption = (
        f"The loss on the plane of the two sharpest directions of the {portrait.matrix}, through "
        "the weights examined; lines are evenly spaced in the logarithm of the height above the "
        "lowest point of the grid."
    )
    if len(plane.path) > 1:
        caption += _of_way(plane)
    low, high = float(np.nanmin(plane.values)), float(np.nanmax(plane.values))
    return Figure(
        "landscape",
        caption,
        f"Contour plot of the loss, from {number(low)} to {number(high)}.",
        finished(plot, 560, hovermode="closest"),
    )


def _of_way(plane: Plane) -> str:
    steps = plane.path[0]
    share = float((steps[0] ** 2 + steps[1] ** 2) / steps[2] ** 2) if steps[2] > 0 else 1.0
    points = " Points: the weights after each epoch, projected on the plane."
    if share > WHOLE:
        return f"{points} The way from the start lies in it."
    return (
        f"{points} It holds {number(100 * share, 2)} % of the squared distance from the start: "
        "the rest of the way runs across it, so the loss drawn at a point is not the one that "
        "training had there."
    )


def _contour(plane: Plane) -> go.Contour:
    finite = plane.values[np.isfinite(plane.values)]
    height = plane.values - finite.min()
    # The lowest point of the grid would be at minus infinity.
    floor = max(float(np.quantile(height[np.isfinite(height)], 0.002)), 1e-9 * np.ptp(finite))
    logarithm = np.log10(np.maximum(height, floor or 1e-300))
    low, high = float(np.nanmin(logarithm)), float(np.nanmax(logarithm))
    return go.Contour(
        x=plane.across.astype("float32"),
        y=plane.along.astype("float32"),
        z=logarithm.astype("float32"),
        customdata=plane.values.astype("float32"),
        # One layer: filled contours lie on each other, and what is transparent adds up.
        contours={
            "coloring": "heatmap",
            "start": low,
            "end": high,
            "size": max((high - low) / LINES, 1e-12),
        },
        colorscale=SCALE,
        line={"width": 1, "color": "rgba(128,134,140,0.75)"},
        showscale=False,
        hovertemplate="loss %{customdata:.4g}",
    )


def _add_way(plot: go.Figure, plane: Plane) -> None:
    sizes = np.full(len(plane.path), 5 if len(plane.path) <= 60 else 0)
    sizes[0] = 11
    symbols = np.full(len(plane.path), WAY.symbol, dtype=object)
    symbols[0] = "x"
    plot.add_scatter(
        x=plane.path[:, 0],
        y=plane.path[:, 1],
        name="the weights by epoch (cross: start)",
        mode="lines+markers",
        line={"color": WAY.colour, "width": 2},
        marker={"symbol": list(symbols), "size": sizes, "color": WAY.colour},
        text=[f"epoch {epoch}" for epoch in plane.epochs],
        customdata=plane.path[:, 2],
        hovertemplate="%{text}: (%{x:.3g}, %{y:.3g}), %{customdata:.3g} away",
    )
