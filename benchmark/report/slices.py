"""Figures of one hyperparameter against the objective."""

import math

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from benchmark.report.figure import Figure
from benchmark.report.formatting import listed, number, words
from benchmark.report.material import Material
from benchmark.report.objective_axis import ObjectiveAxis
from benchmark.report.points import LOOKS, draw_points
from benchmark.report.theme import finished, height_with


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
        f"rate. {LOOKS}",
        f"Scatter chart of {words(material.objective)} by learning rate.{shown}",
        finished(plot, height_with(420, material.labels)),
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
    has_first = "learning_rate" in material.all_searched()
    others, end = ("other ", ", ") if has_first else ("", ". ")
    drawn = "drawn as above. " if has_first else f"{LOOKS} "
    return Figure(
        "other-hyperparameters",
        f"{words(material.objective).capitalize()} by the {others}searched hyperparameters{end}"
        f"{drawn}The other dimensions vary from point to point.",
        f"Scatter charts of {words(material.objective)} by {listed(names)}.",
        finished(plot, 60 + 270 * rows),
        wide=columns > 1,
    )


def _draw_slices(plot: go.Figure, material: Material, names: list[str], columns: int) -> None:
    axis = ObjectiveAxis.of(material.search["objective"], material.direction)
    named: set[str] = set()
    for index, name in enumerate(names):
        place = {"row": index // columns + 1, "col": index % columns + 1}
        plot.update_xaxes(title=name, **material.hyperparameter_axis(name), **place)
        title = words(material.objective) if place["col"] == 1 else None
        plot.update_yaxes(title=title, **axis.layout, **place)
        axis.draw_shelf(plot, place)
        for label in material.labels:
            own = material.search[material.search["label"] == label]
            style = material.styles[label]
            first = label not in named and bool(own[f"hp.{name}"].notna().any())
            named |= {label} if first else set()
            draw_points(
                plot, own, f"hp.{name}", label, style=style, axis=axis, place=place, legend=first
            )
