"""Every quantity of the diagnosed curvature by epoch, a panel each."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from benchmark.report.curvature import DRAWN, diagnosed, draw_medians, trials_by_label
from benchmark.report.formatting import capitalized, listed, number, shortened, words
from benchmark.report.panels import Panel, Place, small_multiples
from benchmark.report.rendering import Figure
from benchmark.report.run_data import RunData
from benchmark.report.theme import Style, axis_of, scale_of

Array = np.ndarray[Any, np.dtype[Any]]
SYMBOLS = {
    "lambda_max": "λmax",
    "lambda_min": "λmin",
    "lambda_abs_max": "max |λ|",
    "lambda_abs_min": "min |λ|",
    "lambda_abs_min_upper_bound": "min |λ|, upper bound",
    "preconditioned_lambda_max": "λmax of P⁻¹H",
    "condition_number": "κ",
    "condition_number_lower_bound": "κ, lower bound",
    "scaled_sharpness": "η·λmax",
    "optimal_step": "α*",
    "gradient_norm": "‖g‖",
    "gradient_noise_scale": "gradient noise scale",
    "alignment_top_1": "share of ‖g‖² along the sharpest direction",
    "alignment_top_10": "share of ‖g‖² along the ten sharpest",
    "predicted_decrease": "decrease by α*, predicted",
    "measured_decrease": "decrease by α*, measured",
    "negative": "negative eigenvalues",
    "zero": "zero eigenvalues",
    "positive": "positive eigenvalues",
    "negative_at_least": "negative eigenvalues, at least",
    "positive_at_least": "positive eigenvalues, at least",
    "dead_units": "largest share of dead units",
    "gradient_norm_ratio": "gradient norms of layers, smallest / largest",
    "jacobian_singular_value_max": "largest singular value of the Jacobian",
    "jacobian_singular_value_min": "smallest singular value of the Jacobian",
}
"""Titles of panels, in the order they are drawn; other quantities follow under their names."""
BOOKKEEPING = {
    "exact",
    "products",
    "tolerance",
    "gradient_tolerance",
    "asymmetry",
    "stability_limit",
    "lambda_max_residual",
    "lambda_min_residual",
    "gradient_noise_scale_error",
    "gradient_noise_trace",
    "gradient_square",
}
"""Quantities that belong to another one, or describe how it was measured."""
LAYER = "layer."
"""The first letters of the quantities of one layer, which have a figure of their own."""
MOST = 12
"""Panels of a figure."""
MOST_LIMITS = 4
"""Labels whose limits are drawn: lines of more could not be told apart."""


def quantities_of_trials(run_data: RunData) -> Figure | None:
    """Draw the quantities of the shown trials that no other figure shows, by epoch.

    Args:
        run_data: the run.
    """
    return quantities_by_epoch(diagnosed(run_data), run_data.styles, DRAWN)


def quantities_by_epoch(
    table: pd.DataFrame, styles: Mapping[str, Style], drawn_elsewhere: Sequence[str] = ()
) -> Figure | None:
    """Draw each measured quantity by epoch, a line a label.

    Args:
        table: ``label``, ``epoch``, and a column a quantity; several rows of a label and epoch
            are drawn by their median.
        styles: of the labels.
        drawn_elsewhere: quantities that another figure shows.
    """
    if not len(table) or table["epoch"].nunique() < 2:
        return None
    names = _names(table, drawn_elsewhere)
    constant = [name for name in names if _is_constant(table, name)]
    names = [name for name in names if name not in constant]
    drawn, left_out = names[:MOST], names[MOST:]
    if not drawn:
        return None
    panels = [_panel(table, styles, name) for name in drawn]
    last = [f"{words(name)} {_last(table, name)}" for name in drawn]
    has_legend = table["label"].nunique() > 1
    return Figure(
        "curvature-quantities",
        f"What was measured of the curvature, by epoch{_of_trials(table)}.",
        f"Line charts by epoch. At the last one: {listed(last)}.",
        small_multiples(panels, 2, showlegend=has_legend),
        wide=True,
        shows=_change(table, "gradient_norm" if "gradient_norm" in drawn else drawn[0]),
        details=_details(table, drawn, constant, left_out),
    )


def _panel(table: pd.DataFrame, styles: Mapping[str, Style], name: str) -> Panel:
    """The panel of a quantity; that of η·λmax has the limit of each label as a line."""
    values, limits = [table[name].to_numpy(float)], {}
    if name == "scaled_sharpness" and table["label"].nunique() <= MOST_LIMITS:
        limits = {str(label): _limits(rows) for label, rows in table.groupby("label", sort=False)}
        values += limits.values()

    def draw(plot: go.Figure, place: Place) -> None:
        draw_medians(plot, place, table=table, styles=styles, name=name)
        for label, of_label in limits.items():
            if of_label.size:
                line = {"color": styles[label].colour, "width": 1, "dash": "dot"}
                plot.add_hline(y=float(of_label[-1]), line=line, **place)

    seen = np.concatenate(values)
    return Panel(draw, title_of(name), {"title": "epoch"}, axis_of(seen, scale_of(seen)))


def _change(table: pd.DataFrame, name: str) -> str:
    """How the median of a quantity went from the first to the last epoch, for each label."""
    changes = []
    for label, rows in table.groupby("label", sort=False):
        medians = rows.groupby("epoch")[name].median().dropna()
        if len(medians) > 1:
            first, last = (number(float(medians.iloc[end]), 3) for end in (0, -1))
            changes.append(f"from {first} to {last} for {label}")
    return f"{capitalized(title_of(name))} goes {shortened(changes)}." if changes else ""


def _details(
    table: pd.DataFrame, drawn: list[str], constant: list[str], left_out: list[str]
) -> str:
    sentences = []
    crowded = table["label"].nunique() > MOST_LIMITS
    if "scaled_sharpness" in drawn and "stability_limit" in table and not crowded:
        sentences.append("Dotted: the limit of a stable step.")
    if constant:
        sentences.append(f"Constant: {listed([_constant(table, name) for name in constant])}.")
    if left_out:
        sentences.append(f"Not drawn: {listed([title_of(name) for name in left_out])}.")
    return " ".join(sentences)


def _names(table: pd.DataFrame, drawn_elsewhere: Sequence[str]) -> list[str]:
    columns = [name for name in table.columns if name not in ("label", "trial", "epoch")]
    known = [name for name in SYMBOLS if name in columns]
    names = [*known, *sorted(set(columns) - set(known))]
    skipped = BOOKKEEPING | set(drawn_elsewhere)
    if {"lambda_max", "lambda_abs_max"} <= set(columns) and (
        table["lambda_max"].equals(table["lambda_abs_max"])
    ):
        skipped = skipped | {"lambda_abs_max"}
    return [
        name
        for name in names
        if name not in skipped and not name.startswith(LAYER) and _is_drawable(table, name)
    ]


def title_of(name: str) -> str:
    """Return a quantity as people read it.

    Args:
        name: its name in ``curvature.parquet``.

    Example:
        >>> title_of("lambda_max"), title_of("something_new")
        ('λmax', 'something new')
    """
    return SYMBOLS.get(name, words(name))


def _is_constant(table: pd.DataFrame, name: str) -> bool:
    values = table[name].dropna()
    return bool(len(values)) and bool((values == values.iloc[0]).all())


def _constant(table: pd.DataFrame, name: str) -> str:
    return f"{title_of(name)} {number(float(table[name].dropna().iloc[0]))}"


def _of_trials(table: pd.DataFrame) -> str:
    """Over how many trials the medians are, where there are several."""
    if "trial" not in table or table.groupby("label")["trial"].nunique().max() < 2:
        return ""
    return f"; medians over {trials_by_label(table)}"


def _is_drawable(table: pd.DataFrame, name: str) -> bool:
    """Whether a quantity was measured at two epochs at least."""
    values = table.loc[np.isfinite(table[name].astype(float)), "epoch"]
    return bool(values.nunique() > 1)


def _limits(rows: pd.DataFrame) -> Array:
    """The known limits of a stable step, in the order of epochs."""
    if "stability_limit" not in rows:
        return np.empty(0)
    return rows.sort_values("epoch")["stability_limit"].dropna().to_numpy(float)


def _last(table: pd.DataFrame, name: str) -> str:
    at_end = table[table["epoch"] == table["epoch"].max()]
    return number(float(at_end[name].median()))
