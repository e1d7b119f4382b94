"""Figures of the searched hyperparameters: one by one, and their importance."""

import math
from collections.abc import Mapping
from functools import partial

import plotly.graph_objects as go

from benchmark.report.axes import ObjectiveAxis, draw_points, looks
from benchmark.report.formatting import capitalized, listed, number, words
from benchmark.report.panels import Panel, small_multiples
from benchmark.report.rendering import Figure
from benchmark.report.run_data import RunData
from benchmark.report.theme import finished
from benchmark.statistics import best_of, importance_of


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
        ends.append(f"{names[-1]} for {label} ({item.values[names[-1]]:.0%})")
    plot.update_xaxes(title="share of importance", tickformat=".0%", rangemode="tozero")
    plot.update_yaxes(categoryorder="total ascending", showgrid=False)
    names_shown = {name for item in shown.values() for name in item.values}
    height = 130 + len(names_shown) * (14 + 16 * len(shown))
    methods = listed([f"{label}: {item.method}" for label, item in shown.items()])
    figure = Figure(
        "importance",
        "How much each searched hyperparameter decides which trials are better, within the space "
        "searched.",
        f"Bar chart of hyperparameter importance: {listed(ends)}.",
        finished(plot, height, barmode="group", bargap=0.3),
        shows=f"Decisive is {listed(ends)}.",
        details=f"How it was computed: {methods}. The shares are rough with fewer than about fifty "
        "trials.",
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
    shown = f"The best trials lie at {listed(best)}." if best else ""
    return Figure(
        "learning-rate",
        f"{capitalized(words(run_data.objective))} of every trial of the search by its learning "
        "rate.",
        f"Scatter chart of {words(run_data.objective)} by learning rate. {shown}",
        small_multiples(_slices(run_data, ["learning_rate"]), 1, height=336),
        shows="" if run_data.swept else shown,
        details=looks(run_data),
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
    others = "other " if has_first else ""
    return Figure(
        "other-hyperparameters",
        f"{capitalized(words(run_data.objective))} by the {others}searched hyperparameters.",
        f"Scatter charts of {words(run_data.objective)} by {listed(names)}.",
        small_multiples(_slices(run_data, names), 2, height=200, shares_y=True),
        wide=len(names) > 1,
        shows=best_setting(run_data, names),
        details=f"{looks(run_data)} The other dimensions vary from point to point.",
    )


def best_setting(run_data: RunData, names: list[str]) -> str:
    """Say where the best trial of all lies; nothing where trials are of different problems.

    Args:
        run_data: the run.
        names: the hyperparameters that are named, of those that the trial has.
    """
    best = None if run_data.swept else best_of(run_data.search)
    if best is None:
        return ""
    values = {name: float(best[f"hp.{name}"]) for name in names}
    settings = [f"{name} {number(at)}" for name, at in values.items() if math.isfinite(at)]
    if not settings:
        return ""
    return f"The best, trial {best['number']} of {best['label']}, has {listed(settings)}."


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
