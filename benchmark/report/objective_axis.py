"""The axis of the objective, with a shelf for trials that have no finite one."""

import math
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from benchmark.report.theme import RULE, axis_of, limits_of, scale_of


@dataclass(frozen=True, slots=True)
class ObjectiveAxis:
    """The axis of the objective; positions are logarithms where the scale is.

    Args:
        scale: ``"log"`` or ``"linear"``.
        low: position of the lower end of the finite values.
        high: position of the upper end of the finite values.
        shelf: ends of the strip beyond the worse end, for trials without a finite
            value; nothing where all are finite.
        is_empty: whether no value is finite.
    """

    scale: str
    low: float
    high: float
    shelf: tuple[float, float] | None
    is_empty: bool = False

    @classmethod
    def of(cls, objectives: ArrayLike, direction: str) -> Self:
        """Return the axis that holds some objectives.

        Args:
            objectives: the values, some perhaps not finite.
            direction: ``"minimize"`` puts the shelf on top, ``"maximize"`` below.

        Example:
            >>> ObjectiveAxis.of([0.0, 1.0], "minimize").shelf is None
            True
        """
        values = np.asarray(objectives, dtype=float)
        scale = scale_of(values)
        low, high = limits_of(values, scale)
        if scale == "log":
            low, high = math.log10(low), math.log10(high)
        if np.isfinite(values).all():
            return cls(scale, low, high, None)
        width = 0.13 * (high - low)
        shelf = (high, high + width) if direction == "minimize" else (low - width, low)
        return cls(scale, low, high, shelf, not np.isfinite(values).any())

    @property
    def layout(self) -> dict[str, Any]:
        """The axis as Plotly wants it; the shelf has one tick, which says what it is."""
        axis = axis_of([self._value(self.low), self._value(self.high)], self.scale, 0.0)
        if self.shelf is None:
            return axis
        ends = [self.low, self.high, *self.shelf]
        values, text = ([], []) if self.is_empty else (axis["tickvals"], axis["ticktext"])
        return {
            **axis,
            "range": [min(ends), max(ends)],
            "tickvals": [*values, self.shelf_value],
            "ticktext": [*text, "not finite"],
        }

    @property
    def shelf_value(self) -> float:
        """The value at the middle of the shelf, NaN without one."""
        return self._value(sum(self.shelf) / 2) if self.shelf else math.nan

    def draw_shelf(self, plot: go.Figure, place: dict[str, int]) -> None:
        """Shade the shelf in one panel of a figure.

        Args:
            plot: the figure.
            place: ``row`` and ``col`` of the panel.
        """
        if self.shelf is None:
            return
        ends = [self._value(end) for end in self.shelf]
        plot.add_hrect(
            y0=ends[0],
            y1=ends[1],
            fillcolor=RULE,
            opacity=0.5,
            line_width=0,
            layer="below",
            exclude_empty_subplots=False,
            **place,
        )

    def _value(self, position: float) -> float:
        return float(10**position) if self.scale == "log" else position
