"""Pictures of spectra: eigenvalues by epoch, and the density of one spectrum."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from benchmark.curvature.results import CurvatureReport
from benchmark.curvature.symlog import DENSITY_DECADES, edges, inverse_symlog, linear_until, symlog
from benchmark.report.axes import symlog_ticks
from benchmark.report.formatting import listed, number
from benchmark.report.rendering import Figure
from benchmark.report.theme import Style, finished, log_ticks

MOST_COLUMNS = 4
LARGEST, SMALLEST = 5, 3
"""How many eigenvalues of either end are followed."""
LEAST = 0.3
"""The lower end of the axis of a density: a tenth of what one eigenvalue makes."""


def eigenvalues_by_epoch(
    spectra: Mapping[str, pd.DataFrame], styles: Mapping[str, Style]
) -> Figure | None:
    """Draw the largest and the smallest eigenvalues by epoch, a panel a label.

    Args:
        spectra: by label ``epoch`` and ``eigenvalue`` of one trial.
        styles: of the labels.
    """
    shown = {label: own for label, own in spectra.items() if own["epoch"].nunique() > 1}
    if not shown:
        return None
    columns = min(MOST_COLUMNS, len(shown))
    rows = -(-len(shown) // columns)
    plot = make_subplots(
        rows=rows,
        cols=columns,
        subplot_titles=list(shown) if len(shown) > 1 else None,
        shared_yaxes="all",
        horizontal_spacing=0.04,
        vertical_spacing=0.25 / rows,
    )
    plot.update_annotations(font_size=13)
    ends = {label: _ends(own) for label, own in shown.items()}
    values = np.concatenate([table.to_numpy(float).ravel() for table in ends.values()])
    values = values[np.isfinite(values)]
    unit = linear_until(values, 5)
    for panel, (label, table) in enumerate(ends.items()):
        style = styles[label]
        for index, name in enumerate(table.columns):
            is_upper = name.startswith("largest")
            plot.add_scatter(
                x=table.index,
                y=symlog(table[name], unit),
                name=name,
                showlegend=False,
                mode="lines+markers",
                line={
                    "color": style.faint(1.0 if index in (0, LARGEST) else 0.55),
                    "width": 2 if index in (0, LARGEST) else 1.2,
                    "dash": "solid" if is_upper else "dot",
                },
                marker={"symbol": style.symbol, "size": 5},
                customdata=table[name],
                hovertemplate="%{fullData.name}, epoch %{x}: %{customdata:.4g}",
                row=panel // columns + 1,
                col=panel % columns + 1,
            )
    axis = edges(values, unit)
    places, text = symlog_ticks(axis, unit, 5)
    plot.update_yaxes(tickvals=places, ticktext=text, range=[axis[0], axis[-1]])
    title = "eigenvalue (symmetric logarithm)" if rows == 1 else "eigenvalue"
    plot.update_yaxes(title=title, col=1)
    plot.update_xaxes(title="epoch", row=rows)
    return Figure(
        "eigenvalues",
        f"The {LARGEST} largest (solid) and the {SMALLEST} smallest (dotted) eigenvalues by epoch"
        f"{', of one trial each' if len(shown) > 1 else ''}. Linear within ±{number(unit, 2)}, "
        "logarithmic beyond. Where the matrix was too large for all its eigenvalues, these are "
        "Ritz values.",
        "Line charts of extreme eigenvalues by epoch. The largest ends at "
        + listed(
            [f"{number(float(t.to_numpy(float)[-1, 0]))} for {label}" for label, t in ends.items()]
        )
        + ".",
        finished(plot, 420 if rows == 1 else 100 + 260 * rows),
        wide=len(shown) > 1,
    )


def _ends(table: pd.DataFrame) -> pd.DataFrame:
    """The followed eigenvalues by epoch, a column each."""
    rows = {}
    for epoch, own in table.groupby("epoch"):
        values = np.sort(own["eigenvalue"].to_numpy(float))
        upper = values[::-1][:LARGEST]
        lower = values[: max(0, min(SMALLEST, values.size - upper.size))]
        rows[epoch] = {f"largest, {i + 1}": value for i, value in enumerate(upper)} | {
            f"smallest, {i + 1}": value for i, value in enumerate(lower)
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def density_figure(curvature_report: CurvatureReport) -> Figure | None:
    """Draw the histogram of all known eigenvalues and the estimated density.

    Args:
        curvature_report: what was measured.
    """
    curve, values = curvature_report.density, curvature_report.eigenvalues
    if curve is None and not curvature_report.is_exact:
        return None
    unit = curve.unit if curve else linear_until(values, DENSITY_DECADES)
    found = [one.value for one in curvature_report.extremes]
    bins = edges([*values, *found], unit)
    if curve is not None:
        bins = np.linspace(min(bins[0], curve.places[0]), max(bins[-1], curve.places[-1]), 81)
    plot, highest = go.Figure(), 1.0
    if curvature_report.is_exact:
        highest = _add_histogram(plot, symlog(values, unit), bins)
    if curve is not None:
        highest = max(highest, float(curve.estimate.max()))
        _add_band(plot, curvature_report)
    _add_rug(plot, found, unit)
    places, text = symlog_ticks(bins, unit, DENSITY_DECADES)
    limits = [np.log10(LEAST), np.log10(2 * highest)]
    plot.update_xaxes(title="eigenvalue (symmetric logarithm)", tickvals=places, ticktext=text)
    plot.update_xaxes(range=[bins[0], bins[-1]])
    ticks = log_ticks(LEAST, 2 * highest)
    plot.update_yaxes(title="eigenvalues per decade", type="log", range=limits, tickvals=ticks)
    parts = ["The spectrum: how many eigenvalues lie where."]
    if curvature_report.is_exact:
        parts.append(f"Bars: all {values.size} eigenvalues, counted.")
    if curve is not None:
        parts.append(
            "Line: the density by stochastic Lanczos quadrature, smoothed over "
            f"{number(curve.width, 2)} decades, with a 95 % band over its random probes."
        )
    parts.append(f"Triangles: the extreme eigenvalues. Linear within ±{number(unit, 2)}.")
    return Figure(
        "density",
        " ".join(parts),
        f"Density of eigenvalues between {number(min([*found, float(values.min())]))} and "
        f"{number(max([*found, float(values.max())]))}.",
        finished(plot, 420, bargap=0),
        wide=True,
    )


def _add_histogram(plot: go.Figure, places: Any, bins: Any) -> float:
    counts, _ = np.histogram(places, bins)
    width = float(bins[1] - bins[0])
    heights = counts / width
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
    assert curve is not None, "asked for only where there is one"
    style = Style("#D55E00", "solid", "circle")
    low, middle, high = (np.maximum(x, LEAST / 10) for x in (curve.low, curve.estimate, curve.high))
    plot.add_scatter(
        x=np.concatenate([curve.places, curve.places[::-1]]),
        y=np.concatenate([high, low[::-1]]),
        mode="lines",
        fill="toself",
        fillcolor=style.faint(0.22),
        line={"width": 0},
        hoverinfo="skip",
        name="95 % band",
    )
    plot.add_scatter(
        x=curve.places,
        y=middle,
        customdata=inverse_symlog(curve.places, curve.unit),
        name="density",
        mode="lines",
        line={"color": style.colour, "width": 2},
        hovertemplate="λ = %{customdata:.3g}: %{y:.3g} per decade",
    )


def _add_rug(plot: go.Figure, found: list[float], unit: float) -> None:
    plot.add_scatter(
        x=symlog(found, unit),
        y=np.full(len(found), 1.25 * LEAST),
        customdata=found,
        name="extreme eigenvalues",
        mode="markers",
        marker={"symbol": "triangle-up", "size": 9, "color": "#0072B2"},
        hovertemplate="λ = %{customdata:.5g}",
    )
