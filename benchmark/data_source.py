"""How a table of the user's is read: a plain frozen value that travels with a trial."""

from dataclasses import dataclass, field
from typing import Literal

Missing = Literal["median", "most_frequent", "indicator", "drop_rows"]
"""What is done about missing values in a table."""
Encoding = Literal["one_hot", "ordinal"]
"""How the columns of words in a table become numbers."""
MOST_CATEGORIES = 50
"""Different values that a one-hot column may have, unless a study or a card says more."""


@dataclass(frozen=True, slots=True)
class DataSource:
    """A table that is read by its columns: which one is predicted, and how the others are read.

    Args:
        target: the column to predict.
        task: ``"classification"`` or ``"regression"``; empty means that it is inferred.
        checksum: SHA-256 of the file in hexadecimal; empty means that any content is taken.
        features: the input columns; empty means all but the target.
        ignore: columns that are left out.
        categorical: columns of numbers that are read as categories.
        missing: ``"median"`` (numbers; the most frequent value elsewhere), ``"most_frequent"``,
            ``"indicator"`` (the median, and a column that says where it was filled in) or
            ``"drop_rows"``.
        categories: ``"one_hot"`` or ``"ordinal"``.
        max_categories: different values that a one-hot column may have, ≥ 2.
        separator: the character between the columns of a text file; empty means that it is
            inferred.
        path: where the file was; not part of what the data are, so that a run can be moved.

    Example:
        >>> DataSource("churned", path="a/churn.csv") == DataSource("churned", path="b/churn.csv")
        True
    """

    target: str
    task: str = ""
    checksum: str = ""
    features: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    missing: Missing = "median"
    categories: Encoding = "one_hot"
    max_categories: int = MOST_CATEGORIES
    separator: str = ""
    path: str = field(default="", compare=False, repr=False)
