"""Whatever was measured of curvature, by epoch: one small panel a quantity."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from plotly.subplots import make_subplots

from benchmark.report.figure import Figure
from benchmark.report.formatting import listed, number, words
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
MOST = 12
"""Panels of a figure."""


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
    drawn, left = names[:MOST], names[MOST:]
    if not drawn:
        return None
    rows = -(-len(drawn) // 2)
    plot = make_subplots(
        rows=rows,
        cols=2,
        subplot_titles=[SYMBOLS.get(name, words(name)) for name in drawn],
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
                showlegend=index == 0,
                mode="lines+markers",
                line={"color": style.colour, "width": 2, "dash": style.dash},
                marker={"symbol": style.symbol, "size": 7},
                hovertemplate="epoch %{x}: %{y:.4g}",
                **place,
            )
            limits = _limits(own) if name == "scaled_sharpness" else np.empty(0)
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
    has_limit = "scaled_sharpness" in drawn and "stability_limit" in table
    caption = "What was measured of the curvature, by epoch; medians over the trials shown."
    caption += " Dotted: the limit of a stable step." if has_limit else ""
    caption += f" Not drawn: {listed([words(name) for name in left])}." if left else ""
    return Figure(
        "curvature-quantities",
        caption,
        "Line charts by epoch. At the last one: "
        + listed([f"{words(name)} {_last(table, name)}" for name in drawn])
        + ".",
        finished(plot, 60 + 210 * rows, margin={"l": 56, "r": 16, "t": 64, "b": 48}),
        wide=True,
    )


def _names(table: pd.DataFrame, passed_over: Sequence[str]) -> list[str]:
    columns = [name for name in table.columns if name not in ("label", "trial", "epoch")]
    known = [name for name in SYMBOLS if name in columns]
    names = [*known, *sorted(set(columns) - set(known))]
    skipped = BOOKKEEPING | set(passed_over)
    return [name for name in names if name not in skipped and _is_drawable(table, name)]


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
