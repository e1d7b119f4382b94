"""Whatever was measured of curvature, by epoch: one small panel a quantity."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from plotly.subplots import make_subplots

from benchmark.report.formatting import counted, listed, number, words
from benchmark.report.rendering import Figure
from benchmark.report.theme import Style, axis_of, finished, scale_of

Array = np.ndarray[Any, np.dtype[np.float64]]
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
"""What belongs to another quantity, or says how it was measured."""
LAYER = "layer."
"""What begins so is of one layer, and has a figure of its own."""
MOST = 12
"""Panels of a figure."""
MOST_LIMITS = 4
"""Labels whose limits are drawn: lines of more could not be told apart."""


def quantities_by_epoch(
    table: pd.DataFrame, styles: Mapping[str, Style], passed_over: Sequence[str] = ()
) -> Figure | None:
    """Draw each measured quantity by epoch, a line a label.

    Args:
        table: ``label``, ``epoch``, and a column a quantity; several rows of a label and epoch
            are drawn by their median.
        styles: of the labels.
        passed_over: quantities that another figure shows.
    """
    if not len(table) or table["epoch"].nunique() < 2:
        return None
    names = _names(table, passed_over)
    constant = [name for name in names if _is_constant(table, name)]
    names = [name for name in names if name not in constant]
    drawn, left = names[:MOST], names[MOST:]
    if not drawn:
        return None
    rows = -(-len(drawn) // 2)
    crowded = table["label"].nunique() > MOST_LIMITS
    plot = make_subplots(
        rows=rows,
        cols=2,
        subplot_titles=[title_of(name) for name in drawn],
        horizontal_spacing=0.12,
        vertical_spacing=0.28 / rows,
    )
    plot.update_annotations(font_size=13)
    for index, name in enumerate(drawn):
        place = {"row": index // 2 + 1, "col": index % 2 + 1}
        seen = [table[name].to_numpy(float)]
        for label, own in table.groupby("label", sort=False):
            median = own.groupby("epoch")[name].median().dropna()
            style = styles[str(label)]
            plot.add_scatter(
                x=median.index,
                y=median,
                name=str(label),
                legendgroup=str(label),
                showlegend=index == 0 and table["label"].nunique() > 1,
                mode="lines+markers",
                line={"color": style.colour, "width": 2, "dash": style.dash},
                marker={"symbol": style.symbol, "size": 7},
                hovertemplate="epoch %{x}: %{y:.4g}",
                **place,
            )
            limits = _limits(own) if name == "scaled_sharpness" and not crowded else np.empty(0)
            if limits.size:
                seen.append(limits)
                plot.add_hline(
                    y=float(limits[-1]),
                    line={"color": style.colour, "width": 1, "dash": "dot"},
                    **place,
                )
        values = np.concatenate(seen)
        plot.update_yaxes(axis_of(values, scale_of(values)), **place)
    plot.update_xaxes(title="epoch", row=rows)
    return Figure(
        "curvature-quantities",
        _caption(table, drawn, constant, left),
        "Line charts by epoch. At the last one: "
        + listed([f"{words(name)} {_last(table, name)}" for name in drawn])
        + ".",
        finished(plot, 60 + 210 * rows, margin={"l": 56, "r": 16, "t": 64, "b": 48}),
        wide=True,
    )


def _caption(table: pd.DataFrame, drawn: list[str], constant: list[str], left: list[str]) -> str:
    caption = f"What was measured of the curvature, by epoch{_of_trials(table)}."
    crowded = table["label"].nunique() > MOST_LIMITS
    if "scaled_sharpness" in drawn and "stability_limit" in table and not crowded:
        caption += " Dotted: the limit of a stable step."
    if constant:
        caption += f" The same throughout: {listed([_constant(table, name) for name in constant])}."
    if left:
        caption += f" Not drawn: {listed([title_of(name) for name in left])}."
    return caption


def _names(table: pd.DataFrame, passed_over: Sequence[str]) -> list[str]:
    columns = [name for name in table.columns if name not in ("label", "trial", "epoch")]
    known = [name for name in SYMBOLS if name in columns]
    names = [*known, *sorted(set(columns) - set(known))]
    skipped = BOOKKEEPING | set(passed_over)
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


def trials_by_label(table: pd.DataFrame) -> str:
    """Say how many trials of each label there are.

    Args:
        table: ``label`` and ``trial``.

    Example:
        >>> trials_by_label(pd.DataFrame({"label": ["sgd", "sgd"], "trial": [3, 4]}))
        '2 trials of sgd'
    """
    found = table.groupby("label", sort=False)["trial"].nunique()
    if found.nunique() == 1 and len(found) > 1:
        return f"{counted(int(found.iloc[0]), 'trial')} of each optimizer"
    return listed([f"{counted(int(count), 'trial')} of {label}" for label, count in found.items()])


def _is_drawable(table: pd.DataFrame, name: str) -> bool:
    """Whether a quantity was measured at two epochs at least."""
    values = table.loc[np.isfinite(table[name].astype(float)), "epoch"]
    return bool(values.nunique() > 1)


def _limits(own: pd.DataFrame) -> Array:
    """The limits of stable steps that are known, in the order of epochs."""
    if "stability_limit" not in own:
        return np.empty(0)
    return own.sort_values("epoch")["stability_limit"].dropna().to_numpy(float)


def _last(table: pd.DataFrame, name: str) -> str:
    at_end = table[table["epoch"] == table["epoch"].max()]
    return number(float(at_end[name].median()))
