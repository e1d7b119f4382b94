"""Figures and tables of a page, and the page itself: one file that opens offline."""

import html
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from benchmark.report.formatting import number, typeset

Cell = str | float | int
"""A number stands in a page with four significant digits, and in a CSV file with all of them."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells with a caption; the first column names the row.

    Args:
        caption: what is in it, one sentence.
        header: the name of each column.
        rows: the cells of each column.
        text_columns: columns from the first that hold words, not numbers.
        folded: what to click on to see it, where it is too long to stand open.
        details: how to read it and how it was made, folded away.
        name: its file name without ending, unique in the report.
    """

    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    text_columns: int = 1
    folded: str = ""
    details: str = ""
    name: str = "table"


@dataclass(frozen=True, slots=True, eq=False)
class Figure:
    """A drawing with its words.

    Args:
        name: its file name without ending, unique in the report.
        caption: what is drawn, one sentence.
        description: its kind, and all that can be seen in it, for those who cannot see it.
        plot: the drawing.
        wide: whether a narrow screen should scroll it rather than squeeze it.
        shows: what it shows of this run, one sentence.
        details: how to read it and how it was computed, folded away.
    """

    name: str
    caption: str
    description: str
    plot: go.Figure
    wide: bool = False
    shows: str = ""
    details: str = ""

    @property
    def height(self) -> int:
        """Its height in pixels."""
        return int(self.plot.layout.height)

    def _repr_html_(self) -> str:
        """Return the figure with its words, as a notebook shows it: complete, without network."""
        page = html.escape(render("figure.html.jinja", figure=self, is_complete=True))
        return (
            '<iframe sandbox="allow-scripts allow-downloads" style="width:100%;border:0;'
            f'height:{self.height + WORDS_HEIGHT}px" srcdoc="{page}"></iframe>'
        )

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        """Return the figure for notebooks, and its words for all that shows text alone."""
        words = f"Figure {self.name}. {self.caption} {self.shows}".strip()
        return {"text/html": self._repr_html_(), "text/plain": words}


WORDS_HEIGHT = 180
"""Pixels below a figure in a notebook for its words; a longer text scrolls."""
FOLDER = Path(__file__).parent
PLOTLY = FOLDER / "vendor" / "plotly-cartesian-4.1.1.min.js"
"""Plotly.js with the traces of flat charts alone: 1.5 MB, where the whole of it has 4.8 MB.

The Python package carries only the whole. Compressed and inflated by the page it would still take
2.0 MB, so this file of the same release is kept beside the code, as npm's
``plotly.js-cartesian-dist-min`` has it. A figure may use ``scatter``, ``bar``, ``box``, ``violin``,
``histogram``, ``heatmap``, ``contour``, ``image`` and ``pie``.
"""
CONFIGURATION = {
    "responsive": True,
    "displaylogo": False,
    "modeBarButtonsToRemove": [
        "sendChartToCloud",
        "lasso2d",
        "select2d",
        "autoScale2d",
        "zoomIn2d",
        "zoomOut2d",
    ],
}


def render(template: str, **values: Any) -> str:
    """Return a page with its style, its script and Plotly inside.

    Args:
        template: its file name in this folder.
        values: what the template names.
    """
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["figure_json"] = figure_json
    environment.filters["typeset"] = typeset
    environment.filters["cell"] = cell
    return environment.get_template(template).render(
        style=(FOLDER / "page.css").read_text(encoding="utf-8"),
        script=(FOLDER / "page.js").read_text(encoding="utf-8"),
        plotly=plotly_script(),
        configuration=json.dumps(CONFIGURATION),
        **values,
    )


def cell(value: Cell) -> str:
    """Return a cell of a table as the page shows it.

    Args:
        value: a text, or a number.

    Example:
        >>> cell("adam"), cell(12), cell(0.0123456)
        ('adam', '12', '0.01235')
    """
    return value if isinstance(value, str) else number(value)


def plotly_script() -> str:
    """Return the text of Plotly, which no ``</script>`` ends."""
    return PLOTLY.read_text(encoding="utf-8")


def figure_json(figure: Figure) -> str:
    """Return a figure as JSON that may stand inside a ``script`` element.

    Args:
        figure: the figure.
    """
    # "</script>" in a label would end the element, whatever quotes it stands in.
    return str(figure.plot.to_json()).replace("<", "\\u003c")
