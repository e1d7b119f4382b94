"""Small multiples: a grid of plots with one rule for axes, titles, gaps, legend and height."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from benchmark.report.theme import MARGIN, finished, with_legend

Place = dict[str, int]
"""Row and column of a panel, as Plotly's methods take them: ``{"row": 1, "col": 2}``."""
TITLE, TICKS, AXIS_TITLE = 24, 26, 36
"""Pixels that a panel's title, the labels of its ticks and the title of its axis need."""


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """One plot of a grid.

    Args:
        draw: adds traces and shapes to the figure, at the place that it is given.
        title: stands above the panel.
        x: the settings of the horizontal axis, as Plotly names them; ``title`` is a text.
        y: those of the vertical axis.
    """

    draw: Callable[[go.Figure, Place], None]
    title: str = ""
    x: Mapping[str, Any] = field(default_factory=dict)
    y: Mapping[str, Any] = field(default_factory=dict)


def small_multiples(
    panels: Sequence[Panel],
    columns: int,
    *,
    height: int = 170,
    shares_x: bool = False,
    shares_y: bool = False,
    **layout: Any,
) -> go.Figure:
    """Draw panels in a grid, row by row.

    A title that an axis has in common with the panel below it, or to the left of it, is written
    once. The legend names every group of traces once, above the titles.

    Args:
        panels: at least one.
        columns: at most this many panels stand side by side.
        height: of the area of one panel, in pixels.
        shares_x: whether all panels have one horizontal axis.
        shares_y: whether all panels have one vertical axis.
        layout: what differs from the layout of all figures.
    """
    columns = min(columns, len(panels))
    rows = math.ceil(len(panels) / columns)
    has_titles = any(panel.title for panel in panels)
    gap = _gap(panels, columns, has_titles=has_titles)
    area = rows * height + (rows - 1) * gap
    plot = make_subplots(
        rows=rows,
        cols=columns,
        specs=[
            [{} if row * columns + column < len(panels) else None for column in range(columns)]
            for row in range(rows)
        ],
        subplot_titles=[panel.title for panel in panels] if has_titles else None,
        shared_xaxes="all" if shares_x else False,
        shared_yaxes="all" if shares_y else False,
        horizontal_spacing=0.04 if shares_y else 0.24 / columns,
        vertical_spacing=gap / area,
    )
    plot.update_annotations(font_size=13)
    for index, panel in enumerate(panels):
        place = {"row": index // columns + 1, "col": index % columns + 1}
        panel.draw(plot, place)
        is_lowest = index + columns >= len(panels)
        plot.update_xaxes({**panel.x, "title": _title(panels, index, columns, "x")}, **place)
        plot.update_yaxes({**panel.y, "title": _title(panels, index, columns, "y")}, **place)
        if shares_x and is_lowest:  # of a column that ends above the last row, too
            plot.update_xaxes(showticklabels=True, **place)
    names = name_once(plot) if layout.get("showlegend", True) else 0
    above = with_legend(MARGIN["t"], names) + (TITLE if has_titles and names else 0)
    margin = {**MARGIN, "t": above}
    above_titles = {"y": 1 + (TITLE if has_titles else 6) / area}
    plot = finished(plot, area + margin["t"] + margin["b"], margin=margin, legend=above_titles)
    return plot.update_layout(layout)


def _gap(panels: Sequence[Panel], columns: int, *, has_titles: bool) -> int:
    """The pixels between two rows: for ticks, and for the titles that are written there."""
    inner = range(len(panels) - columns)
    has_axis_titles = any(_title(panels, index, columns, "x") for index in inner)
    return TICKS + TITLE * has_titles + AXIS_TITLE * has_axis_titles


def _title(panels: Sequence[Panel], index: int, columns: int, axis: str) -> str | None:
    """The title of an axis; nothing where the panel below, or to the left, has the same one."""
    if axis == "x":
        below = index + columns
        neighbour = panels[below].x if below < len(panels) else {}
        title = panels[index].x.get("title")
    else:
        neighbour = panels[index - 1].y if index % columns else {}
        title = panels[index].y.get("title")
    return None if title == neighbour.get("title") else title


def name_once(plot: go.Figure) -> int:
    """Let the legend name each group of traces once, by its first trace that shows anything.

    Args:
        plot: the figure.

    Returns:
        How many names the legend holds.
    """
    named: set[str] = set()
    for trace in plot.data:
        if trace.name is None or trace.showlegend is False:
            continue
        group = trace.legendgroup or trace.name
        trace.showlegend = group not in named and len(trace.x) > 0
        named |= {group} if trace.showlegend else set()
    return len(named)
