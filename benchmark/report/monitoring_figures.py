"""Figures of the curvature monitored in every trial of the search, by epoch."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from benchmark.report.axes import axis_around, clipped
from benchmark.report.formatting import capitalized, listed, number, shortened
from benchmark.report.monitoring import (
    KAPPA,
    RELATIVE,
    SHARPNESS,
    counts,
    known,
    monitoring_table,
    probe_words,
)
from benchmark.report.panels import Panel, Place, small_multiples
from benchmark.report.rendering import Figure
from benchmark.report.run_data import RunData
from benchmark.report.theme import INK, band
from benchmark.statistics import USABLE, best_of

MOST_NAMED = 3
"""Labels whose medians a caption names; it counts the others."""
ALL_DIRECTIONS = ", and the number itself where these reach every direction."


@dataclass(frozen=True, slots=True)
class Words:
    """The words of a figure, as :class:`Figure` has them."""

    caption: str
    shows: str
    details: str


@dataclass(frozen=True, slots=True)
class Measure:
    """A monitored quantity and its words.

    Args:
        name: its column in the table.
        figure: the name of its figure.
        title: of its axis.
        words: from the run and the rows that are drawn, what it is and what to see.
        line: a value to mark, or nothing.
    """

    name: str
    figure: str
    title: str
    words: Callable[[RunData, pd.DataFrame], "Words"]
    line: float | None = None


def _sharpness(run_data: RunData, table: pd.DataFrame) -> Words:
    beyond = (
        ALL_DIRECTIONS
        if run_data.study.problem.function
        else ". The loss over so few examples is sharper than over all: use it to compare trials."
    )
    return Words(
        f"Sharpness: the largest eigenvalue λmax of the Hessian {probe_words(run_data)}.",
        _from_to(table) if not run_data.swept else _between(table),
        "A line rises where training moves to a more sharply curved loss. The value is a lower "
        f"bound from six products with the Hessian{beyond}",
    )


def _between(table: pd.DataFrame) -> str:
    """Between which ends the sharpness of all trials lies."""
    values = known(table, SHARPNESS)[SHARPNESS]
    return f"It lies between {number(values.min(), 3)} and {number(values.max(), 3)}."


def _from_to(table: pd.DataFrame) -> str:
    """How the median of each label went from the first to the last epoch."""
    changes = []
    for label, of_label in known(table[table["status"].isin(USABLE)], SHARPNESS).groupby(
        "label", sort=False
    ):
        median = of_label.groupby("epoch")[SHARPNESS].median()
        if len(median) > 1:
            ends = number(float(median.iloc[0]), 3), number(float(median.iloc[-1]), 3)
            changes.append(f"from {ends[0]} to {ends[1]} for {label}")
    return f"Its median goes {shortened(changes, MOST_NAMED)}." if changes else ""


def _stability(run_data: RunData, table: pd.DataFrame) -> Words:
    drawn = known(table, RELATIVE)
    largest = drawn.groupby("trial")[RELATIVE].max()
    above = largest[largest > 1].index
    lost = drawn[drawn["trial"].isin(above) & (drawn["status"] == "diverged")]["trial"].nunique()
    missing = [label for label in run_data.labels if not (drawn["label"] == label).any()]
    missing = [label for label in missing if (table["label"] == label).any()]
    return Words(
        "The edge of stability: η·λmax, the learning rate times the sharpness above, over the "
        "largest value at which the optimizer is stable on a quadratic (2 for gradient descent).",
        f"{len(above)} of {len(largest)} trials were measured beyond the line at 1 at some epoch"
        f"{f', and {lost} of them diverged' if len(above) else ''}.",
        "Beyond that line each step overshoots more. Clipping, or a loss that flattens, can keep "
        "a trial there. λmax is a lower bound, so there may be more." + _not_drawn(missing),
    )


def _not_drawn(labels: list[str]) -> str:
    if not labels:
        return ""
    return (
        f" Not drawn: {listed(labels)}, whose limit is not one of λmax alone. An optimizer that "
        "divides by a matrix P is limited by λmax of P⁻¹H, which only diagnosed trials have."
    )


def _kappa(run_data: RunData, table: pd.DataFrame) -> Words:
    beyond = (
        ALL_DIRECTIONS
        if run_data.study.problem.function
        else ": six products do not resolve the small eigenvalues, and κ is mostly far larger."
    )
    largest = known(table, KAPPA)[KAPPA].max()
    return Words(
        "Condition number κ, the largest over the smallest |λ| of the same Hessian.",
        f"The highest that was measured is {number(float(largest), 3)}.",
        "The higher it is, the longer the flattest direction takes with a step that the sharpest "
        f"allows. The value is a lower bound{beyond}",
    )


MEASURES = (
    Measure(SHARPNESS, "monitored-sharpness", "λmax", _sharpness),
    Measure(RELATIVE, "monitored-stability", "η·λmax / limit", _stability, 1.0),
    Measure(KAPPA, "monitored-condition", "lower bound of κ", _kappa),
)


MOST_COLUMNS = 3
HOW_SWEPT = " Each line is a trial, and each trial may be of another problem."
HOW = (
    " Solid: the best trial; dashed with a band: median and middle half of the trials that ran to "
    "their end; thin: every trial, with a cross where a diverged trial was last measured. Epochs "
    "are spaced by their logarithm."
)
"""Belongs to the first of the figures; the others are drawn alike."""


def monitoring_figures(run_data: RunData) -> list[Figure]:
    """Draw each monitored quantity by epoch, a panel a label.

    Args:
        run_data: the run.

    Returns:
        The figures; none of a quantity that was not measured at two epochs.
    """
    table = monitoring_table(run_data)
    drawn = [_figure(run_data, table, measure) for measure in MEASURES]
    figures = [figure for figure in drawn if figure is not None]
    how = HOW_SWEPT if run_data.swept else HOW
    return [
        replace(figure, details=figure.details + (how if index == 0 else " Drawn as above."))
        for index, figure in enumerate(figures)
    ]


def _figure(run_data: RunData, table: pd.DataFrame, measure: Measure) -> Figure | None:
    drawn = known(table, measure.name)
    labels = [label for label in run_data.labels if (drawn["label"] == label).any()]
    if not labels or drawn["epoch"].nunique() < 2:
        return None
    values = drawn[measure.name].to_numpy(float)
    vertical = axis_around(values if measure.line is None else [*values, measure.line])
    across = _epoch_axis(drawn)
    panels = []
    for label in labels:
        draw = partial(
            _draw_swept if run_data.swept else _draw_label,
            rows=drawn[drawn["label"] == label].sort_values(["trial", "epoch"]),
            run_data=run_data,
            measure=measure,
            axis=vertical,
        )
        panels.append(Panel(draw, label, across, {"title": measure.title, **vertical}))
    described = measure.words(run_data, table)
    left_out = len(table.dropna(subset=[measure.name])) - len(drawn)
    return Figure(
        measure.figure,
        described.caption,
        f"Line charts of {measure.title} by epoch, logarithmic scale. Medians over the trials that "
        f"ran to their end, at the last epoch: {_last(drawn, labels, measure.name)}.",
        small_multiples(
            panels, 2 if len(labels) == 4 else MOST_COLUMNS, shares_x=True, shares_y=True
        ),
        wide=len(labels) > 1,
        shows=described.shows,
        details=f"{described.details}{_left_out(left_out)} {capitalized(counts(drawn, labels))}.",
    )


def _left_out(count: int) -> str:
    if not count:
        return ""
    values = "value that is not positive has" if count == 1 else "values that are not positive have"
    return f" {count} {values} no place on the axis."


def _last(drawn: pd.DataFrame, labels: list[str], name: str) -> str:
    medians = []
    for label in labels:
        ended = drawn[(drawn["label"] == label) & drawn["status"].isin(USABLE)]
        if len(ended):
            at_end = ended.sort_values("epoch").groupby("trial")[name].last()
            medians.append(f"{label} {number(float(at_end.median()))}")
        else:
            medians.append(f"{label} has none")
    return listed(medians)


def _epoch_axis(drawn: pd.DataFrame) -> dict[str, Any]:
    """The axis of the epochs, which are spaced by their logarithm."""
    epochs = sorted({int(epoch) for epoch in drawn["epoch"]})
    ticks = _ticks(epochs)
    ends = _positions([epochs[0], epochs[-1]])
    free = 0.05 * float(ends[1] - ends[0])
    return {
        "title": "epoch",
        "tickvals": _positions(ticks),
        "ticktext": [str(tick) for tick in ticks],
        "range": [float(ends[0]) - free, float(ends[1]) + free],
    }


def _positions(epochs: Any) -> "np.ndarray[Any, Any]":
    return np.log2(1 + np.asarray(epochs, dtype=float))


def _ticks(epochs: list[int]) -> list[int]:
    """The epochs that get a tick, from the last: far enough from the one after it."""
    apart = 0.09 * float(_positions(epochs[-1]) - _positions(epochs[0]))
    ticks: list[int] = []
    for epoch in reversed(epochs):
        if not ticks or float(_positions(ticks[-1]) - _positions(epoch)) >= apart:
            ticks.append(epoch)
    return ticks[::-1]


def _draw_label(
    plot: go.Figure,
    place: Place,
    *,
    rows: pd.DataFrame,
    run_data: RunData,
    measure: Measure,
    axis: dict[str, Any],
) -> None:
    """Draw the trials of one label in one panel: all, median and middle half, best, diverged."""
    name, label = measure.name, str(rows["label"].iloc[0])
    style = run_data.styles[label]
    best = best_of(run_data.search[run_data.search["label"] == label])

    def add(meaning: str, **trace: Any) -> None:
        plot.add_scatter(name=meaning, legendgroup=meaning, **trace, **place)

    x, y, text = _separated(rows, name)
    line = {"color": style.faint(0.28), "width": 1}
    tip = "trial %{text}: %{y:.3g}<extra></extra>"
    add("a trial", x=x, y=y, text=text, mode="lines", line=line, hovertemplate=tip)
    ended = rows[rows["status"].isin(USABLE)]
    if ended["trial"].nunique() > 1:
        quartiles = ended.groupby("epoch")[name].quantile(np.array([0.25, 0.5, 0.75])).unstack()
        positions = _positions(quartiles.index)
        half, colour = "middle half", style.faint(0.2)
        area = band(
            positions, quartiles[0.25], quartiles[0.75], colour, name=half, legendgroup=half
        )
        plot.add_trace(area, **place)
        line = {"color": style.colour, "width": 2, "dash": "dash"}
        tip = "median: %{y:.4g}<extra></extra>"
        add("median", x=positions, y=quartiles[0.5], mode="lines", line=line, hovertemplate=tip)
    if best is not None:
        of_best = rows[rows["trial"] == best["number"]]
        add(
            "best trial",
            x=_positions(of_best["epoch"]),
            y=of_best[name],
            mode="lines+markers",
            line={"color": style.colour, "width": 2.4},
            marker={"symbol": style.symbol, "size": 7},
            hovertemplate=f"best trial, {best['number']}: %{{y:.4g}}<extra></extra>",
        )
    lost = rows[rows["status"] == "diverged"].groupby("trial").tail(1)
    if len(lost):
        add(
            "diverged",
            x=_positions(lost["epoch"]),
            y=clipped(lost[name], axis),
            mode="markers",
            marker={"symbol": "x-thin", "size": 8, "line": {"width": 1.6, "color": style.colour}},
            customdata=np.column_stack([lost["trial"], lost[name]]),
            hovertemplate="trial %{customdata[0]}, diverged later: %{customdata[1]:.3g}"
            "<extra></extra>",
        )
    if measure.line is not None:
        line = {"color": INK, "width": 1.4, "dash": "dot"}
        plot.add_hline(y=measure.line, line=line, **place)


def _draw_swept(
    plot: go.Figure,
    place: Place,
    *,
    rows: pd.DataFrame,
    run_data: RunData,
    measure: Measure,
    axis: dict[str, Any],  # noqa: ARG001 - as _draw_label takes it
) -> None:
    """Draw trials of different problems, which have no median and no best, in one panel."""
    x, y, text = _separated(rows, measure.name)
    style = run_data.styles[str(rows["label"].iloc[0])]
    plot.add_scatter(
        name="a trial",
        legendgroup="a trial",
        x=x,
        y=y,
        text=text,
        mode="lines+markers",
        line={"color": style.faint(0.7), "width": 1.4},
        marker={"symbol": style.symbol, "size": 5},
        hovertemplate="trial %{text}: %{y:.3g}<extra></extra>",
        **place,
    )
    if measure.line is not None:
        line = {"color": INK, "width": 1.4, "dash": "dot"}
        plot.add_hline(y=measure.line, line=line, **place)


def _separated(rows: pd.DataFrame, name: str) -> tuple[list[Any], list[Any], list[Any]]:
    """The values of all trials by epoch as one line, with a gap after each trial."""
    x: list[Any] = []
    y: list[Any] = []
    text: list[Any] = []
    for trial, of_trial in rows.groupby("trial"):
        x += [*_positions(of_trial["epoch"]), None]
        y += [*of_trial[name], None]
        text += [str(trial)] * (len(of_trial) + 1)
    return x, y, text
