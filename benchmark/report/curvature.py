"""Figures and table of the curvature of the training loss."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from benchmark.curvature.symlog import edges, linear_until, symlog
from benchmark.report.axes import symlog_ticks
from benchmark.report.formatting import listed, number
from benchmark.report.quantities import trials_by_label
from benchmark.report.rendering import Figure
from benchmark.report.run_data import RunData
from benchmark.report.theme import axis_of, finished, log_ticks, scale_of

DRAWN = ("lambda_max", "condition_number", "condition_number_lower_bound")
"""The quantities that :func:`curvature_by_epoch` draws."""
KAPPA, KAPPA_BOUND = "condition_number", "condition_number_lower_bound"


@dataclass(frozen=True, slots=True)
class CurvatureRow:
    """The curvature of one label's shown trials at one epoch, as text.

    Args:
        label: the label.
        epoch: after which epoch it was measured; 0 is the starting point.
        trials: over how many trials the medians were taken.
        lambda_max: the largest eigenvalue.
        lambda_min: the algebraically smallest one.
        kappa: the condition number, or a bound with its sign.
        signs: how many eigenvalues are negative, zero and positive.
        step: the exact step length along the gradient.
    """

    label: str
    epoch: int
    trials: int
    lambda_max: str
    lambda_min: str
    kappa: str
    signs: str
    step: str


def shown_curvature(run_data: RunData) -> pd.DataFrame:
    """Return the curvature of the trials whose course is shown, a column a quantity.

    Where a label's shown trials were not measured, those of its trials that were stand in.

    Args:
        run_data: the run.

    Returns:
        A row a trial and epoch with ``label``, ``trial``, ``epoch`` and the quantities.
    """
    measured = run_data.run.curvature
    # What was followed on a probe is the curvature of another function.
    measured = measured[~measured["quantity"].str.startswith("probe_")]
    if not len(measured):
        return pd.DataFrame()
    wide = measured.pivot_table(index=["trial", "epoch"], columns="quantity", values="value")
    wide = wide.reset_index()
    wide["label"] = wide["trial"].map(run_data.trials.set_index("number")["label"])
    parts = []
    for label in run_data.labels:
        own = wide[wide["label"] == label]
        shown = own[own["trial"].isin(run_data.shown_trials(label)[0]["number"])]
        parts.append(shown if len(shown) else own)
    return pd.concat(parts, ignore_index=True)


def curvature_rows(table: pd.DataFrame) -> list[CurvatureRow]:
    """Return the table of curvature: each label at its first and last measured epoch.

    Args:
        table: what :func:`shown_curvature` returned.
    """
    if not len(table):
        return []
    return [
        _row(str(label), int(epoch), own[own["epoch"] == epoch])
        for label, own in table.groupby("label", sort=False)
        for epoch in dict.fromkeys([own["epoch"].min(), own["epoch"].max()])
    ]


def _row(label: str, epoch: int, own: pd.DataFrame) -> CurvatureRow:
    def median(name: str) -> float:
        return float(own[name].median()) if name in own else float("nan")

    signs = [
        ("≥ " if np.isnan(median(name)) else "") + number(_first(median(name), median(bound)))
        for name, bound in (
            ("negative", "negative_at_least"),
            ("zero", "zero"),
            ("positive", "positive_at_least"),
        )
        if not np.isnan(_first(median(name), median(bound))) or name == "zero"
    ]
    return CurvatureRow(
        label,
        epoch,
        len(own),
        _resolved(median("lambda_max"), median("tolerance")),
        _resolved(median("lambda_min"), median("tolerance")),
        _kappa(own),
        " / ".join(sign.replace("≥ –", "–") for sign in signs),
        number(median("optimal_step")),
    )


def _resolved(value: float, tolerance: float) -> str:
    """An eigenvalue, or its bound where it cannot be told from zero.

    Example:
        >>> _resolved(-0.5, 1e-15), _resolved(3e-17, 1e-15), _resolved(0.0, 0.0)
        ('−0.5', '|λ| ≤ 10⁻¹⁵', '0')
    """
    return number(value) if not 0 < tolerance >= abs(value) else f"|λ| ≤ {number(tolerance)}"


def _first(value: float, other: float) -> float:
    return other if np.isnan(value) else value


def _kappa(own: pd.DataFrame) -> str:
    """The median condition number; a bound as soon as one of the trials only has a bound."""
    values, is_bound = _condition_numbers(own)
    if not np.isfinite(values).any():
        return "–"
    return ("≥ " if is_bound.any() else "") + number(float(np.nanmedian(values)))


def _condition_numbers(own: pd.DataFrame) -> tuple["np.ndarray[Any, Any]", "np.ndarray[Any, Any]"]:
    nothing = pd.Series(np.nan, index=own.index)
    exact = own.get(KAPPA, nothing).to_numpy(float)
    bound = own.get(KAPPA_BOUND, nothing).to_numpy(float)
    is_bound = np.isnan(exact) & ~np.isnan(bound)
    return np.where(is_bound, bound, exact), is_bound


def curvature_by_epoch(run_data: RunData, table: pd.DataFrame) -> Figure | None:
    """Draw the largest eigenvalue and the condition number by epoch.

    Args:
        run_data: the run.
        table: what :func:`shown_curvature` returned.
    """
    if not len(table) or table["epoch"].nunique() < 2 or "lambda_max" not in table:
        return None
    plot = make_subplots(rows=1, cols=2, horizontal_spacing=0.12)
    ends = []
    for label, own in table.groupby("label", sort=False):
        kappa, is_bound = _condition_numbers(own)
        own = own.assign(kappa=kappa, is_bound=is_bound)  # noqa: PLW2901  # the same rows, wider
        median = own.groupby("epoch")[["lambda_max", "kappa"]].median()
        open_markers = own.groupby("epoch")["is_bound"].any().to_numpy()
        style = run_data.styles[str(label)]
        for column, name in enumerate(("lambda_max", "kappa"), start=1):
            symbols = [
                f"{style.symbol}-open" if is_open and name == "kappa" else style.symbol
                for is_open in open_markers
            ]
            plot.add_scatter(
                x=median.index,
                y=median[name],
                name=str(label),
                legendgroup=str(label),
                showlegend=column == 1,
                mode="lines+markers",
                line={"color": style.colour, "width": 2.2, "dash": style.dash},
                marker={
                    "symbol": symbols,
                    "size": 9,
                    "line": {"width": 1.6, "color": style.colour},
                },
                hovertemplate="epoch %{x}: %{y:.4g}",
                row=1,
                col=column,
            )
        ends.append(f"λmax of {label} ends at {number(float(median['lambda_max'].iloc[-1]))}")
    largest, kappas = table["lambda_max"], _condition_numbers(table)[0]
    plot.update_yaxes(title="λmax", **axis_of(largest, scale_of(largest)), row=1, col=1)
    plot.update_yaxes(title="κ", **axis_of(kappas, "log"), row=1, col=2)
    plot.update_xaxes(title="epoch")
    return Figure(
        "curvature",
        "Largest eigenvalue λmax of the training loss's Hessian and condition number κ, the "
        f"largest over the smallest |λ|, by epoch; medians over {trials_by_label(table)}. Open "
        "markers: κ is at least this; the smallest eigenvalue could not be told from zero.",
        f"Line charts of the largest Hessian eigenvalue and the condition number by epoch: "
        f"{listed(ends)}.",
        finished(plot, 380),
        wide=True,
    )


def followed_spectra(run_data: RunData) -> dict[str, pd.DataFrame]:
    """Return the spectra of one trial of each label that has any: a shown one if possible.

    Args:
        run_data: the run.
    """
    spectra = run_data.run.spectra
    chosen: dict[str, pd.DataFrame] = {}
    for label in run_data.labels:
        own = run_data.trials[run_data.trials["label"] == label]["number"]
        shown = run_data.shown_trials(label)[0]["number"]
        for numbers in (shown, own):
            measured = spectra[spectra["trial"].isin(numbers)]
            if len(measured):
                chosen[label] = measured[measured["trial"] == measured["trial"].min()]
                break
    return chosen


def spectrum(run_data: RunData) -> Figure | None:
    """Draw a histogram of Hessian eigenvalues for one trial of each label.

    Args:
        run_data: the run.
    """
    chosen = followed_spectra(run_data)
    if not chosen:
        return None
    plot = make_subplots(
        rows=len(chosen),
        cols=1,
        shared_xaxes=True,
        vertical_spacing=0.2 / len(chosen),
        subplot_titles=[_measured_at(label, table) for label, table in chosen.items()],
    )
    plot.update_annotations(font_size=13)
    values = np.concatenate([table["eigenvalue"].to_numpy(float) for table in chosen.values()])
    unit = linear_until(values)
    bins = edges(values, unit)
    for row, (label, table) in enumerate(chosen.items(), start=1):
        _draw_spectrum(plot, run_data, label, table, scale=(bins, unit), row=row)
    places, text = symlog_ticks(bins, unit)
    half = float(bins[1] - bins[0])
    plot.update_xaxes(tickvals=places, ticktext=text, range=[bins[0] - half, bins[-1] + half])
    plot.update_xaxes(title="eigenvalue (symmetric logarithm)", row=len(chosen), col=1)
    trials = listed(
        [run_data.named_trial(label, int(t["trial"].iloc[0])) for label, t in chosen.items()]
    )
    return Figure(
        "spectrum",
        "How many eigenvalues of the Hessian lie where, at the first (outline) and the last "
        f"(filled) measured epoch: {trials}. Linear within ±{number(unit, 2)}, logarithmic beyond. "
        "Where the Hessian was too large for all its eigenvalues, these are Ritz values.",
        f"Histograms of Hessian eigenvalues, from {number(float(values.min()))} "
        f"to {number(float(values.max()))}.",
        finished(plot, 120 + 190 * len(chosen), bargap=0, barmode="overlay", showlegend=False),
    )


def _measured_at(label: str, table: pd.DataFrame) -> str:
    first, last = int(table["epoch"].min()), int(table["epoch"].max())
    if first == last:
        return f"{label}, epoch {first}"
    return f"{label}, epoch {first} (outline) and {last} (filled)"


def _draw_spectrum(
    plot: go.Figure,
    run_data: RunData,
    label: str,
    table: pd.DataFrame,
    *,
    scale: "tuple[np.ndarray[Any, Any], float]",
    row: int,
) -> None:
    bins, unit = scale
    style = run_data.styles[label]
    epochs = sorted({int(table["epoch"].min()), int(table["epoch"].max())})
    highest = 1.0
    for epoch in epochs[::-1]:
        values = table.loc[table["epoch"] == epoch, "eigenvalue"].to_numpy(float)
        counts, _ = np.histogram(symlog(values, unit), bins)
        highest = max(highest, float(counts.max()))
        is_last = epoch == epochs[-1]
        plot.add_bar(
            x=(bins[:-1] + bins[1:]) / 2,
            y=np.where(counts > 0, counts, np.nan),
            width=np.diff(bins),
            name=f"{label}, epoch {epoch}",
            marker={
                "color": style.faint(0.45) if is_last else "rgba(0,0,0,0)",
                "line": {"width": 0 if is_last else 1.2, "color": style.colour},
            },
            hovertemplate="%{y} eigenvalues",
            row=row,
            col=1,
        )
    ticks = [tick for tick in log_ticks(1.0, 1.5 * highest) if tick == int(tick)]
    limits = [np.log10(0.6), np.log10(1.5 * highest)]
    plot.update_yaxes(title="eigenvalues", type="log", range=limits, tickvals=ticks, row=row, col=1)
