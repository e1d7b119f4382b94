"""Pages from their templates, whole in one file: nothing is fetched when they are opened."""

import json
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from plotly.offline import get_plotlyjs

from benchmark.report.figure import Figure
from benchmark.report.formatting import typeset

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
