"""Figures of one hyperparameter against the objective."""

import math
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from benchmark.report.figure import Figure
from benchmark.report.formatting import listed, number, words
from benchmark.report.material import Material
from benchmark.report.objective_axis import ObjectiveAxis
from benchmark.report.theme import finished
from benchmark.statistics import USABLE, best_of


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
    axis = ObjectiveAxis.of(material.search["objective"], material.direction)
    for index, name in enumerate(names):
        place = {"row": index // columns + 1, "col": index % columns + 1}
        plot.update_xaxes(title=name, **material.hyperparameter_axis(name), **place)
        title = words(material.objective) if place["col"] == 1 else None
        plot.update_yaxes(title=title, **axis.layout, **place)
        axis.draw_shelf(plot, place)
        for label in material.labels:
            _draw_label(plot, material, label, name, axis=axis, place=place, legend=index == 0)


def _draw_label(
    plot: go.Figure,
    material: Material,
    label: str,
    name: str,
    *,
    axis: ObjectiveAxis,
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
            y=rows["objective"].where(np.isfinite(rows["objective"]), axis.shelf_value),
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
