"""The page of the curvature at one point, with the loss on a plane, and its numbers as files."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from benchmark.curvature.results import CurvatureReport, Extreme, Plane, Sum
from benchmark.curvature.symlog import inverse_symlog
from benchmark.report.formatting import number
from benchmark.report.quantities import quantities_by_epoch, title_of
from benchmark.report.rendering import Figure, Table, render
from benchmark.report.spectra import density_figure, eigenvalues_by_epoch
from benchmark.report.theme import INK, Style, axis_of, finished, styles
from benchmark.results.files import read_json, strict, write_atomically, write_json, write_text

TRAJECTORY = Style("#D55E00", "solid", "circle")
SCALE = [[0.0, "rgba(0,114,178,0.55)"], [1.0, "rgba(128,134,140,0.0)"]]
LINES = 16
WHOLE = 0.995
"""The share of the squared distance from which a trajectory counts as lying in the plane."""


def loss_plane(curvature_report: CurvatureReport) -> Figure | None:
    """Draw the loss around a point as contour lines, and the projected trajectory of its training.

    Args:
        curvature_report: what was measured.
    """
    plane = curvature_report.plane
    if plane is None:
        return None
    plot = go.Figure(_contour(plane))
    if len(plane.path) > 1:
        _add_trajectory(plot, plane)
    plot.add_scatter(
        x=[0.0],
        y=[0.0],
        name="the weights examined",
        mode="markers",
        marker={"symbol": "star", "size": 14, "color": INK},
        hovertemplate="the weights examined",
    )
    first, second = plane.eigenvalues
    titles = (
        f"step along the sharpest direction, λ = {number(first)}",
        f"along the second, λ = {number(second)}",
    )
    for update, steps, title in zip(
        (plot.update_xaxes, plot.update_yaxes), (plane.across, plane.along), titles, strict=True
    ):
        ends = [float(steps[0]), float(steps[-1])]
        update(title=title, **{**axis_of(ends, "linear", 0.0), "range": ends})
    low, high = float(np.nanmin(plane.values)), float(np.nanmax(plane.values))
    return Figure(
        "landscape",
        f"The loss on the plane of the two sharpest directions of the {curvature_report.matrix}, "
        "through the weights examined.",
        f"Contour plot of the loss, from {number(low)} to {number(high)}.",
        finished(plot, 560, hovermode="closest"),
        shows=_of_trajectory(plane) if len(plane.path) > 1 else "",
        details="Lines are evenly spaced in the logarithm of the height above the lowest point of "
        "the grid. Points: the weights after each epoch, projected onto the plane.",
    )


def _of_trajectory(plane: Plane) -> str:
    steps = plane.path[0]
    share = float((steps[0] ** 2 + steps[1] ** 2) / steps[2] ** 2) if steps[2] > 0 else 1.0
    if share > WHOLE:
        return "The trajectory lies in the plane."
    return (
        f"The plane holds {number(100 * share, 2)} % of the squared distance from the "
        "start; the rest of the trajectory lies outside it, so the loss drawn at a point is not "
        "the loss that training had there."
    )


def _contour(plane: Plane) -> go.Contour:
    finite = plane.values[np.isfinite(plane.values)]
    height = plane.values - finite.min()
    # The lowest point of the grid would be at minus infinity.
    floor = max(float(np.quantile(height[np.isfinite(height)], 0.002)), 1e-9 * np.ptp(finite))
    logarithm = np.log10(np.maximum(height, floor or 1e-300))
    low, high = float(np.nanmin(logarithm)), float(np.nanmax(logarithm))
    return go.Contour(
        x=plane.across.astype("float32"),
        y=plane.along.astype("float32"),
        z=logarithm.astype("float32"),
        customdata=plane.values.astype("float32"),
        # One layer: filled contours lie on each other, and what is transparent adds up.
        contours={
            "coloring": "heatmap",
            "start": low,
            "end": high,
            "size": max((high - low) / LINES, 1e-12),
        },
        colorscale=SCALE,
        line={"width": 1, "color": "rgba(128,134,140,0.75)"},
        showscale=False,
        hovertemplate="loss %{customdata:.4g}",
    )


def _add_trajectory(plot: go.Figure, plane: Plane) -> None:
    sizes = np.full(len(plane.path), 5 if len(plane.path) <= 60 else 0)
    sizes[0] = 11
    symbols = np.full(len(plane.path), TRAJECTORY.symbol, dtype=object)
    symbols[0] = "x"
    plot.add_scatter(
        x=plane.path[:, 0],
        y=plane.path[:, 1],
        name="the weights by epoch (cross: start)",
        mode="lines+markers",
        line={"color": TRAJECTORY.colour, "width": 2},
        marker={"symbol": list(symbols), "size": sizes, "color": TRAJECTORY.colour},
        text=[f"epoch {epoch}" for epoch in plane.epochs],
        customdata=plane.path[:, 2],
        hovertemplate="%{text}: (%{x:.3g}, %{y:.3g}), %{customdata:.3g} away",
    )


PAGE, NUMBERS = "curvature.html", "curvature.json"
TABLES = ("spectrum", "quantities", "spectra", "density", "plane", "path")


def write_curvature(curvature_report: CurvatureReport, folder: Path) -> list[Path]:
    """Write the page and the numbers of a curvature_report.

    Args:
        curvature_report: what was measured.
        folder: where; it is made.

    Returns:
        The files: ``curvature.html``, ``curvature.json``, and the Parquet tables that there are
        numbers for: ``spectrum``, ``density``, ``quantities``, ``spectra``, ``plane``, ``path``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    former = _former_tables(folder)
    page = render(
        "curvature.html.jinja",
        curvature_report=curvature_report,
        tables=tables(curvature_report),
        figures=figures(curvature_report),
    )
    write_text(folder / PAGE, page)
    filled = {name: table for name, table in _tables(curvature_report).items() if len(table)}
    write_json(folder / NUMBERS, document(curvature_report))
    written = [folder / PAGE, folder / NUMBERS]
    for name, table in filled.items():
        file = folder / f"{name}.parquet"
        write_atomically(file, table.to_parquet)
        written.append(file)
    for name in former - filled.keys():  # of an earlier, fuller measurement
        (folder / f"{name}.parquet").unlink(missing_ok=True)
    return written


def _former_tables(folder: Path) -> set[str]:
    """The tables that an earlier measurement wrote here; others may be somebody's own."""
    try:
        numbers = read_json(folder / NUMBERS)
    except ValueError:
        return set()
    # Measurements of before there was this list wrote any of them.
    names = numbers.get("tables", TABLES if "matrix" in numbers else [])
    return {name for name in TABLES if isinstance(names, list | tuple) and name in names}


def document(curvature_report: CurvatureReport) -> dict[str, Any]:
    """Return the numbers of a curvature_report as plain values.

    Args:
        curvature_report: what was measured.
    """
    return strict(
        {
            "title": curvature_report.title,
            "source": curvature_report.source,
            "matrix": curvature_report.matrix,
            "parameters": curvature_report.size,
            "verdict": curvature_report.verdict,
            "definiteness": curvature_report.definiteness,
            "sentences": curvature_report.sentences,
            "notes": curvature_report.notes,
            "facts": dict(curvature_report.facts),
            "quantities": curvature_report.quantities,
            "tables": [name for name, table in _tables(curvature_report).items() if len(table)],
            "largest_eigenvalues": [_extreme(extreme) for extreme in _upper(curvature_report)],
            "smallest_eigenvalues": [_extreme(extreme) for extreme in _lower(curvature_report)],
            "sums": {
                extreme.name: {
                    "value": extreme.value,
                    "standard_error": extreme.standard_error,
                    "interval_95": [extreme.low, extreme.high],
                }
                for extreme in curvature_report.sums
            },
        }
    )


def figures(curvature_report: CurvatureReport) -> list[Figure]:
    """Return the figures that there are numbers for."""
    style = styles(["trained again"])
    drawn = [
        density_figure(curvature_report),
        loss_plane(curvature_report),
        eigenvalues_by_epoch({"trained again": curvature_report.spectra}, style),
        quantities_by_epoch(_wide(curvature_report.epochs), style),
    ]
    return [figure for figure in drawn if figure is not None]


def tables(curvature_report: CurvatureReport) -> list[Table]:
    """Return the tables: extreme eigenvalues, sums over all of them, and every quantity."""
    return [
        Table(
            f"The largest and the smallest of the {curvature_report.size} eigenvalues of the "
            f"{curvature_report.matrix}.",
            ("end", "eigenvalue", "error at most", "state"),
            [
                _cells(f"largest, {i}", extreme)
                for i, extreme in enumerate(_upper(curvature_report), start=1)
            ]
            + [
                _cells(f"smallest, {i}", extreme)
                for i, extreme in enumerate(_lower(curvature_report), start=1)
            ],
            details="Each value has an eigenvalue of its own within its bound.",
            name="extremes",
        ),
        Table(
            "Sums over all eigenvalues.",
            ("sum", "value", "standard error", "95 % interval"),
            [_sum(extreme) for extreme in curvature_report.sums],
            details="Standard errors and 95 % intervals stand where a sum is an estimate from "
            "random vectors.",
            name="sums",
        ),
        Table(
            "Every quantity of the diagnosis.",
            ("quantity", "in words", "value"),
            [(name, title_of(name), value) for name, value in curvature_report.quantities.items()],
            text_columns=2,
            name="quantities",
        ),
    ]


def _upper(curvature_report: CurvatureReport) -> list[Extreme]:
    return curvature_report.extremes[: curvature_report.largest]


def _lower(curvature_report: CurvatureReport) -> list[Extreme]:
    return curvature_report.extremes[curvature_report.largest :]


def _cells(name: str, extreme: Extreme) -> tuple[str, ...]:
    state = "" if extreme.converged else "not converged"
    return name, number(extreme.value, 6), number(extreme.bound, 2), state


def _sum(total: Sum) -> tuple[str, ...]:
    if total.standard_error == 0:
        return total.name, number(total.value), "exact", "–"
    ends = f"{number(total.low)} to {number(total.high)}"
    return total.name, number(total.value), number(total.standard_error, 2), ends


def _extreme(extreme: Extreme) -> dict[str, Any]:
    return {"value": extreme.value, "error_bound": extreme.bound, "converged": extreme.converged}


def _wide(epochs: pd.DataFrame) -> pd.DataFrame:
    if not len(epochs):
        return pd.DataFrame(columns=["label", "epoch"])
    wide = epochs.pivot_table(index="epoch", columns="quantity", values="value").reset_index()
    return wide.assign(label="trained again")


def _tables(curvature_report: CurvatureReport) -> dict[str, pd.DataFrame]:
    kind = "eigenvalue" if curvature_report.is_exact else "ritz_value"
    by_name = {name: pd.DataFrame() for name in TABLES} | {
        "spectrum": pd.DataFrame({kind: curvature_report.eigenvalues}),
        "quantities": curvature_report.epochs,
        "spectra": curvature_report.spectra,
    }
    curve, plane = curvature_report.density, curvature_report.plane
    if curve is not None:
        by_name["density"] = pd.DataFrame(
            {
                "eigenvalue": inverse_symlog(curve.places, curve.unit),
                "place": curve.places,
                "per_decade": curve.estimate,
                "low": curve.low,
                "high": curve.high,
            }
        )
    if plane is not None:
        across, along = np.meshgrid(plane.across, plane.along)
        by_name["plane"] = pd.DataFrame(
            {"across": across.ravel(), "along": along.ravel(), "loss": plane.values.ravel()}
        )
        by_name["path"] = pd.DataFrame(plane.path, columns=["across", "along", "distance"])
        by_name["path"].insert(0, "epoch", list(plane.epochs))
    return by_name
