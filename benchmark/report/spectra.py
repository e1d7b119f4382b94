"""Figures of spectra: eigenvalues by epoch, their histograms, and the density of one spectrum."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from benchmark.curvature.results import CurvatureReport
from benchmark.curvature.symlog import DENSITY_DECADES, edges, inverse_symlog, linear_until, symlog
from benchmark.report.axes import symlog_ticks
from benchmark.report.formatting import listed, number, shortened
from benchmark.report.panels import Panel, Place, small_multiples
from benchmark.report.rendering import Figure
from benchmark.report.run_data import RunData
from benchmark.report.theme import Style, band, finished, log_ticks

Array = np.ndarray[Any, np.dtype[np.float64]]
MOST_COLUMNS = 4
LARGEST, SMALLEST = 5, 3
"""How many eigenvalues of either end are drawn by epoch."""
LEAST = 0.3
"""The lower end of the axis of a density: a tenth of what one eigenvalue makes."""
SYMLOG_TITLE = "eigenvalue (symmetric logarithm)"
RITZ = "Where the {} was too large for all its eigenvalues, these are Ritz values."


def recorded_spectra(run_data: RunData) -> dict[str, pd.DataFrame]:
    """Return the spectra of one trial of each label that has any: a shown one if possible.

    Args:
        run_data: the run.
    """
    measured = {
        label: run_data.of_first_trial(run_data.run.spectra, label) for label in run_data.labels
    }
    return {label: table for label, table in measured.items() if len(table)}


def eigenvalues_of_trials(run_data: RunData) -> Figure | None:
    """Draw the eigenvalues of one trial of each label, by epoch.

    Args:
        run_data: the run.
    """
    return eigenvalues_by_epoch(recorded_spectra(run_data), run_data.styles)


def eigenvalues_by_epoch(
    spectra: Mapping[str, pd.DataFrame], styles: Mapping[str, Style]
) -> Figure | None:
    """Draw the largest and the smallest eigenvalues by epoch, a panel a label.

    Args:
        spectra: by label ``epoch`` and ``eigenvalue`` of one trial.
        styles: of the labels.
    """
    ends = {
        label: _ends(spectrum)
        for label, spectrum in spectra.items()
        if spectrum["epoch"].nunique() > 1
    }
    if not ends:
        return None
    values = np.concatenate([table.to_numpy(float).ravel() for table in ends.values()])
    values = values[np.isfinite(values)]
    unit = linear_until(values, 5)
    axis = edges(values, unit)
    positions, text = symlog_ticks(axis, unit, 5)
    is_single = len(ends) <= MOST_COLUMNS
    panels = [
        Panel(
            partial(_draw_eigenvalues, table=table, unit=unit, style=styles[label]),
            label if len(ends) > 1 else "",
            x={"title": "epoch"},
            y={
                "title": SYMLOG_TITLE if is_single else "eigenvalue",
                "tickvals": positions,
                "ticktext": text,
                "range": [axis[0], axis[-1]],
            },
        )
        for label, table in ends.items()
    ]
    last = [f"{number(float(t.to_numpy(float)[-1, 0]))} for {label}" for label, t in ends.items()]
    return Figure(
        "eigenvalues",
        f"The {LARGEST} largest (solid) and the {SMALLEST} smallest (dotted) eigenvalues by epoch"
        f"{', of one trial each' if len(ends) > 1 else ''}.",
        f"Line charts of extreme eigenvalues by epoch. The largest ends at {listed(last)}.",
        small_multiples(
            panels,
            MOST_COLUMNS,
            height=336 if is_single else 200,
            shares_y=True,
            showlegend=False,
        ),
        wide=len(ends) > 1,
        shows=f"The largest ends at {shortened(last)}.",
        details=f"The axis is linear within ±{number(unit, 2)} and logarithmic beyond. "
        f"{RITZ.format('matrix')}",
    )


def _draw_eigenvalues(
    plot: go.Figure, place: Place, *, table: pd.DataFrame, unit: float, style: Style
) -> None:
    for index, name in enumerate(table.columns):
        is_outermost = index in (0, LARGEST)
        plot.add_scatter(
            x=table.index,
            y=symlog(table[name], unit),
            name=name,
            mode="lines+markers",
            line={
                "color": style.faint(1.0 if is_outermost else 0.55),
                "width": 2 if is_outermost else 1.2,
                "dash": "solid" if name.startswith("largest") else "dot",
            },
            marker={"symbol": style.symbol, "size": 5},
            customdata=table[name],
            hovertemplate="%{fullData.name}, epoch %{x}: %{customdata:.4g}",
            **place,
        )


def _ends(spectrum: pd.DataFrame) -> pd.DataFrame:
    """The extreme eigenvalues by epoch, a column each."""
    rows = {}
    for epoch, at_epoch in spectrum.groupby("epoch"):
        values = np.sort(at_epoch["eigenvalue"].to_numpy(float))
        upper = values[::-1][:LARGEST]
        lower = values[: max(0, min(SMALLEST, values.size - upper.size))]
        rows[epoch] = {f"largest, {i + 1}": value for i, value in enumerate(upper)} | {
            f"smallest, {i + 1}": value for i, value in enumerate(lower)
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def histograms(run_data: RunData) -> Figure | None:
    """Draw a histogram of Hessian eigenvalues for one trial of each label.

    Args:
        run_data: the run.
    """
    spectra = recorded_spectra(run_data)
    if not spectra:
        return None
    values = np.concatenate([table["eigenvalue"].to_numpy(float) for table in spectra.values()])
    unit = linear_until(values)
    bins = edges(values, unit)
    positions, text = symlog_ticks(bins, unit)
    half = float(bins[1] - bins[0])
    across = {
        "title": SYMLOG_TITLE,
        "tickvals": positions,
        "ticktext": text,
        "range": [bins[0] - half, bins[-1] + half],
    }
    panels = []
    for label, table in spectra.items():
        counts = _counts(table, bins, unit)
        highest = 1.5 * max(1.0, *(float(count.max()) for count in counts.values()))
        upwards = {
            "title": "eigenvalues",
            "type": "log",
            "range": [np.log10(0.6), np.log10(highest)],
            "tickvals": [tick for tick in log_ticks(1.0, highest) if tick == int(tick)],
        }
        draw = partial(
            _draw_histograms, label=label, counts=counts, bins=bins, style=run_data.styles[label]
        )
        panels.append(Panel(draw, _measured_at(label, list(counts)), across, upwards))
    trials = [run_data.named_trial(label, int(t["trial"].iloc[0])) for label, t in spectra.items()]
    return Figure(
        "spectrum",
        "Histograms of the Hessian's eigenvalues at the first (outline) and the last (filled) "
        f"measured epoch of {shortened(trials)}.",
        f"Histograms of Hessian eigenvalues, from {number(float(values.min()))} "
        f"to {number(float(values.max()))}.",
        small_multiples(
            panels, 1, height=140, shares_x=True, bargap=0, barmode="overlay", showlegend=False
        ),
        shows=f"The eigenvalues lie between {number(float(values.min()))} and "
        f"{number(float(values.max()))}.",
        details=f"The axis is linear within ±{number(unit, 2)} and logarithmic beyond. "
        f"{RITZ.format('Hessian')}",
    )


def _counts(table: pd.DataFrame, bins: Array, unit: float) -> dict[int, Array]:
    """How many eigenvalues each bin holds, at the first and at the last measured epoch."""
    counts = {}
    for epoch in (int(table["epoch"].min()), int(table["epoch"].max())):
        values = table.loc[table["epoch"] == epoch, "eigenvalue"].to_numpy(float)
        counts[epoch], _ = np.histogram(symlog(values, unit), bins)
    return counts


def _measured_at(label: str, epochs: list[int]) -> str:
    if len(epochs) == 1:
        return f"{label}, epoch {epochs[0]}"
    return f"{label}, epoch {epochs[0]} (outline) and {epochs[1]} (filled)"


def _draw_histograms(
    plot: go.Figure,
    place: Place,
    *,
    label: str,
    counts: dict[int, Array],
    bins: Array,
    style: Style,
) -> None:
    last = max(counts)
    for epoch in sorted(counts, reverse=True):
        is_last = epoch == last
        plot.add_bar(
            x=(bins[:-1] + bins[1:]) / 2,
            y=np.where(counts[epoch] > 0, counts[epoch], np.nan),
            width=np.diff(bins),
            name=f"{label}, epoch {epoch}",
            marker={
                "color": style.faint(0.45) if is_last else "rgba(0,0,0,0)",
                "line": {"width": 0 if is_last else 1.2, "color": style.colour},
            },
            hovertemplate="%{y} eigenvalues",
            **place,
        )


def density_figure(curvature_report: CurvatureReport) -> Figure | None:
    """Draw the histogram of all known eigenvalues and the estimated density.

    Args:
        curvature_report: what was measured.
    """
    curve, values = curvature_report.density, curvature_report.eigenvalues
    if curve is None and not curvature_report.is_exact:
        return None
    unit = curve.unit if curve else linear_until(values, DENSITY_DECADES)
    extremes = [extreme.value for extreme in curvature_report.extremes]
    bins = edges([*values, *extremes], unit)
    if curve is not None:
        bins = np.linspace(min(bins[0], curve.places[0]), max(bins[-1], curve.places[-1]), 81)
    plot, highest = go.Figure(), 1.0
    if curvature_report.is_exact:
        highest = _add_histogram(plot, symlog(values, unit), bins)
    if curve is not None:
        highest = max(highest, float(curve.estimate.max()))
        _add_band(plot, curvature_report)
    _add_rug(plot, extremes, unit)
    positions, text = symlog_ticks(bins, unit, DENSITY_DECADES)
    limits = [np.log10(LEAST), np.log10(2 * highest)]
    plot.update_xaxes(title=SYMLOG_TITLE, tickvals=positions, ticktext=text)
    plot.update_xaxes(range=[bins[0], bins[-1]])
    ticks = log_ticks(LEAST, 2 * highest)
    plot.update_yaxes(title="eigenvalues per decade", type="log", range=limits, tickvals=ticks)
    parts = []
    if curvature_report.is_exact:
        parts.append(f"Bars: all {values.size} eigenvalues, counted.")
    if curve is not None:
        parts.append(
            "Line: the density by stochastic Lanczos quadrature, smoothed over "
            f"{number(curve.width, 2)} decades, with a 95 % band over its random probes."
        )
    parts.append(f"Triangles: the extreme eigenvalues. Linear within ±{number(unit, 2)}.")
    ends = number(min([*extremes, float(values.min())])), number(max([*extremes, *values]))
    return Figure(
        "density",
        "The spectrum: how many eigenvalues lie where.",
        f"Density of eigenvalues between {ends[0]} and {ends[1]}.",
        finished(plot, 420, bargap=0),
        wide=True,
        shows=f"They lie between {ends[0]} and {ends[1]}.",
        details=" ".join(parts),
    )


def _add_histogram(plot: go.Figure, positions: Any, bins: Any) -> float:
    counts, _ = np.histogram(positions, bins)
    heights = counts / float(bins[1] - bins[0])
    plot.add_bar(
        x=(bins[:-1] + bins[1:]) / 2,
        y=np.where(counts > 0, heights, np.nan),
        width=np.diff(bins),
        customdata=counts,
        name="all eigenvalues",
        marker={"color": Style("#56B4E9", "", "").faint(0.45), "line": {"width": 0}},
        hovertemplate="%{customdata} eigenvalues",
    )
    return float(heights.max())


def _add_band(plot: go.Figure, curvature_report: CurvatureReport) -> None:
    curve = curvature_report.density
    assert curve is not None, "called only where there is a density"
    style = Style("#D55E00", "solid", "circle")
    low, middle, high = (np.maximum(x, LEAST / 10) for x in (curve.low, curve.estimate, curve.high))
    plot.add_trace(band(curve.places, low, high, style.faint(0.22), name="95 % band"))
    plot.add_scatter(
        x=curve.places,
        y=middle,
        customdata=inverse_symlog(curve.places, curve.unit),
        name="density",
        mode="lines",
        line={"color": style.colour, "width": 2},
        hovertemplate="λ = %{customdata:.3g}: %{y:.3g} per decade",
    )


def _add_rug(plot: go.Figure, extremes: list[float], unit: float) -> None:
    plot.add_scatter(
        x=symlog(extremes, unit),
        y=np.full(len(extremes), 1.25 * LEAST),
        customdata=extremes,
        name="extreme eigenvalues",
        mode="markers",
        marker={"symbol": "triangle-up", "size": 9, "color": "#0072B2"},
        hovertemplate="λ = %{customdata:.5g}",
    )
