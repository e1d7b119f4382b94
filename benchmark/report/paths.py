"""The paths of optimizers on a surface: the figure of problems of two dimensions."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from benchmark.problems.surfaces import Surface, surface
from benchmark.report.formatting import listed, number
from benchmark.report.panels import Panel, Place, small_multiples
from benchmark.report.rendering import Figure
from benchmark.report.run_data import RunData
from benchmark.report.sweep import problem_title
from benchmark.report.theme import INK, Style, axis_of
from benchmark.statistics import best_of

Array = np.ndarray[Any, np.dtype[np.float64]]
COORDINATES = ["weight_0", "weight_1"]
POINTS = 121
"""Of the grid, along each axis: a line of it is some five pixels wide."""
MARKED = 60
"""The most points of a path that get a marker each."""
MOST_PANELS = 3
LONGEST = 1.6
"""The most that one side of a single picture is longer than the other; several are square."""
BEYOND = 1.5
"""How far the picture reaches beyond start and minima, in their distance."""


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """One problem with the paths on it.

    Args:
        title: the options that tell it from the other problems; empty where there is one.
        surface: the problem.
        paths: by label the points of its best trial, shape (epochs, 2).
    """

    title: str
    surface: Surface
    paths: dict[str, Array]


def paths(run_data: RunData) -> Figure | None:
    """Draw the path of each label's best trial on the contour lines of its problem.

    Where the study sweeps an option of the problem, each of its values has a panel of its own,
    with the best trial of each label there.

    Args:
        run_data: the run; nothing is drawn where its problem is no surface.
    """
    pictures = _pictures(run_data)
    if not pictures:
        return None
    count = len(pictures)
    longest = 1.0 if count > 1 else LONGEST
    return Figure(
        "paths",
        f"The path of each optimizer's best trial on {run_data.study.problem.function}"
        f"{f', {count} problems side by side' if count > 1 else ''}.",
        "Contour plot with one path for each optimizer. They end: "
        + "; ".join(_ends(picture) for picture in pictures)
        + ".",
        small_multiples(
            [_panel(run_data, picture, longest) for picture in pictures], count, height=400
        ),
        wide=count > 1,
        shows=_nearest(pictures),
        details="The large marker is the end of a path. Contour lines are evenly spaced in the "
        "logarithm of the height above the minimum.",
    )


def _pictures(run_data: RunData) -> list[Picture]:
    problem = run_data.study.problem
    if not problem.function:
        return []
    swept = run_data.swept
    columns = [f"problem.{name}" for name in swept]
    trials = run_data.trials
    rows: list[pd.Series[Any] | None] = [None]
    if swept:
        variants = trials[columns].drop_duplicates().sort_values(columns)
        rows = [row for _, row in variants.iterrows()]
    pictures = []
    for row in rows[:MOST_PANELS]:
        of_problem, options = trials, dict(problem.options)
        if row is not None:
            of_problem = trials[(trials[columns] == row).all(axis=1)]
            options |= {name: float(row[f"problem.{name}"]) for name in swept}
        drawn = surface(problem.function, options)
        by_label = {label: _path(run_data, of_problem, label) for label in run_data.labels}
        by_label = {label: path for label, path in by_label.items() if len(path)}
        title = problem_title(swept, [float(options[name]) for name in swept])
        if drawn is not None and by_label:
            pictures.append(Picture(title, drawn, by_label))
    return pictures


def _panel(run_data: RunData, picture: Picture, longest: float) -> Panel:
    box = _box(picture.surface, list(picture.paths.values()), longest)
    across, upwards = (
        {
            **axis_of([low, high], "linear", 0.0),
            "title": name.replace("_", " "),
            "range": [low, high],
            "constrain": "domain",
        }
        for (low, high), name in zip(box.T, COORDINATES, strict=True)
    )

    def draw(plot: go.Figure, place: Place) -> None:
        plot.add_trace(_contour(picture.surface, box), **place)
        for label, path in picture.paths.items():
            _add_path(plot, run_data.styles[label], label, path, place)
        _add_marks(plot, picture.surface, place)
        horizontal = plot.get_subplot(place["row"], place["col"]).xaxis.plotly_name
        plot.update_yaxes(scaleanchor=horizontal.replace("axis", ""), **place)

    return Panel(draw, picture.title, across, upwards)


def _nearest(pictures: list[Picture]) -> str:
    """Whose path ends nearest to a minimum, on each problem."""
    sentences = []
    for picture in pictures:
        minima = np.array(picture.surface.minima)
        distances = {
            label: float(np.linalg.norm(minima - path[-1], axis=1).min())
            for label, path in picture.paths.items()
        }
        nearest = min(distances, key=distances.__getitem__)
        at = f" for {picture.title}" if picture.title else ""
        sentences.append(f"{nearest}, {number(distances[nearest], 2)} away{at}")
    return f"Nearest to a minimum ends {listed(sentences)}."


def _ends(picture: Picture) -> str:
    ends = [
        f"{label} at ({number(path[-1, 0])}, {number(path[-1, 1])})"
        for label, path in picture.paths.items()
    ]
    return f"{picture.title}: {listed(ends)}" if picture.title else listed(ends)


def _path(run_data: RunData, trials: pd.DataFrame, label: str) -> Array:
    """The points of a label's best trial among some, shape (epochs, 2); none where it has none."""
    best = best_of(trials[trials["label"] == label])
    if best is None:
        return np.empty((0, 2))
    curves = run_data.run.curves
    points = curves[(curves["trial"] == best["number"]) & curves["metric"].isin(COORDINATES)]
    if not len(points):
        return np.empty((0, 2))
    table = points.pivot_table(index="epoch", columns="metric", values="value")
    return table[COORDINATES].dropna().to_numpy(float)


def _box(drawn: Surface, drawn_paths: list[Array], longest: float) -> Array:
    """Lower and upper corner of the picture: all paths, unless they lead far away."""
    known = np.array([drawn.start, *drawn.minima])
    span = max(float(np.ptp(known, axis=0).max()), 0.5)
    allowed = np.stack([known.min(axis=0) - BEYOND * span, known.max(axis=0) + BEYOND * span])
    points = np.concatenate([known, *drawn_paths])
    low = np.maximum(points.min(axis=0), allowed[0])
    high = np.minimum(points.max(axis=0), allowed[1])
    margin = np.maximum(0.12 * (high - low), 0.08 * span)
    low, high = low - margin, high + margin
    # Both axes have one scale, so that a round bowl looks round: not too long, not too narrow.
    missing = np.maximum(0.0, (high - low).max() / longest - (high - low)) / 2
    return np.stack([low - missing, high + missing])


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


def _add_path(plot: go.Figure, style: Style, label: str, path: Array, place: Place) -> None:
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
        **place,
    )


def _add_marks(plot: go.Figure, drawn: Surface, place: Place) -> None:
    for name, symbol, points in (
        ("start", "x", [drawn.start]),
        ("minimum", "star", list(drawn.minima)),
    ):
        plot.add_scatter(
            x=[point[0] for point in points],
            y=[point[1] for point in points],
            name=name,
            legendgroup=name,
            mode="markers",
            marker={"symbol": symbol, "size": 12, "color": INK},
            hovertemplate=f"{name}: (%{{x:.4g}}, %{{y:.4g}})",
            **place,
        )
