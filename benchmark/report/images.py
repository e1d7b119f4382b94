"""The figures of a report as image files, drawn by Kaleido in a browser that nobody sees."""

import shutil
from collections.abc import Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import plotly.graph_objects as go

from benchmark.errors import UserError
from benchmark.report.page import Section, sections_of
from benchmark.report.rendering import PLOTLY, Figure
from benchmark.report.run_data import RunData
from benchmark.results.files import subfolder, write_atomically

WIDTH = 900
"""Of an image, in pixels; its height is that of the figure on the page."""
INK = "#1d2226"
REMEDY = 'Install both: pip install "kappabench[figures]", and Chromium or Chrome.'


class ImageError(UserError):
    """Figures cannot be written as images here."""


def write_images(run_path: str | Path, kind: str) -> list[Path]:
    """Write every figure of a run's report as ``figures/NAME.svg`` or ``figures/NAME.pdf``.

    Args:
        run_path: the run folder.
        kind: ``"svg"`` or ``"pdf"``.

    Returns:
        The files.

    Raises:
        FileNotFoundError: the folder is no run.
        ImageError: Kaleido, or a browser for it, is missing.
        LinkError: ``figures`` is a link.
    """
    if find_spec("kaleido") is None:
        raise ImageError(
            f"--figures {kind} needs Kaleido and a browser. Received no module kaleido. {REMEDY}"
        )
    path = Path(run_path)
    figures = figures_of(sections_of(RunData.read(path)))
    folder = subfolder(path, "figures")
    files = [folder / f"{figure.name}.{kind}" for figure in figures]
    with TemporaryDirectory() as drawn:
        _draw(figures, kind, Path(drawn))
        for file in files:
            write_atomically(file, partial(_copy, Path(drawn, file.name)))
    return files


def _copy(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)


def figures_of(sections: Sequence[Section]) -> list[Figure]:
    """Return the figures of some sections in their order.

    Args:
        sections: of the page.
    """
    return [figure for section in sections for figure in section.figures]


def _draw(figures: Sequence[Figure], kind: str, folder: Path) -> None:
    import kaleido
    from kaleido.errors import BrowserClosedError, BrowserFailedError, ChromeNotFoundError

    wanted = [
        {
            "fig": _on_paper(figure).to_plotly_json(),
            "path": folder / f"{figure.name}.{kind}",
            "opts": {"format": kind, "width": WIDTH, "height": figure.height},
        }
        for figure in figures
    ]
    # Without the first, Kaleido draws with another Plotly; without the second, it asks the network.
    options: dict[str, Any] = {"plotlyjs": PLOTLY, "mathjax": False}
    try:
        kaleido.write_fig_from_object_sync(wanted, kopts=options)
    except (BrowserClosedError, BrowserFailedError, ChromeNotFoundError) as error:
        reason = " ".join(map(str, error.args)).strip().split(". ")[0].rstrip(".")
        raise ImageError(
            f"--figures {kind} needs Kaleido and a browser. Received: {reason}. {REMEDY} "
            "BROWSER_PATH names a browser that is not on PATH."
        ) from error


def _on_paper(figure: Figure) -> go.Figure:
    """The figure in dark ink on white: on the page, the page's script chooses both."""
    plot = go.Figure(figure.plot)
    return plot.update_layout(
        font_color=INK, paper_bgcolor="white", plot_bgcolor="white", dragmode=None, meta=None
    )
