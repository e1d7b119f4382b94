"""The curvature monitored in every trial of the search: as one table, and against the objective."""

import math
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from benchmark.curvature.stability import limit_without_state
from benchmark.report.axes import ObjectiveAxis, axis_around, clipped, draw_points, looks
from benchmark.report.formatting import capitalized, counted, listed, number, shortened, words
from benchmark.report.panels import Panel, Place, small_multiples
from benchmark.report.rendering import Figure
from benchmark.report.run_data import RunData
from benchmark.report.theme import INK
from benchmark.statistics import best_of
from benchmark.trial import Status

PREFIX = "probe_"
SHARPNESS, KAPPA = "lambda_max", "condition_number_lower_bound"
SCALED, RELATIVE = "scaled_sharpness", "relative_sharpness"
FACTS = ("label", "phase", "status", "objective", "direction")
"""What the rows say of their trials."""
NAMED_LABELS = 4
"""Up to this number of labels, a caption counts each by itself."""


def monitoring_table(run_data: RunData) -> pd.DataFrame:
    """Return what was monitored on the probe, a row a trial of the search and epoch.

    Args:
        run_data: the run.

    Returns:
        ``trial``, ``epoch``, what the table of trials says of the trial, and the quantities
        ``lambda_max``, ``condition_number_lower_bound``, ``scaled_sharpness`` and
        ``relative_sharpness``: η·λmax, that of the loss without penalties, over the stability
        limit of the optimizer where its hyperparameters give it. A quantity is NaN where it is
        not known; there is no row where nothing was monitored.
    """
    names = [SHARPNESS, KAPPA, SCALED]
    measured = run_data.run.curvature
    measured = measured[measured["quantity"].isin([PREFIX + name for name in names])]
    search = run_data.search.drop_duplicates("number").set_index("number")
    measured = measured[measured["trial"].isin(search.index)]
    if not len(measured):
        return pd.DataFrame(columns=["trial", "epoch", *FACTS, *names, RELATIVE])
    wide = measured.pivot_table(index=["trial", "epoch"], columns="quantity", values="value")
    wide = wide.rename(columns=lambda name: str(name).removeprefix(PREFIX)).reset_index()
    wide = wide.reindex(columns=["trial", "epoch", *names])
    wide = wide.replace([np.inf, -np.inf], np.nan)
    limits = {trial: _limit(search.loc[trial]) for trial in wide["trial"].unique()}
    wide[RELATIVE] = wide[SCALED] / wide["trial"].map(limits)
    return wide.join(search[list(FACTS)], on="trial")


def _limit(trial: "pd.Series[Any]") -> float:
    """The largest stable η·λmax of a trial, NaN where none is known of the Hessian itself."""
    numbers = {
        str(name).removeprefix("hp."): float(value)
        for name, value in trial.items()
        if str(name).startswith("hp.") and not pd.isna(value)
    }
    try:
        # Others have a limit of their preconditioned Hessian, which is not monitored, or none.
        limit = limit_without_state(str(trial["optimizer"]), numbers)
    except KeyError:
        return math.nan
    return limit if limit is not None and limit > 0 else math.nan


def known(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return the rows in which a quantity can stand on a logarithmic axis.

    Args:
        table: what :func:`monitoring_table` returned.
        name: the quantity.
    """
    return table[table[name] > 0]


def counts(table: pd.DataFrame, labels: list[str]) -> str:
    """Return how many trials there are, and how many did not run to their end, in words.

    Args:
        table: what :func:`monitoring_table` returned, or some of its rows.
        labels: in the order in which they are named.

    Example:
        >>> ends = ["completed", "pruned"]
        >>> rows = pd.DataFrame({"trial": [0, 1], "label": "sgd", "status": ends})
        >>> counts(rows, ["sgd"])
        '2 trials of sgd (1 pruned)'
    """
    trials = table.drop_duplicates("trial")
    present = [label for label in labels if (trials["label"] == label).any()]
    if len(present) > NAMED_LABELS:
        return f"{_counted(trials)} of {len(present)} optimizers{_ended(trials)}"
    return listed(
        [
            f"{_counted(of_label)} of {label}{_ended(of_label)}"
            for label in present
            for of_label in [trials[trials["label"] == label]]
        ]
    )


def _counted(trials: pd.DataFrame) -> str:
    return counted(len(trials), "trial")


def _ended(trials: pd.DataFrame) -> str:
    counts = [
        f"{count} {words(status)}"
        for status in Status
        if status.is_final and not status.is_usable
        if (count := int((trials["status"] == status).sum()))
    ]
    return f" ({', '.join(counts)})" if counts else ""


def probe_words(run_data: RunData) -> str:
    """Return in words the loss whose curvature was monitored.

    Args:
        run_data: the run.
    """
    if run_data.study.problem.function:
        return f"of {run_data.study.problem.function}"
    examples = run_data.study.curvature.probe
    return f"of the loss over a probe of {counted(examples, 'training example')}"


MOST_TICKS = 4
TITLES = {
    SHARPNESS: "last λmax",
    KAPPA: "last lower bound of κ",
    RELATIVE: "largest η·λmax / limit",
}


def monitoring_outcome(run_data: RunData) -> Figure | None:
    """Draw the objective by sharpness, by κ's bound, and by the distance to the edge of stability.

    Args:
        run_data: the run.
    """
    if run_data.swept:  # objectives of different problems say nothing of each other
        return None
    points = outcome_points(monitoring_table(run_data))
    names = [name for name in TITLES if points[name].notna().any()]
    if not names:
        return None
    objective = ObjectiveAxis.of(points["objective"], run_data.direction)
    return Figure(
        "monitored-outcome",
        f"{capitalized(words(run_data.objective))} of every trial of the search by its curvature: "
        "what the settings that converge have in common.",
        f"Scatter charts of {words(run_data.objective)} by "
        f"{listed([TITLES[name] for name in names])}.",
        small_multiples(
            [_panel(run_data, points, name, objective) for name in names],
            len(names),
            height=336,
            shares_y=True,
        ),
        wide=len(names) > 1,
        shows=_of_best(run_data, points, names[0]),
        details=f"{capitalized(counts(points, run_data.labels))}. {_panels(names)} λmax and κ are "
        f"lower bounds, {probe_words(run_data)}; those of a "
        "diverged trial are from before it diverged. Values far beyond all others are drawn at the "
        f"edge. {looks(run_data)}",
    )


def _of_best(run_data: RunData, points: pd.DataFrame, name: str) -> str:
    """Where the best trial of each label lies."""
    places = []
    for label in run_data.labels:
        best = best_of(run_data.search[run_data.search["label"] == label])
        rows = points[points["trial"] == best["number"]] if best is not None else points[:0]
        if len(rows) and rows[name].notna().all():
            places.append(f"{number(float(rows[name].iloc[0]), 3)} for {label}")
    return f"{capitalized(TITLES[name])} of the best trial: {shortened(places)}." if places else ""


def _panel(run_data: RunData, points: pd.DataFrame, name: str, objective: ObjectiveAxis) -> Panel:
    axis = axis_around([*points[name].dropna(), *([1.0] if name == RELATIVE else [])])
    rows = points.assign(**{name: clipped(points[name], axis)})
    draw = partial(draw_points, rows=rows, column=name, run_data=run_data, axis=objective)

    def draw_with_edge(plot: go.Figure, place: Place) -> None:
        draw(plot, place)
        plot.add_vline(x=1.0, line={"color": INK, "width": 1.4, "dash": "dot"}, **place)

    return Panel(
        draw_with_edge if name == RELATIVE else draw,
        x={"title": TITLES[name], **_sparse(axis)},
        y={"title": words(run_data.objective), **objective.layout},
    )


def outcome_points(table: pd.DataFrame) -> pd.DataFrame:
    """Return a row a trial: its last λmax and κ's bound, and its largest η·λmax over the limit.

    Args:
        table: what :func:`monitoring_table` returned.
    """
    table = table.sort_values("epoch")
    trials = table.groupby("trial").tail(1).set_index("trial")
    trials = trials[list(FACTS)].copy()
    for name in TITLES:
        values = known(table, name).groupby("trial")[name]
        trials[name] = values.max() if name == RELATIVE else values.last()
    return trials.reset_index().assign(number=lambda rows: rows["trial"])


def _panels(names: list[str]) -> str:
    meanings = {
        SHARPNESS: "the sharpness where a trial was last measured",
        KAPPA: "the bound of κ there",
        RELATIVE: "the nearest it came to the edge of stability, dotted at 1",
    }
    return f"{capitalized(listed([meanings[name] for name in names]))}."


def _sparse(axis: dict[str, Any]) -> dict[str, Any]:
    """The axis with few ticks: panels are narrow."""
    powers = [value for value in axis["tickvals"] if f"{value:e}".startswith("1.000000e")]
    ticks = powers if len(powers) > 1 else axis["tickvals"]
    ticks = ticks[:: -(-len(ticks) // MOST_TICKS)]
    return {
        **axis,
        "tickvals": ticks,
        "ticktext": [number(value) for value in ticks],
        "tickangle": 0,
    }
