"""Figures and tables of a page, and the page itself: one file that opens offline."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from plotly.offline import get_plotlyjs

from benchmark.report.formatting import typeset


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text with a caption; the first column names the row.

    Args:
        caption: what is in it, a few sentences.
        header: the name of each column.
        rows: the cells, a text a column.
        text_columns: columns from the first that hold words, not numbers.
        folded: what to click on to see it, where it is too long to stand open.
    """

    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    text_columns: int = 1
    folded: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Figure:
    """A drawing with its words.

    Args:
        name: its file name without ending, unique in the report.
        caption: what is drawn and how to read it, a few sentences.
        description: what can be seen in it, for those who cannot see it.
        plot: the drawing.
        wide: whether a narrow screen should scroll it rather than squeeze it.
    """

    name: str
    caption: str
    description: str
    plot: go.Figure
    wide: bool = False

    @property
    def height(self) -> int:
        """Its height in pixels."""
        return int(self.plot.layout.height)


FOLDER = Path(__file__).parent
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
    return environment.get_template(template).render(
        style=(FOLDER / "page.css").read_text(encoding="utf-8"),
        script=(FOLDER / "page.js").read_text(encoding="utf-8"),
        plotly=get_plotlyjs(),
        configuration=json.dumps(CONFIGURATION),
        **values,
    )


def figure_json(figure: Figure) -> str:
    """Return a figure as JSON that may stand inside a ``script`` element.

    Args:
        figure: the figure.
    """
    # "</script>" in a label would end the element, whatever quotes it stands in.
    return str(figure.plot.to_json()).replace("<", "\\u003c")
