"""The report as one HTML page that opens offline, and its figures one by one."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from benchmark.report.formatting import words
from benchmark.report.rendering import Figure, Table, plotly_script, render
from benchmark.report.run_data import RunData
from benchmark.report.sentences import answer, caveats
from benchmark.report.tables import (
    comparison_rows,
    environment_rows,
    interval_methods,
    label_rows,
    problem_rows,
    sweep_tables,
)
from benchmark.results.files import subfolder, write_text
from benchmark.statistics import COUNTED

MOST_PAIRS = 15
"""Comparisons beyond this number are folded away, except those of the label that came first."""

ALWAYS = ("diverged", "pruned")
"""The statuses whose column stands in the main table even where no trial has them."""

OF_ONE_PROBLEM = ("importance", "budget")
"""Sections that compare trials of one problem: they mislead where a study sweeps over several."""
BY_SETTING = ("learning-rate", "search-space")
"""Sections that the tables of a sweep over few problems take the place of."""

Item = Figure | Table | str
"""What a section consists of; a string is a sentence."""

SECTIONS: dict[str, tuple[str, tuple[str, ...]]] = {
    "rates": ("Rates of convergence", ("rates:rate_table", "rates:rate_figure")),
    "convergence": ("Convergence", ("convergence:convergence",)),
    "paths": ("Paths", ("paths:paths",)),
    "learning-rate": ("Learning rate", ("hyperparameters:learning_rate_slice",)),
    "search-space": (
        "The search space",
        ("parallel:parallel_coordinates", "hyperparameters:other_slices"),
    ),
    "importance": ("Which hyperparameters mattered", ("hyperparameters:importances",)),
    "budget": (
        "Results by budget",
        ("convergence:best_by_budget", "convergence:target_reached"),
    ),
    "curvature-of-trials": (
        "Curvature in every trial",
        ("monitoring_figures:monitoring_figures", "monitoring:monitoring_outcome"),
    ),
    "curvature": (
        "Curvature",
        (
            "curvature:curvature_table",
            "curvature:curvature_by_epoch",
            "spectra:eigenvalues_of_trials",
            "spectra:histograms",
            "findings:stability_figure",
            "findings:layer_figure",
            "quantities:quantities_of_trials",
            "findings:finding_table",
        ),
    ),
}
"""The sections of the page in their order: title, and the functions that make what they show.

``"module:function"`` names a function of a module in this package. It takes a :class:`RunData` and
returns a figure, a table or a sentence, a list of them, or None where the run has no such thing.
"""


@dataclass(frozen=True, slots=True)
class Section:
    """A headed part of the page.

    Args:
        identifier: the target of links.
        title: its heading.
        items: its figures, tables and sentences, in their order.
    """

    identifier: str
    title: str
    items: tuple[Item, ...]

    @property
    def figures(self) -> list[Figure]:
        """The figures among its items."""
        return [item for item in self.items if isinstance(item, Figure)]


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
    sections = sections_of(run_data)
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


def sections_of(run_data: RunData) -> list[Section]:
    """Return the sections that have something to show.

    Args:
        run_data: the run.
    """
    left_out = [
        *(OF_ONE_PROBLEM if run_data.swept else ()),
        *(BY_SETTING if run_data.sweep else ()),
    ]
    sections = []
    for identifier, (title, targets) in SECTIONS.items():
        if identifier in left_out:
            continue
        items = [item for target in targets for item in _items(_part(target)(run_data))]
        if any(not isinstance(item, str) for item in items):
            sections.append(Section(identifier, title, tuple(items)))
    return sections


def _part(target: str) -> Callable[[RunData], Item | Sequence[Item] | None]:
    module, _, function = target.partition(":")
    part = getattr(import_module(f"benchmark.report.{module}"), function)
    return cast("Callable[[RunData], Item | Sequence[Item] | None]", part)


def _items(made: Item | Sequence[Item] | None) -> Sequence[Item]:
    if made is None:
        return ()
    return (made,) if isinstance(made, Figure | Table | str) else made


def _words(run_data: RunData) -> dict[str, Any]:
    return {
        "answer": answer(run_data),
        "caveats": caveats(run_data),
        "labels": label_rows(run_data),
        "sweep": sweep_tables(run_data),
        "methods": interval_methods(run_data),
        "comparisons": comparison_rows(run_data),
        "most_pairs": MOST_PAIRS,
        "environment": environment_rows(run_data.run.environment),
        "problem": problem_rows(run_data),
        "objective": words(run_data.objective),
        "test": words(run_data.compared_name) if run_data.compared != "objective" else "",
        "compared": words(run_data.compared_name),
        "statuses": [
            status
            for status in COUNTED
            if status in ALWAYS or any(row.counts.get(status) for row in run_data.summaries)
        ],
        "better": "lower" if run_data.direction == "minimize" else "higher",
    }


def _write_figures(folder: Path, figures: Iterable[Figure]) -> None:
    """Write each figure as a page of its own; they share one copy of Plotly."""
    names = set()
    write_text(folder / "plotly.min.js", plotly_script())
    for figure in figures:
        names.add(f"{figure.name}.html")
        write_text(
            folder / f"{figure.name}.html",
            render("figure.html.jinja", figure=figure, is_complete=False),
        )
    for file in folder.glob("*.html"):  # figures of an earlier report that no longer exist
        if file.name not in names and _is_ours(file):
            file.unlink()


def _is_ours(file: Path) -> bool:
    """Whether a page is a figure of an earlier report, and nothing that people put there."""
    if file.is_symlink() or not file.is_file():
        return False
    return f'<div class="plot" id="plot-{file.stem}"'.encode() in file.read_bytes()
