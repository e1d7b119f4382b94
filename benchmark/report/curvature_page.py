"""The page of the curvature at one point, and its numbers as files."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmark.report.eigenvalues import density_figure, eigenvalues_by_epoch
from benchmark.report.figure import Figure
from benchmark.report.formatting import number
from benchmark.report.landscape import loss_plane
from benchmark.report.portrait import Extreme, Portrait, Sum
from benchmark.report.quantities import quantities_by_epoch, title_of
from benchmark.report.rendering import render
from benchmark.report.symlog import inverse_symlog
from benchmark.report.table import Table
from benchmark.report.theme import styles
from benchmark.results.files import read_json, strict, write_atomically, write_json, write_text

PAGE, NUMBERS = "curvature.html", "curvature.json"
TABLES = ("spectrum", "quantities", "spectra", "density", "plane", "path")


def write_curvature(portrait: Portrait, folder: Path) -> list[Path]:
    """Write the page and the numbers of a portrait.

    Args:
        portrait: what was measured.
        folder: where; it is made.

    Returns:
        The files: ``curvature.html``, ``curvature.json``, and the Parquet tables that there are
        numbers for: ``spectrum``, ``density``, ``quantities``, ``spectra``, ``plane``, ``path``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    former = _former_tables(folder)
    page = render(
        "curvature.html.jinja",
        portrait=portrait,
        tables=tables(portrait),
        figures=figures(portrait),
    )
    write_text(folder / PAGE, page)
    filled = {name: table for name, table in _tables(portrait).items() if len(table)}
    write_json(folder / NUMBERS, document(portrait))
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


def document(portrait: Portrait) -> dict[str, Any]:
    """Return the numbers of a portrait as plain values.

    Args:
        portrait: what was measured.
    """
    return strict(
        {
            "title": portrait.title,
            "source": portrait.source,
            "matrix": portrait.matrix,
            "parameters": portrait.size,
            "verdict": portrait.verdict,
            "definiteness": portrait.definiteness,
            "sentences": portrait.sentences,
            "notes": portrait.notes,
            "facts": dict(portrait.facts),
            "quantities": portrait.quantities,
            "tables": [name for name, table in _tables(portrait).items() if len(table)],
            "largest_eigenvalues": [_extreme(one) for one in _upper(portrait)],
            "smallest_eigenvalues": [_extreme(one) for one in _lower(portrait)],
            "sums": {
                one.name: {
                    "value": one.value,
                    "standard_error": one.standard_error,
                    "interval_95": [one.low, one.high],
                }
                for one in portrait.sums
            },
        }
    )


def figures(portrait: Portrait) -> list[Figure]:
    """Return the figures that there are numbers for."""
    one = styles(["trained again"])
    found = [
        density_figure(portrait),
        loss_plane(portrait),
        eigenvalues_by_epoch({"trained again": portrait.spectra}, one),
        quantities_by_epoch(_wide(portrait.epochs), one),
    ]
    return [figure for figure in found if figure is not None]


def tables(portrait: Portrait) -> list[Table]:
    """Return the tables: extreme eigenvalues, sums over all of them, and every quantity."""
    return [
        Table(
            f"The eigenvalues of the {portrait.matrix} at both ends, of {portrait.size}. An "
            "eigenvalue lies within the bound of each; as many as are listed are there.",
            ("end", "eigenvalue", "error at most", ""),
            [_cells(f"largest, {i}", one) for i, one in enumerate(_upper(portrait), start=1)]
            + [_cells(f"smallest, {i}", one) for i, one in enumerate(_lower(portrait), start=1)],
        ),
        Table(
            "Sums over all eigenvalues, with standard errors and 95 % intervals where they are "
            "estimates from random vectors.",
            ("sum", "value", "standard error", "95 % interval"),
            [_sum(one) for one in portrait.sums],
        ),
        Table(
            "Every quantity of the diagnosis.",
            ("quantity", "in words", "value"),
            [(name, title_of(name), number(value)) for name, value in portrait.quantities.items()],
            text_columns=2,
        ),
    ]


def _upper(portrait: Portrait) -> list[Extreme]:
    return portrait.extremes[: portrait.largest]


def _lower(portrait: Portrait) -> list[Extreme]:
    return portrait.extremes[portrait.largest :]


def _cells(name: str, one: Extreme) -> tuple[str, ...]:
    state = "" if one.converged else "not converged"
    return name, number(one.value, 6), number(one.bound, 2), state


def _sum(one: Sum) -> tuple[str, ...]:
    if one.standard_error == 0:
        return one.name, number(one.value), "exact", "–"
    ends = f"{number(one.low)} to {number(one.high)}"
    return one.name, number(one.value), number(one.standard_error, 2), ends


def _extreme(one: Extreme) -> dict[str, Any]:
    return {"value": one.value, "error_bound": one.bound, "converged": one.converged}


def _wide(epochs: pd.DataFrame) -> pd.DataFrame:
    if not len(epochs):
        return pd.DataFrame(columns=["label", "epoch"])
    wide = epochs.pivot_table(index="epoch", columns="quantity", values="value").reset_index()
    return wide.assign(label="trained again")


def _tables(portrait: Portrait) -> dict[str, pd.DataFrame]:
    kind = "eigenvalue" if portrait.is_exact else "ritz_value"
    found = {name: pd.DataFrame() for name in TABLES} | {
        "spectrum": pd.DataFrame({kind: portrait.eigenvalues}),
        "quantities": portrait.epochs,
        "spectra": portrait.spectra,
    }
    curve, plane = portrait.density, portrait.plane
    if curve is not None:
        found["density"] = pd.DataFrame(
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
        found["plane"] = pd.DataFrame(
            {"across": across.ravel(), "along": along.ravel(), "loss": plane.values.ravel()}
        )
        found["path"] = pd.DataFrame(plane.path, columns=["across", "along", "distance"])
        found["path"].insert(0, "epoch", list(plane.epochs))
    return found
