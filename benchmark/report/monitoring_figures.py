"""Figures of the curvature monitored in every trial of the search, by epoch."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from benchmark.report.formatting import listed, number
from benchmark.report.monitoring import (
    KAPPA,
    RELATIVE,
    SHARPNESS,
    axis_around,
    clipped,
    counts,
    known,
    probe_words,
)
from benchmark.report.rendering import Figure
from benchmark.report.run_data import RunData
from benchmark.report.theme import INK, finished
from benchmark.statistics import USABLE, best_of

MOST_NAMED = 3
"""Up to this number of labels, a caption names their medians."""
ALL_DIRECTIONS = ", and the number itself where these reach every direction."


@dataclass(frozen=True, slots=True)
class Measure:
    """A followed quantity and what to say of it.

    Args:
        name: its column in the table.
        figure: the name of its figure.
        title: of its axis.
        caption: from the run and the rows that are drawn, what it is and what to see.
        line: a value to mark, or nothing.
    """

    name: str
    figure: str
    title: str
    caption: Callable[[RunData, pd.DataFrame], str]
    line: float | None = None


def _sharpness(run_data: RunData, table: pd.DataFrame) -> str:
    beyond = (
        ALL_DIRECTIONS
        if run_data.study.problem.function
        else " and, since so few examples are sharper than all of them, good for comparing trials."
    )
    return (
        f"Sharpness: the largest eigenvalue λmax of the Hessian {probe_words(run_data)}. A line "
        f"that rises is training that moves to where the loss bends more{_from_to(table)}. The "
        f"value is a lower bound from six products with the Hessian{beyond}"
        + (" The trials are of different problems." if run_data.swept else "")
    )


def _from_to(table: pd.DataFrame) -> str:
    """How the median of each label went from the first to the last epoch."""
    found = []
    for label, own in known(table[table["status"].isin(USABLE)], SHARPNESS).groupby(
        "label", sort=False
    ):
        median = own.groupby("epoch")[SHARPNESS].median()
        if len(median) > 1:
            ends = number(float(median.iloc[0]), 3), number(float(median.iloc[-1]), 3)
            found.append(f"{label} {ends[0]} to {ends[1]}")
    return f" (medians, first to last: {listed(found)})" if 0 < len(found) <= MOST_NAMED else ""


def _stability(run_data: RunData, table: pd.DataFrame) -> str:
    drawn = known(table, RELATIVE)
    largest = drawn.groupby("trial")[RELATIVE].max()
    above = largest[largest > 1].index
    lost = drawn[drawn["trial"].isin(above) & (drawn["status"] == "diverged")]["trial"].nunique()
    missing = [label for label in run_data.labels if not (drawn["label"] == label).any()]
    missing = [label for label in missing if (table["label"] == label).any()]
    return (
        "The edge of stability: η·λmax, the learning rate times the sharpness above, over the "
        "largest value at which the optimizer is stable on a quadratic (2 for gradient descent). "
        f"Beyond the line at 1 each step overshoots more: {len(above)} of {len(largest)} trials "
        f"were measured there at some epoch, and {lost} of them diverged. Clipping, or a loss "
        "that flattens, can hold a trial there; as λmax is a lower bound, more may have been."
        + _not_drawn(missing)
    )


def _not_drawn(labels: list[str]) -> str:
    if not labels:
        return ""
    return (
        f" Not drawn: {listed(labels)}, with no limit of λmax alone. What limits an optimizer that "
        "divides by a matrix P is λmax of P⁻¹H, which is not followed in every trial, only "
        "measured in those that are diagnosed."
    )


def _kappa(run_data: RunData, table: pd.DataFrame) -> str:  # noqa: ARG001
    beyond = (
        ALL_DIRECTIONS
        if run_data.study.problem.function
        else ", for six products do not resolve the small eigenvalues: κ is mostly far larger."
    )
    return (
        "Condition number κ, the largest over the smallest |λ| of the same Hessian. The higher, "
        "the longer the flattest direction takes at a step that the sharpest one allows. The "
        f"value is a lower bound{beyond}"
    )


MEASURES = (
    Measure(SHARPNESS, "monitored-sharpness", "λmax", _sharpness),
    Measure(RELATIVE, "monitored-stability", "η·λmax / limit", _stability, 1.0),
    Measure(KAPPA, "monitored-condition", "lower bound of κ", _kappa),
)


MOST_COLUMNS = 3
ABOVE_TITLES = {
    "margin": {"l": 56, "r": 16, "t": 72, "b": 48},
    "legend": {"orientation": "h", "x": 0, "y": 0.99, "yref": "container", "yanchor": "top"},
}
HOW = (
    " Solid: the best trial; dashed with a band: median and middle half of the trials that ran to "
    "their end; thin: every trial, with a cross where one that diverged was last measured. Epochs "
    "are spaced by their logarithm."
)
"""Said under the first of the figures; the others are drawn alike."""


def monitoring_figures(run_data: RunData, table: pd.DataFrame) -> list[Figure]:
    """Draw each followed quantity by epoch, a panel a label.

    Args:
        run_data: the run.
        table: what :func:`~benchmark.report.monitoring.monitoring_table` returned.

    Returns:
        The figures; none of a quantity that was not measured at two epochs.
    """
    found = [_figure(run_data, table, measure) for measure in MEASURES]
    figures = [figure for figure in found if figure is not None]
    return [
        replace(figure, caption=figure.caption + (HOW if index == 0 else " Drawn as above."))
        for index, figure in enumerate(figures)
    ]


def _figure(run_data: RunData, table: pd.DataFrame, measure: Measure) -> Figure | None:
    drawn = known(table, measure.name)
    labels = [label for label in run_data.labels if (drawn["label"] == label).any()]
    if not labels or drawn["epoch"].nunique() < 2:
        return None
    columns = 2 if len(labels) == 4 else min(MOST_COLUMNS, len(labels))
    rows = -(-len(labels) // columns)
    plot = make_subplots(
        rows=rows,
        cols=columns,
        subplot_titles=labels,
        shared_xaxes="all",
        shared_yaxes="all",
        horizontal_spacing=0.04,
        vertical_spacing=0.22 / rows,
    )
    plot.update_annotations(font_size=13)
    values = drawn[measure.name].to_numpy(float)
    axis = axis_around(values if measure.line is None else [*values, measure.line])
    for index, label in enumerate(labels):
        place = {"row": index // columns + 1, "col": index % columns + 1}
        _draw_label(plot, run_data, label, drawn, measure=measure, axis=axis, place=place)
    if measure.line is not None:
        line = {"color": INK, "width": 1.4, "dash": "dot"}
        plot.add_hline(y=measure.line, line=line, row="all", col="all")
    _dress(plot, drawn, measure, axis, rows)
    left_out = len(table.dropna(subset=[measure.name])) - len(drawn)
    return Figure(
        measure.figure,
        f"{measure.caption(run_data, table)}{_left_out(left_out)} "
        f"{_sentence(counts(drawn, labels))}",
        f"Line charts of {measure.title} by epoch, logarithmic scale. Medians over the trials that "
        f"ran to their end, at the last epoch: {_last(drawn, labels, measure.name)}.",
        finished(plot, 120 + 220 * rows, **ABOVE_TITLES),
        wide=columns > 1,
    )


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _left_out(count: int) -> str:
    if not count:
        return ""
    values = "value that is not positive has" if count == 1 else "values that are not positive have"
    return f" {count} {values} no place on the axis."


def _last(drawn: pd.DataFrame, labels: list[str], name: str) -> str:
    found = []
    for label in labels:
        own = drawn[(drawn["label"] == label) & drawn["status"].isin(USABLE)]
        if len(own):
            at_end = own.sort_values("epoch").groupby("trial")[name].last()
            found.append(f"{label} {number(float(at_end.median()))}")
        else:
            found.append(f"{label} has none")
    return listed(found)


def _dress(
    plot: go.Figure, drawn: pd.DataFrame, measure: Measure, axis: dict[str, Any], rows: int
) -> None:
    epochs = sorted({int(epoch) for epoch in drawn["epoch"]})
    ticks = _ticks(epochs)
    ends = _place(np.array([epochs[0], epochs[-1]]))
    free = 0.05 * float(ends[1] - ends[0])
    plot.update_xaxes(
        tickvals=_place(np.array(ticks)),
        ticktext=[str(tick) for tick in ticks],
        range=[float(ends[0]) - free, float(ends[1]) + free],
    )
    plot.update_xaxes(title="epoch", row=rows)
    plot.update_yaxes(axis)
    plot.update_yaxes(title=measure.title, col=1)


def _place(epochs: Any) -> "np.ndarray[Any, Any]":
    return np.log2(1 + np.asarray(epochs, dtype=float))


def _ticks(epochs: list[int]) -> list[int]:
    """The epochs that get a tick, from the last: far enough from the one after it."""
    apart = 0.09 * float(_place(epochs[-1]) - _place(epochs[0]))
    ticks: list[int] = []
    for epoch in reversed(epochs):
        if not ticks or float(_place(ticks[-1]) - _place(epoch)) >= apart:
            ticks.append(epoch)
    return ticks[::-1]


def _draw_label(
    plot: go.Figure,
    run_data: RunData,
    label: str,
    drawn: pd.DataFrame,
    *,
    measure: Measure,
    axis: dict[str, Any],
    place: dict[str, int],
) -> None:
    own = drawn[drawn["label"] == label].sort_values(["trial", "epoch"])
    style, name = run_data.styles[label], measure.name

    def add(what: str, **trace: Any) -> None:
        shown = not any(one.legendgroup == what for one in plot.data)
        plot.add_scatter(name=what, legendgroup=what, showlegend=shown, **trace, **place)

    x, y, text = _separated(own, name)
    line = {"color": style.faint(0.28), "width": 1}
    tip = "trial %{text}: %{y:.3g}<extra></extra>"
    add("a trial", x=x, y=y, text=text, mode="lines", line=line, hovertemplate=tip)
    ended = own[own["status"].isin(USABLE)].groupby("epoch")[name]
    quartiles = ended.quantile(np.array([0.25, 0.5, 0.75])).unstack() if len(ended) else None
    if quartiles is not None and own[own["status"].isin(USABLE)]["trial"].nunique() > 1:
        places = _place(quartiles.index)
        add(
            "middle half",
            x=[*places, *places[::-1]],
            y=[*quartiles[0.75], *quartiles[0.25][::-1]],
            mode="lines",
            fill="toself",
            fillcolor=style.faint(0.2),
            line={"width": 0},
            hoverinfo="skip",
        )
        line = {"color": style.colour, "width": 2, "dash": "dash"}
        tip = "median: %{y:.4g}<extra></extra>"
        add("median", x=places, y=quartiles[0.5], mode="lines", line=line, hovertemplate=tip)
    best = best_of(run_data.search[run_data.search["label"] == label])
    if best is not None:
        rows = own[own["trial"] == best["number"]]
        add(
            "best trial",
            x=_place(rows["epoch"]),
            y=rows[name],
            mode="lines+markers",
            line={"color": style.colour, "width": 2.4},
            marker={"symbol": style.symbol, "size": 7},
            hovertemplate=f"best trial, {best['number']}: %{{y:.4g}}<extra></extra>",
        )
    lost = own[own["status"] == "diverged"].groupby("trial").tail(1)
    if len(lost):
        add(
            "diverged",
            x=_place(lost["epoch"]),
            y=clipped(lost[name], axis),
            mode="markers",
            marker={"symbol": "x-thin", "size": 8, "line": {"width": 1.6, "color": style.colour}},
            customdata=np.column_stack([lost["trial"], lost[name]]),
            hovertemplate="trial %{customdata[0]}, diverged later: %{customdata[1]:.3g}"
            "<extra></extra>",
        )


def _separated(own: pd.DataFrame, name: str) -> tuple[list[Any], list[Any], list[Any]]:
    """The courses of all trials as one line, with a gap after each."""
    x: list[Any] = []
    y: list[Any] = []
    text: list[Any] = []
    for trial, rows in own.groupby("trial"):
        x += [*_place(rows["epoch"]), None]
        y += [*rows[name], None]
        text += [str(trial)] * (len(rows) + 1)
    return x, y, text
