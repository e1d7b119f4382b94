"""A table of the report."""

from collections.abc import Sequence
from dataclasses import dataclass


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
