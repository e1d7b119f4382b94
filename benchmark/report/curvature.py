"""The diagnosed curvature of the training loss: its table, and every quantity by epoch."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from benchmark.report.formatting import counted, listed, number, words
from benchmark.report.panels import Panel, Place, small_multiples
from benchmark.report.rendering import Figure, Table
from benchmark.report.run_data import RunData
from benchmark.report.theme import Style, axis_of, scale_of

Array = np.ndarray[Any, np.dtype[Any]]
KAPPA, KAPPA_BOUND = "condition_number", "condition_number_lower_bound"
DRAWN = ("lambda_max", KAPPA, KAPPA_BOUND)
"""The quantities that :func:`curvature_by_epoch` draws."""
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
SIGNS = (("negative", "negative_at_least"), ("zero", "zero"), ("positive", "positive_at_least"))


def diagnosed(run_data: RunData) -> pd.DataFrame:
    """Return the diagnosed curvature of the shown trials, a column a quantity.

    Where none of a label's shown trials was diagnosed, its other trials take their place.

    Args:
        run_data: the run.

    Returns:
        A row a trial and epoch with ``label``, ``trial``, ``epoch`` and the quantities.
    """
    measured = run_data.run.curvature
    # The curvature on a probe is that of another function.
    measured = measured[~measured["quantity"].str.startswith("probe_")]
    if not len(measured):
        return pd.DataFrame()
    wide = measured.pivot_table(index=["trial", "epoch"], columns="quantity", values="value")
    wide = wide.reset_index()
    wide["label"] = wide["trial"].map(run_data.trials.set_index("number")["label"])
    parts = []
    for label in run_data.labels:
        of_label = wide[wide["label"] == label]
        shown = of_label[of_label["trial"].isin(run_data.shown_trials(label)[0]["number"])]
        parts.append(shown if len(shown) else of_label)
    return pd.concat(parts, ignore_index=True)


def curvature_table(run_data: RunData) -> Table | None:
    """Return the curvature of each label at its first and last measured epoch.

    Args:
        run_data: the run.
    """
    table = diagnosed(run_data)
    if not len(table):
        return None
    return Table(
        "Curvature of the training loss: eigenvalues λ of its Hessian, condition number κ (the "
        "largest over the smallest |λ|), number of negative / zero / positive eigenvalues, and "
        "α* = gᵀg / gᵀHg, the best step along the gradient on a quadratic. Medians over trials; "
        "“≥” marks a value of which only a lower bound is known.",
        ("optimizer", "epoch", "λmax", "λmin", "κ", "− / 0 / +", "α*", "trials"),
        [
            _row(str(label), int(epoch), rows[rows["epoch"] == epoch])
            for label, rows in table.groupby("label", sort=False)
            for epoch in dict.fromkeys([rows["epoch"].min(), rows["epoch"].max()])
        ],
    )


def _row(label: str, epoch: int, rows: pd.DataFrame) -> tuple[str, ...]:
    def median(name: str) -> float:
        return float(rows[name].median()) if name in rows else float("nan")

    def sign(name: str, bound: str) -> str:
        if not np.isnan(median(name)):
            return number(median(name))
        return f"≥ {number(median(bound))}" if not np.isnan(median(bound)) else "–"

    signs = [sign(name, bound) for name, bound in SIGNS]
    return (
        label,
        str(epoch),
        _resolved(median("lambda_max"), median("tolerance")),
        _resolved(median("lambda_min"), median("tolerance")),
        _kappa(rows),
        " / ".join(signs),
        number(median("optimal_step")),
        str(len(rows)),
    )


def _resolved(value: float, tolerance: float) -> str:
    """An eigenvalue, or its bound where it cannot be told from zero.

    Example:
        >>> _resolved(-0.5, 1e-15), _resolved(3e-17, 1e-15), _resolved(0.0, 0.0)
        ('−0.5', '|λ| ≤ 10⁻¹⁵', '0')
    """
    return number(value) if not 0 < tolerance >= abs(value) else f"|λ| ≤ {number(tolerance)}"


def _kappa(rows: pd.DataFrame) -> str:
    """The median condition number; a bound as soon as one of the trials only has a bound."""
    values, is_bound = _condition_numbers(rows)
    if not np.isfinite(values).any():
        return "–"
    return ("≥ " if is_bound.any() else "") + number(float(np.nanmedian(values)))


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
        f"λmax of {label} ends at {number(float(values.iloc[-1]))}"
        for label, rows in table.groupby("label", sort=False)
        for values in [rows.groupby("epoch")["lambda_max"].median()]
    ]
    draw = partial(_draw_medians, table=table, styles=run_data.styles)
    scale = scale_of(table["lambda_max"])
    return Figure(
        "curvature",
        "Largest eigenvalue λmax of the training loss's Hessian and condition number κ, the "
        f"largest over the smallest |λ|, by epoch; medians over {trials_by_label(table)}. Open "
        "markers: κ is at least this; the smallest eigenvalue could not be told from zero.",
        f"Line charts of the largest Hessian eigenvalue and the condition number by epoch: "
        f"{listed(ends)}.",
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
    )


def _draw_medians(
    plot: go.Figure,
    place: Place,
    *,
    table: pd.DataFrame,
    styles: Mapping[str, Style],
    name: str,
    is_open: str = "",
) -> None:
    """Draw the medians of a quantity by epoch, a line a label; where ``is_open``, open markers."""
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
        _caption(table, drawn, constant, left_out),
        f"Line charts by epoch. At the last one: {listed(last)}.",
        small_multiples(panels, 2, showlegend=has_legend),
        wide=True,
    )


def _panel(table: pd.DataFrame, styles: Mapping[str, Style], name: str) -> Panel:
    """The panel of a quantity; that of η·λmax has the limit of each label as a line."""
    values, limits = [table[name].to_numpy(float)], {}
    if name == "scaled_sharpness" and table["label"].nunique() <= MOST_LIMITS:
        limits = {str(label): _limits(rows) for label, rows in table.groupby("label", sort=False)}
        values += limits.values()

    def draw(plot: go.Figure, place: Place) -> None:
        _draw_medians(plot, place, table=table, styles=styles, name=name)
        for label, of_label in limits.items():
            if of_label.size:
                line = {"color": styles[label].colour, "width": 1, "dash": "dot"}
                plot.add_hline(y=float(of_label[-1]), line=line, **place)

    seen = np.concatenate(values)
    return Panel(draw, title_of(name), {"title": "epoch"}, axis_of(seen, scale_of(seen)))


def _caption(
    table: pd.DataFrame, drawn: list[str], constant: list[str], left_out: list[str]
) -> str:
    caption = f"What was measured of the curvature, by epoch{_of_trials(table)}."
    crowded = table["label"].nunique() > MOST_LIMITS
    if "scaled_sharpness" in drawn and "stability_limit" in table and not crowded:
        caption += " Dotted: the limit of a stable step."
    if constant:
        caption += f" Constant: {listed([_constant(table, name) for name in constant])}."
    if left_out:
        caption += f" Not drawn: {listed([title_of(name) for name in left_out])}."
    return caption


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
