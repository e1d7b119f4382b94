"""What a study says about an own file: the tables ``[problem.columns]`` and ``[problem.file]``."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from benchmark.data_source import MOST_CATEGORIES, Encoding, Missing
from benchmark.study.dimension import RuleError, Section


class ColumnsSection(Section):
    """``[problem.columns]``: how the columns of an own file become inputs.

    What fills gaps, and the categories, are fitted to the training part.

    Args:
        features: the input columns; by default all but the target.
        ignore: columns to leave out, such as identifiers.
        categorical: columns of numbers to read as categories, such as postcodes.
        missing: what is done about missing values: numbers get the median and others the most
            frequent value; all get the most frequent value; as the first, with a column that says
            where; or rows with gaps are left out.
        categories: whether a column of texts becomes a column of 0 and 1 for each of its values, or
            one column of ordinal numbers in alphabetical order.
        max_categories: the largest number of different values of a one-hot column.
    """

    features: list[str] = Field(default_factory=list)
    ignore: list[str] = Field(default_factory=list)
    categorical: list[str] = Field(default_factory=list)
    missing: Missing = "median"
    categories: Encoding = "one_hot"
    max_categories: int = Field(MOST_CATEGORIES, ge=2, le=1_000_000)


def _hexadecimal(checksum: str) -> str:
    if not re.fullmatch(r"([0-9a-f]{64})?", checksum):
        rule = "checksum must be a SHA-256 of 64 hexadecimal digits"
        raise RuleError(rule, repr(checksum), "Write what sha256sum prints.")
    return checksum


class FileSection(Section):
    """``[problem.file]``: which file an own dataset was read from.

    Kappabench writes this table into a run's copy of the study. Give ``checksum`` to refuse any
    other content of the file.

    Args:
        path: where the file was.
        checksum: its SHA-256 in hexadecimal, as ``sha256sum`` prints it.
    """

    path: str = ""
    checksum: Annotated[str, AfterValidator(_hexadecimal)] = ""
