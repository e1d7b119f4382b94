"""The report as one HTML page that opens offline, and its figures one by one."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from plotly.offline import get_plotlyjs

from benchmark.report.convergence import best_by_budget, convergence, target_reached
from benchmark.report.curvature import (
    DRAWN,
    curvature_by_epoch,
    curvature_rows,
    followed_spectra,
    shown_curvature,
    spectrum,
)
from benchmark.report.eigenvalues import eigenvalues_by_epoch
from benchmark.report.findings import finding_table, layer_figure, stability_figure
from benchmark.report.formatting import words
from benchmark.report.hyperparameters import (
    importances,
    learning_rate_slice,
    other_slices,
    parallel_coordinates,
)
from benchmark.report.monitoring import monitoring_outcome, monitoring_table
from benchmark.report.monitoring_figures import monitoring_figures
from benchmark.report.paths import paths
from benchmark.report.quantities import quantities_by_epoch
from benchmark.report.rates import rate_figure, rate_table, rates
from benchmark.report.rendering import Figure, Table, render
from benchmark.report.run_data import RunData
from benchmark.report.sentences import answer, caveats
from benchmark.report.tables import (
    comparison_rows,
    environment_rows,
    interval_methods,
    label_rows,
    no_comparison,
    problem_rows,
)
from benchmark.results.files import subfolder, write_text

MOST_PAIRS = 15
"""Comparisons beyond this number are folded away, except those of the label that came first."""


@dataclass(frozen=True, slots=True)
class Section:
    """A headed part of the page with figures.

    Args:
        identifier: what links point to.
        title: its heading.
        figures: its figures.
        notes: sentences below them.
        tables: its tables, above the figures.
        closing: those below.
    """

    identifier: str
    title: str
    figures: list[Figure]
    notes: list[str]
    tables: list[Table] = field(default_factory=list)
    closing: list[Table] = field(default_factory=list)


def write_report(run_path: str | Path) -> Path:
    """Write ``report.html`` and ``figures/`` into a run folder, from that folder alone.

    Neither training nor MLflow nor Keras is needed, and an unfinished run will do.

    Args:
        run_path: the run folder.

    Returns:
        The path of ``report.html``.

    Raises:
        FileNotFoundError: the folder is no run.
        StudyError: the frozen study file is no study.
        LinkError: ``figures`` is a link.
    """
    path = Path(run_path)
    run_data = RunData.read(path)
    sections = _sections(run_data)
    figures = [figure for section in sections for figure in section.figures]
    page = render(
        "page.html.jinja",
        run_data=run_data,
        sections=sections,
        numbers={figure.name: index for index, figure in enumerate(figures, start=1)},
        **_words(run_data),
    )
    folder = subfolder(path, "figures")  # before anything is written
    write_text(path / "report.html", page)
    _write_figures(folder, figures)
    return path / "report.html"


def _sections(run_data: RunData) -> list[Section]:
    metrics = dict.fromkeys([run_data.objective, "validation_loss", "train_loss"])
    importance, missing = importances(run_data)
    curvature = shown_curvature(run_data)
    monitored = monitoring_table(run_data)
    found_rates = rates(run_data)
    tables, closing = {"rates": [rate_table(found_rates)]}, {"curvature": [finding_table(run_data)]}
    sections = [
        ("rates", "Rates of convergence", [rate_figure(run_data, found_rates)], []),
        ("convergence", "Convergence", [convergence(run_data, name) for name in metrics], []),
        ("paths", "Paths", [paths(run_data)], []),
        ("learning-rate", "Learning rate", [learning_rate_slice(run_data)], []),
        (
            "search-space",
            "The search space",
            [parallel_coordinates(run_data), other_slices(run_data)],
            [],
        ),
        ("importance", "Which hyperparameters mattered", [importance], missing),
        (
            "budget",
            "Results by budget",
            [best_by_budget(run_data), target_reached(run_data)],
            [],
        ),
        (
            "curvature-of-trials",
            "Curvature in every trial",
            [*monitoring_figures(run_data, monitored), monitoring_outcome(run_data, monitored)],
            [],
        ),
        (
            "curvature",
            "Curvature",
            _of_shown_trials(run_data, curvature),
            [],
        ),
    ]
    drawn = [
        Section(
            identifier,
            title,
            [item for item in figures if item is not None],
            notes,
            *(
                [item for item in found.get(identifier, ()) if item is not None]
                for found in (tables, closing)
            ),
        )
        for identifier, title, figures, notes in sections
    ]
    has_table = len(curvature) > 0
    return [
        section
        for section in drawn
        if section.figures
        or section.notes
        or section.tables
        or section.closing
        or (section.identifier == "curvature" and has_table)
    ]


def _of_shown_trials(run_data: RunData, curvature: pd.DataFrame) -> list[Figure | None]:
    """The figures of the trials whose curvature was diagnosed."""
    return [
        curvature_by_epoch(run_data, curvature),
        eigenvalues_by_epoch(followed_spectra(run_data), run_data.styles),
        spectrum(run_data),
        stability_figure(run_data),
        layer_figure(run_data),
        quantities_by_epoch(curvature, run_data.styles, DRAWN),
    ]


def _words(run_data: RunData) -> dict[str, Any]:
    return {
        "answer": answer(run_data),
        "caveats": caveats(run_data),
        "labels": label_rows(run_data),
        "methods": interval_methods(run_data),
        "comparisons": comparison_rows(run_data),
        "no_comparison": no_comparison(run_data),
        "most_pairs": MOST_PAIRS,
        "curvature": curvature_rows(shown_curvature(run_data)),
        "environment": environment_rows(run_data.run.environment),
        "problem": problem_rows(run_data),
        "objective": words(run_data.objective),
        "test": words(run_data.compared_name) if run_data.compared != "objective" else "",
        "compared": words(run_data.compared_name),
        "any_failed": any(row.counts.get("failed") for row in run_data.summaries),
        "better": "lower" if run_data.direction == "minimize" else "higher",
    }


def _write_figures(folder: Path, figures: Iterable[Figure]) -> None:
    """Write each figure as a page of its own; they share one copy of Plotly."""
    names = set()
    write_text(folder / "plotly.min.js", get_plotlyjs())
    for figure in figures:
        names.add(f"{figure.name}.html")
        write_text(folder / f"{figure.name}.html", render("figure.html.jinja", figure=figure))
    for file in folder.glob("*.html"):  # figures of an earlier report that no longer exist
        if file.name not in names and _is_ours(file):
            file.unlink()


def _is_ours(file: Path) -> bool:
    """Whether a page is a figure of an earlier report, and nothing that people put there."""
    if file.is_symlink() or not file.is_file():
        return False
    return f'<div class="plot" id="plot-{file.stem}"'.encode() in file.read_bytes()
