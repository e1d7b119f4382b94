"""Figures of how training went on: metrics by epoch, best by budget, time to target."""

from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from benchmark.metrics import direction_of
from benchmark.report.formatting import capitalized, listed, number, words
from benchmark.report.panels import Panel, Place, small_multiples
from benchmark.report.rendering import Figure
from benchmark.report.run_data import RunData
from benchmark.report.theme import axis_of, band, finished, scale_of, with_legend
from benchmark.statistics import (
    budget_values,
    expected_best,
    expected_best_band,
    time_to_target,
    usable,
)

FEW_TRIALS = 10
MOST_BANDS = 6
"""Bands and second lines of more labels would hide each other."""
MOST_COLUMNS, MOST_POINTS = 3, 200
DEEPEST = 1e-16
"""How far below its largest value the axis of a curve may go; float32 needs no more."""


def convergence(run_data: RunData) -> list[Figure]:
    """Draw the objective and the losses by epoch: a line a label, and the median of the search.

    Args:
        run_data: the run.
    """
    if run_data.swept:
        figure = _swept_curves(run_data)
        return [figure] if figure is not None else []
    metrics = dict.fromkeys([run_data.objective, "validation_loss", "train_loss"])
    figures = [_curves(run_data, metric) for metric in metrics]
    return [figure for figure in figures if figure is not None]


def _curves(run_data: RunData, metric: str) -> Figure | None:
    curves = run_data.run.curves[run_data.run.curves["metric"] == metric]
    plot, seen, ends = go.Figure(), [], dict[str, float]()
    crowded = len(run_data.labels) > MOST_BANDS
    for label in run_data.labels:
        trials, kind = run_data.shown_trials(label)
        table = _by_epoch(curves, trials)
        if not len(table):
            continue
        median = table.median(axis=1)
        if not crowded:
            _add_band(plot, run_data, label, table)
        _add_line(plot, run_data, label, median, kind, is_dashed=crowded)
        seen.append(table.to_numpy().ravel())
        if not crowded:
            seen.append(_add_search_median(plot, run_data, label, curves))
        ends[label] = float(median.iloc[-1])
    if not seen:
        return None
    axis, scale, below = _axis_of_curves(np.concatenate(seen))
    plot.update_xaxes(title="epoch", rangemode="tozero")
    plot.update_yaxes(title=words(metric), **axis)
    return Figure(
        f"convergence-{metric.replace('_', '-')}",
        f"{capitalized(words(metric))} by epoch at the best setting of each optimizer.",
        f"Line chart of {words(metric)} by epoch, {scale} scale. At the last epoch: "
        f"{listed([f'{label} {number(value)}' for label, value in ends.items()])}.",
        finished(plot, with_legend(420, len(run_data.labels)), hovermode=_hover(crowded)),
        shows=_ranked(ends, direction_of(metric)),
        details=f"{_how(crowded)}{below}",
    )


def _swept_curves(run_data: RunData) -> Figure | None:
    """Draw the objective of each label's best trial by epoch, a panel a problem."""
    sweep = run_data.sweep
    if sweep is None:
        return None
    curves = run_data.run.curves[run_data.run.curves["metric"] == run_data.objective]
    lines = {
        title: {
            label: curves[curves["trial"] == of_label[index].trial].set_index("epoch")["value"]
            for label, of_label in sweep.best.items()
            if of_label[index].trial >= 0
        }
        for index, title in enumerate(sweep.problems)
    }
    panels, ends, shows = [], [], ""
    for title, of_problem in lines.items():
        if not any(len(values) for values in of_problem.values()):
            continue
        axis, _, _ = _axis_of_curves(np.concatenate(list(of_problem.values())))
        draw = partial(_draw_lines, lines=of_problem, run_data=run_data)
        across = {"title": "epoch", "rangemode": "tozero"}
        panels.append(Panel(draw, title, across, {"title": words(run_data.objective), **axis}))
        last = {label: float(y.iloc[-1]) for label, y in of_problem.items() if len(y)}
        reached = [f"{label} {number(value)}" for label, value in last.items()]
        ends.append(f"{title}: {listed(reached)}")
        shows = f"For {title}, {_ranked(last, run_data.direction)}"
    if not panels:
        return None
    return Figure(
        "convergence-by-problem",
        f"{capitalized(words(run_data.objective))} of each optimizer's best trial by epoch, a "
        "panel for each problem.",
        f"Line charts by epoch. At the last epoch, {'; '.join(ends)}.",
        small_multiples(panels, MOST_COLUMNS),
        wide=True,
        shows=shows,
        details="Lines that leave a panel at the bottom go on towards zero.",
    )


def _draw_lines(
    plot: go.Figure, place: Place, *, lines: "dict[str, pd.Series[Any]]", run_data: RunData
) -> None:
    for label, values in lines.items():
        if not len(values):
            continue
        style = run_data.styles[label]
        # A narrow panel has no room for more points, and a page no room for 20,000 of them.
        shown = np.unique(np.linspace(0, len(values) - 1, MOST_POINTS).astype(int))
        plot.add_scatter(
            x=values.index[shown],
            y=values.iloc[shown],
            name=label,
            legendgroup=label,
            mode="lines",
            line={"color": style.colour, "width": 2, "dash": style.dash},
            hovertemplate="%{y:.4g}",
            **place,
        )


def _ranked(ends: dict[str, float], direction: str) -> str:
    """Which label ends best and which worst, of those that end at a number."""
    ends = {label: value for label, value in ends.items() if np.isfinite(value)}
    if not ends:
        return ""
    order = sorted(ends, key=ends.__getitem__, reverse=direction == "maximize")
    first = f"{order[0]} ends at {number(ends[order[0]])}"
    if len(order) == 1:
        return f"{first}."
    if ends[order[0]] == ends[order[-1]]:
        return f"all end at {number(ends[order[0]])}."
    end = "the highest" if direction == "maximize" else "the lowest"
    last = f"{order[-1]} at {number(ends[order[-1]])}"
    return f"{first}, {end}{', and' if len(order) == 2 else '; the last is'} {last}."


def _hover(crowded: bool) -> str:
    return "closest" if crowded else "x unified"


def _how(crowded: bool) -> str:
    """What the lines are."""
    if crowded:
        return (
            "Lines: the median over the replicates of the best setting (without "
            "replicates, the best trial itself). Click a name to hide its line; double-click it to "
            "see that line alone."
        )
    return (
        "Thick lines: the median over the replicates of the best setting, with a "
        "band from the lowest to the highest (without replicates, the best trial itself). Thin "
        "lines: the median over all trials of the search that ran to their end."
    )


def _axis_of_curves(values: "np.ndarray[Any, Any]") -> tuple[dict[str, Any], str, str]:
    """The axis of curves, its scale, and what of them lies below it.

    A loss that converges to zero reaches it by rounding, and would lose its logarithmic axis.
    """
    positive = values[values > 0]
    if len(positive) and (values[np.isfinite(values)] >= 0).all():
        lowest = max(float(positive.min()), float(positive[np.isfinite(positive)].max()) * DEEPEST)
        shown = positive[positive >= lowest]
        if scale_of(shown) == "log":
            below = (
                " Lines that leave the figure at the bottom go on towards zero."
                if values.min() < lowest
                else ""
            )
            return axis_of(shown, "log"), "log", below
    scale = scale_of(values)
    return axis_of(values, scale), scale, ""


def _by_epoch(curves: pd.DataFrame, trials: pd.DataFrame) -> pd.DataFrame:
    """Return a row an epoch and a column a trial."""
    rows = curves[curves["trial"].isin(trials["number"])]
    return rows.pivot_table(index="epoch", columns="trial", values="value")


def _add_band(plot: go.Figure, run_data: RunData, label: str, table: pd.DataFrame) -> None:
    if table.shape[1] < 2:
        return
    lowest = table.min(axis=1)
    if (lowest >= 0).all():  # zero has no place on a logarithmic axis, and would tear the band
        lowest = lowest.clip(lower=1e-300)
    epochs, colour = table.index.to_numpy(), run_data.styles[label].faint(0.18)
    highest = table.max(axis=1)
    plot.add_trace(band(epochs, lowest, highest, colour, legendgroup=label, showlegend=False))


def _add_line(
    plot: go.Figure,
    run_data: RunData,
    label: str,
    values: "pd.Series[Any]",
    kind: str,
    *,
    is_dashed: bool,
) -> None:
    style = run_data.styles[label]
    plot.add_scatter(
        x=values.index,
        y=values,
        name=label if kind == "replicates" else f"{label} (best trial)",
        legendgroup=label,
        mode="lines+markers" if len(values) <= 30 else "lines",
        # Colours come again; a solid line is the easiest to read where they do not.
        line={"color": style.colour, "width": 2.4, "dash": style.dash if is_dashed else "solid"},
        marker={"symbol": style.symbol, "size": 6},
        hovertemplate="%{y:.4g}",
    )


def _add_search_median(
    plot: go.Figure, run_data: RunData, label: str, curves: pd.DataFrame
) -> "np.ndarray[Any, Any]":
    search = usable(run_data.trials[run_data.trials["label"] == label], "search")
    median = _by_epoch(curves, search).median(axis=1)
    if len(search) < 3:
        return np.empty(0)
    plot.add_scatter(
        x=median.index,
        y=median,
        name=f"{label}, median of the search",
        legendgroup=label,
        showlegend=False,  # the caption says it; two names a label would fill a phone
        mode="lines",
        line={"color": run_data.styles[label].faint(0.75), "width": 1.2, "dash": "dot"},
        hovertemplate="%{y:.4g}",
    )
    return np.asarray(median, dtype=float)


BAND_UP_TO = 5
"""The band covers about 90 % up to a fifth of the trials, and about 60 % at all of them."""
_BAND = (
    ", with a nominal 95 % bootstrap band up to a fifth of the trials (beyond that it would be far "
    "too narrow, because no resample is better than the best trial)"
)


def best_by_budget(run_data: RunData) -> Figure | None:
    """Draw the expected best objective of k trials for each label.

    Args:
        run_data: the run.
    """
    plot, ends, seen = go.Figure(), [], []
    reached: dict[str, float] = {}
    crowded = len(run_data.labels) > MOST_BANDS
    for label in run_data.labels:
        values = budget_values(run_data.trials, label)
        if len(values) < 2:
            continue
        budgets = np.arange(1, len(values) + 1)
        best = expected_best(values, budgets, run_data.direction)
        style = run_data.styles[label]
        held = budgets[: len(values) // BAND_UP_TO]
        if not crowded and len(held):
            low, high = expected_best_band(values, held, run_data.direction)
            seen += [low, high]
            colour = style.faint(0.15)
            plot.add_trace(band(held, low, high, colour, legendgroup=label, showlegend=False))
        plot.add_scatter(
            x=budgets,
            y=best,
            name=label,
            legendgroup=label,
            mode="lines",
            line={"color": style.colour, "width": 2.4, "dash": style.dash},
            hovertemplate="%{y:.4g}",
        )
        seen.append(best)
        ends.append(f"{label} from {number(best[0])} to {number(best[-1])}")
        reached[label] = float(best[-1])
    if not seen:
        return None
    # Plotly would put ticks at halves of a trial.
    few = max(len(trace.x) for trace in plot.data) <= 2 * FEW_TRIALS
    plot.update_xaxes(title="trials of the search", dtick=1 if few else None)
    plot.update_yaxes(title=f"expected best {words(run_data.objective)}")
    values = np.concatenate(seen)
    plot.update_yaxes(axis_of(values, scale_of(values)))
    return Figure(
        "best-by-budget",
        f"The expected best {words(run_data.objective)} of the first k trials of the search.",
        f"Line chart of the expected best objective by number of trials: {listed(ends)}.",
        finished(plot, with_legend(380, len(run_data.labels)), hovermode=_hover(crowded)),
        shows=f"After all of its trials, {_ranked(reached, run_data.direction)}",
        details=f"Computed exactly from order statistics{'' if crowded else _BAND}. This takes the "
        "trials as independent; a diverged trial counts as the worst finite one.",
    )


def target_reached(run_data: RunData) -> Figure | None:
    """Draw which share of each label's trials reached the target by a given cost.

    Args:
        run_data: the run.
    """
    target = run_data.study.target
    if target is None or not len(run_data.search):
        return None
    better = direction_of(target.metric)
    times = time_to_target(
        run_data.search, run_data.run.curves, target.metric, target.value, better
    )
    plot, ends = go.Figure(), []
    longest = float(run_data.search["gradient_evaluations"].max())
    for label, of_label in times.groupby("label", sort=False):
        style = run_data.styles[str(label)]
        costs = np.sort(of_label["gradient_evaluations"].dropna().to_numpy(float))
        shares = np.arange(1, costs.size + 1) / len(of_label)
        reached = costs.size / len(of_label)
        plot.add_scatter(
            x=[0.0, *costs, longest],
            y=[0.0, *shares, reached],
            name=str(label),
            mode="lines",
            line={"color": style.colour, "width": 2.4, "dash": style.dash, "shape": "hv"},
            hovertemplate="%{y:.0%}",
        )
        ends.append(f"{label} {reached:.0%}")
    plot.update_xaxes(title="gradient evaluations", rangemode="tozero")
    plot.update_yaxes(title="share of trials", tickformat=".0%", range=[-0.02, 1.05])
    goal = f"{words(target.metric)} {'≥' if better == 'maximize' else '≤'} {number(target.value)}"
    return Figure(
        "target-reached",
        f"The share of each optimizer's trials of the search that reached the target, {goal}, "
        "against the number of mini-batch gradients computed.",
        f"Step chart of the share of trials that reached the target; at the end {listed(ends)}.",
        finished(plot, 360, hovermode="x unified"),
        shows=f"At the end: {listed(ends)}.",
        details="An optimizer whose line is higher and further to the left is easier to tune.",
    )
