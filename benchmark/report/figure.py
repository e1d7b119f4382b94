"""A figure of the report with what a reader without eyes for it needs."""

from dataclasses import dataclass

import plotly.graph_objects as go


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
