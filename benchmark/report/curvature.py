"""The diagnosed curvature of the training loss: its table, and λmax and κ by epoch."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from benchmark.report.formatting import counted, listed, number, shortened
from benchmark.report.panels import Panel, Place, small_multiples
from benchmark.report.rendering import Cell, Figure, Table
from benchmark.report.run_data import RunData
from benchmark.report.sweep import MOST_PROBLEMS, problem_title
from benchmark.report.theme import Style, axis_of, scale_of

Array = np.ndarray[Any, np.dtype[Any]]
KAPPA, KAPPA_BOUND = "condition_number", "condition_number_lower_bound"
DRAWN = ("lambda_max", KAPPA, KAPPA_BOUND)
"""The quantities that :func:`curvature_by_epoch` draws."""
COLUMNS = ("epoch", "λmax", "λmin", "κ", "− / 0 / +", "α*", "trials")
QUANTITIES = (
    "Eigenvalues λ of the Hessian, condition number κ (the largest over the smallest |λ|), number "
    "of negative / zero / positive eigenvalues, and α* = gᵀg / gᵀHg, the best step along the "
    "gradient on a quadratic. “≥” marks a value of which only a lower bound is known."
)
SIGNS = (("negative", "negative_at_least"), ("zero", "zero"), ("positive", "positive_at_least"))


def diagnosed(run_data: RunData) -> pd.DataFrame:
    """Return the diagnosed curvature of the shown trials, a column a quantity.

    Where none of a label's shown trials was diagnosed, its other trials take their place.

    Args:
        run_data: the run.

    Returns:
        A row a trial and epoch with ``label``, ``trial``, ``epoch`` and the quantities.
    """
    wide = _wide(run_data)
    if not len(wide):
        return wide
    parts = []
    for label in run_data.labels:
        of_label = wide[wide["label"] == label]
        shown = of_label[of_label["trial"].isin(run_data.shown_trials(label)[0]["number"])]
        parts.append(shown if len(shown) else of_label)
    return pd.concat(parts, ignore_index=True)


def _wide(run_data: RunData) -> pd.DataFrame:
    """The diagnosed curvature of all trials, a row a trial and epoch."""
    measured = run_data.run.curvature
    # The curvature on a probe is that of another function.
    measured = measured[~measured["quantity"].str.startswith("probe_")]
    if not len(measured):
        return pd.DataFrame()
    wide = measured.pivot_table(index=["trial", "epoch"], columns="quantity", values="value")
    wide = wide.reset_index()
    wide["label"] = wide["trial"].map(run_data.trials.set_index("number")["label"])
    return wide


def curvature_table(run_data: RunData) -> Table | None:
    """Return the curvature of each label at its first and last measured epoch.

    Args:
        run_data: the run.
    """
    if run_data.swept:
        return _swept_table(run_data)
    table = diagnosed(run_data)
    if not len(table):
        return None
    return Table(
        "Curvature of the training loss at the first and the last measured epoch, medians over "
        "trials.",
        ("optimizer", *COLUMNS),
        [
            (str(label), *_row(int(epoch), rows[rows["epoch"] == epoch]))
            for label, rows in table.groupby("label", sort=False)
            for epoch in dict.fromkeys([rows["epoch"].min(), rows["epoch"].max()])
        ],
        details=QUANTITIES,
        name="curvature",
    )


def _swept_table(run_data: RunData) -> Table | None:
    """The curvature of every problem where it was first measured, over the trials on it."""
    table = _wide(run_data)
    columns = [f"problem.{name}" for name in run_data.swept]
    trials = run_data.trials.drop_duplicates("number").set_index("number")[columns]
    if not len(table):
        return None
    table = table.join(trials, on="trial").sort_values([*columns, "epoch"])
    rows = []
    for values in table[columns].drop_duplicates().to_numpy(float).tolist():
        of_problem = table[(table[columns] == values).all(axis=1)]
        first = of_problem["epoch"].min()
        title = problem_title(run_data.swept, values)
        rows.append((title, *_row(int(first), of_problem[of_problem["epoch"] == first])))
    if len(rows) > MOST_PROBLEMS:
        return None
    return Table(
        "Curvature of the training loss of each problem at the first measured epoch, medians over "
        "trials.",
        ("problem", *COLUMNS),
        rows,
        details=QUANTITIES,
        name="curvature",
    )


def _row(epoch: int, rows: pd.DataFrame) -> tuple[Cell, ...]:
    def median(name: str) -> float:
        return float(rows[name].median()) if name in rows else float("nan")

    def sign(name: str, bound: str) -> str:
        if not np.isnan(median(name)):
            return number(median(name))
        return f"≥ {number(median(bound))}" if not np.isnan(median(bound)) else "–"

    signs = [sign(name, bound) for name, bound in SIGNS]
    return (
        epoch,
        _resolved(median("lambda_max"), median("tolerance")),
        _resolved(median("lambda_min"), median("tolerance")),
        _kappa(rows),
        " / ".join(signs),
        median("optimal_step"),
        len(rows),
    )


def _resolved(value: float, tolerance: float) -> Cell:
    """An eigenvalue, or its bound where it cannot be told from zero.

    Example:
        >>> _resolved(-0.5, 1e-15), _resolved(3e-17, 1e-15), _resolved(0.0, 0.0)
        (-0.5, '|λ| ≤ 10⁻¹⁵', 0.0)
    """
    return value if not 0 < tolerance >= abs(value) else f"|λ| ≤ {number(tolerance)}"


def _kappa(rows: pd.DataFrame) -> Cell:
    """The median condition number; a bound as soon as one of the trials only has a bound."""
    values, is_bound = _condition_numbers(rows)
    if not np.isfinite(values).any():
        return "–"
    median = float(np.nanmedian(values))
    return f"≥ {number(median)}" if is_bound.any() else median


def _condition_numbers(rows: pd.DataFrame) -> tuple[Array, Array]:
    nothing = pd.Series(np.nan, index=rows.index)
    exact = rows.get(KAPPA, nothing).to_numpy(float)
    bound = rows.get(KAPPA_BOUND, nothing).to_numpy(float)
    is_bound = np.isnan(exact) & ~np.isnan(bound)
    return np.where(is_bound, bound, exact), is_bound


def curvature_by_epoch(run_data: RunData) -> Figure | None:
    """Draw the largest eigenvalue and the condition number by epoch.

    Args:
        run_data: the run.
    """
    table = diagnosed(run_data)
    if not len(table) or table["epoch"].nunique() < 2 or "lambda_max" not in table:
        return None
    kappas, is_bound = _condition_numbers(table)
    table = table.assign(kappa=kappas, is_bound=is_bound)
    ends = [
        f"{number(float(values.iloc[-1]))} for {label}"
        for label, rows in table.groupby("label", sort=False)
        for values in [rows.groupby("epoch")["lambda_max"].median()]
    ]
    draw = partial(draw_medians, table=table, styles=run_data.styles)
    scale = scale_of(table["lambda_max"])
    return Figure(
        "curvature",
        "Largest eigenvalue λmax of the training loss's Hessian and condition number κ by epoch; "
        f"medians over {trials_by_label(table)}.",
        f"Line charts of the largest Hessian eigenvalue and the condition number by epoch. λmax "
        f"ends at {listed(ends)}.",
        small_multiples(
            [
                Panel(
                    partial(draw, name="lambda_max"),
                    x={"title": "epoch"},
                    y={"title": "λmax", **axis_of(table["lambda_max"], scale)},
                ),
                Panel(
                    partial(draw, name="kappa", is_open="is_bound"),
                    x={"title": "epoch"},
                    y={"title": "κ", **axis_of(kappas, "log")},
                ),
            ],
            2,
            height=296,
        ),
        wide=True,
        shows=f"λmax ends at {shortened(ends)}.",
        details="κ is the largest over the smallest |λ|. Open markers: κ is at least this; the "
        "smallest eigenvalue could not be told from zero.",
    )


def draw_medians(
    plot: go.Figure,
    place: Place,
    *,
    table: pd.DataFrame,
    styles: Mapping[str, Style],
    name: str,
    is_open: str = "",
) -> None:
    """Draw the medians of a quantity by epoch, a line a label.

    Args:
        plot: the figure.
        place: of the panel.
        table: ``label``, ``epoch``, and a column a quantity.
        styles: of the labels.
        name: of the quantity.
        is_open: the column that says which values get an open marker, if any.
    """
    for label, rows in table.groupby("label", sort=False):
        median = rows.groupby("epoch")[name].median().dropna()
        style = styles[str(label)]
        marker: dict[str, Any] = {"symbol": style.symbol, "size": 7}
        if is_open:
            flags = rows.groupby("epoch")[is_open].any()[median.index]
            marker["symbol"] = [f"{style.symbol}-open" if flag else style.symbol for flag in flags]
            marker["line"] = {"width": 1.6, "color": style.colour}
        plot.add_scatter(
            x=median.index,
            y=median,
            name=str(label),
            legendgroup=str(label),
            mode="lines+markers",
            line={"color": style.colour, "width": 2, "dash": style.dash},
            marker=marker,
            hovertemplate="epoch %{x}: %{y:.4g}",
            **place,
        )


def trials_by_label(table: pd.DataFrame) -> str:
    """Return how many trials of each label there are, in words.

    Args:
        table: ``label`` and ``trial``.

    Example:
        >>> trials_by_label(pd.DataFrame({"label": ["sgd", "sgd"], "trial": [3, 4]}))
        '2 trials of sgd'
    """
    counts = table.groupby("label", sort=False)["trial"].nunique()
    if counts.nunique() == 1 and len(counts) > 1:
        return f"{counted(int(counts.iloc[0]), 'trial')} of each optimizer"
    return listed([f"{counted(int(count), 'trial')} of {label}" for label, count in counts.items()])
