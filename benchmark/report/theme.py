"""The look of all figures: calm, safe for colour-blind eyes, light or dark by the page."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from benchmark.report.formatting import number

# Okabe and Ito, "Color Universal Design", 2008, without black and yellow, which vanish
# on a dark and on a light page.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8F6BB5", "#7F7F7F")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "pentagon", "hexagon")
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
# Readable on both schemes; the page's script replaces it by the scheme's own ink.
INK = "#6b7177"
RULE = "rgba(128,134,140,0.25)"
# Behind words that lines cross; the page's script replaces it too.
PAPER = "rgba(255,255,255,0.8)"
MARGIN = {"l": 56, "r": 16, "t": 36, "b": 48}
LEGEND = {"orientation": "h", "x": 0, "y": 1.02, "xanchor": "left", "yanchor": "bottom"}


@dataclass(frozen=True, slots=True)
class Style:
    """How a label is drawn; colour is never its only mark.

    Args:
        colour: as ``#RRGGBB``.
        dash: the line's dash.
        symbol: the marker's symbol.
    """

    colour: str
    dash: str
    symbol: str

    def faint(self, opacity: float) -> str:
        """Return the colour with an opacity.

        Args:
            opacity: 0 (invisible) to 1.

        Example:
            >>> Style("#0072B2", "solid", "circle").faint(0.2)
            'rgba(0,114,178,0.2)'
        """
        red, green, blue = (int(self.colour[start : start + 2], 16) for start in (1, 3, 5))
        return f"rgba({red},{green},{blue},{opacity})"


def styles(labels: Sequence[str]) -> dict[str, Style]:
    """Return a style for each label.

    Args:
        labels: the labels in their order.

    Example:
        >>> styles(["sgd", "adam"])["adam"]
        Style(colour='#D55E00', dash='dash', symbol='square')
    """
    return {
        label: Style(
            COLOURS[index % len(COLOURS)],
            DASHES[index % len(DASHES)],
            SYMBOLS[index % len(SYMBOLS)],
        )
        for index, label in enumerate(labels)
    }


def band(x: Any, low: Any, high: Any, colour: str, **trace: Any) -> go.Scatter:
    """Return the area between two curves, without an outline.

    Args:
        x: where the curves are given.
        low: the lower one.
        high: the upper one.
        colour: of the area, mostly transparent.
        trace: more settings of the trace, ``name`` for instance.
    """
    return go.Scatter(
        x=np.concatenate([x, x[::-1]]),
        y=np.concatenate([high, low[::-1]]),
        mode="lines",
        fill="toself",
        fillcolor=colour,
        line={"width": 0},
        hoverinfo="skip",
        **trace,
    )


def finished(plot: go.Figure, height: int, **layout: Any) -> go.Figure:
    """Give a figure the common look.

    Args:
        plot: the figure.
        height: in pixels.
        layout: what differs from the common layout.
    """
    axis = {
        "gridcolor": RULE,
        "linecolor": RULE,
        "zerolinecolor": RULE,
        "ticks": "outside",
        "tickcolor": RULE,
        "automargin": True,
    }
    plot.update_xaxes(axis)
    # Without a distance, titles of the y axis run into long numbers.
    plot.update_yaxes(axis, title_standoff=10)
    plot.update_layout(
        template="none",
        height=height,
        margin=MARGIN,
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": FONT, "size": 13, "color": INK},
        legend=LEGEND,
        hoverlabel={"font": {"family": FONT}},
        hovermode="closest",
    )
    plot.update_layout(layout)
    return plot


def with_legend(height: int, names: int) -> int:
    """Return a height with room for a legend, which has several rows from seven names on.

    Args:
        height: in pixels, with a legend of one row.
        names: how many names the legend holds.

    Example:
        >>> with_legend(420, 2), with_legend(420, 12)
        (420, 468)
    """
    return height + 8 * max(0, names - 6)


def scale_of(values: Any) -> str:
    """Return ``"log"`` for positive values that span more than a decade, else ``"linear"``.

    Args:
        values: numbers; those not finite are passed over.

    Example:
        >>> scale_of([0.01, 2.0]), scale_of([0.9, 0.97]), scale_of([0.0, 5.0])
        ('log', 'linear', 'linear')
    """
    numbers = np.asarray(values, dtype=float)
    numbers = numbers[np.isfinite(numbers)]
    if not numbers.size or numbers.min() <= 0:
        return "linear"
    return "log" if numbers.max() / numbers.min() > 10 else "linear"


def axis_of(values: Any, scale: str, margin: float = 0.06) -> dict[str, Any]:
    """Return an axis around finite values, its ticks at round numbers.

    Args:
        values: numbers; those not finite are passed over.
        scale: ``"log"`` or ``"linear"``.
        margin: the share of its length that is left free at either end.

    Example:
        >>> axis_of([1e-3, 0.1], "log", 0.0)["ticktext"]
        ['0.001', '0.002', '0.005', '0.01', '0.02', '0.05', '0.1']
    """
    low, high = limits_of(values, scale, margin)
    is_log = scale == "log"
    ticks = log_ticks(low, high) if is_log else linear_ticks(low, high)
    return {
        "type": scale,
        "range": [math.log10(low), math.log10(high)] if is_log else [low, high],
        "tickvals": ticks,
        "ticktext": [number(tick) for tick in ticks],
    }


def linear_ticks(low: float, high: float) -> list[float]:
    """Return some five round numbers between the ends of a linear axis.

    Args:
        low: lower end.
        high: upper end.

    Example:
        >>> linear_ticks(-0.06, 1.06)
        [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    """
    raw = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(raw))
    step = min((1, 2, 5, 10), key=lambda digit: abs(digit * power - raw)) * power
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    # Rounding to the step's own digits: 3 * 0.1 is 0.30000000000000004.
    digits = max(0, 1 - math.floor(math.log10(step)))
    return [round(index * step, digits) for index in range(first, last + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """Return round numbers between the ends of a logarithmic axis.

    Args:
        low: lower end, > 0.
        high: upper end.

    Example:
        >>> log_ticks(0.5, 12.0)
        [0.5, 1.0, 2.0, 5.0, 10.0]
        >>> log_ticks(1e-12, 1.0)
        [1e-12, 1e-10, 1e-08, 1e-06, 0.0001, 0.01, 1.0]
    """
    decades = math.log10(high / low)
    step = max(1, math.ceil(decades / 7))
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    leading = (1, 2, 5) if decades <= 2.5 else (1,)
    ticks = [
        float(f"{digit}e{exponent}")
        for exponent in exponents
        if exponent % step == 0
        for digit in leading
    ]
    return [tick for tick in ticks if low * (1 - 1e-9) <= tick <= high * (1 + 1e-9)]


def limits_of(values: Any, scale: str, margin: float = 0.06) -> tuple[float, float]:
    """Return the ends of an axis with a margin around finite values.

    Args:
        values: numbers; those not finite are passed over.
        scale: ``"log"`` or ``"linear"``.
        margin: the share of its length that is left free at either end.

    Example:
        >>> limits_of([0.0, 1.0], "linear")
        (-0.06, 1.06)
        >>> limits_of([0.0, 0.01], "linear", 0.0)
        (0.0, 0.01)
    """
    numbers = np.asarray(values, dtype=float)
    numbers = numbers[np.isfinite(numbers)]
    if not numbers.size:
        return (0.1, 10.0) if scale == "log" else (0.0, 1.0)
    low, high = float(numbers.min()), float(numbers.max())
    if scale == "log":
        low, high = math.log10(low), math.log10(high)
    free = margin * (high - low) if high > low else 0.06 * max(abs(high), 1.0)
    low, high = low - free, high + free
    return (10**low, 10**high) if scale == "log" else (low, high)
