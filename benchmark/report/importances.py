"""The figure of how much each hyperparameter mattered."""

from collections.abc import Mapping

import plotly.graph_objects as go

from benchmark.report.figure import Figure
from benchmark.report.formatting import listed
from benchmark.report.material import Material
from benchmark.report.theme import finished
from benchmark.statistics import importance_of


def importances(material: Material) -> tuple[Figure | None, list[str]]:
    """Draw the importance of each searched hyperparameter.

    Args:
        material: the run.

    Returns:
        The figure, if any label has enough trials, and why the other labels are missing.
    """
    found = {
        label: importance_of(material.trials, label, material.spaces[label])
        for label in material.labels
    }
    missing = _missing({label: item.reason for label, item in found.items() if item.reason})
    shown = {label: item for label, item in found.items() if item.values}
    if not shown:
        return None, missing
    plot, ends = go.Figure(), []
    for label, item in shown.items():
        names = list(item.values)[::-1]
        plot.add_bar(
            x=[item.values[name] for name in names],
            y=names,
            orientation="h",
            name=label,
            marker={"color": material.styles[label].colour},
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
        "The share of each searched hyperparameter in telling the better trials from the others, "
        f"within the space searched ({methods}). Shares are rough below some fifty trials.",
        f"Bar chart of hyperparameter importance: {listed(ends)}.",
        finished(plot, height, barmode="group", bargap=0.3),
    )
    return figure, missing


def _missing(reasons: Mapping[str, str]) -> list[str]:
    """Why labels have no importance, a sentence a reason."""
    by_reason: dict[str, list[str]] = {}
    for label, reason in reasons.items():
        by_reason.setdefault(reason, []).append(label)
    return [f"No importance for {listed(labels)}: {why}." for why, labels in by_reason.items()]
