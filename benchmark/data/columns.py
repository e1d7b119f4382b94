"""The kinds of the columns of a table, and its values in one form: floats and texts."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from benchmark.data.cards import SourceError

Kind = Literal["number", "boolean", "category", "date"]
Series = "pd.Series[Any]"
PARTS = ("year", "month", "day", "weekday")
"""What becomes of a date; ``weekday`` is 0 on Mondays. One with a time has its ``hour`` too."""
ATTRIBUTES = {"weekday": "day_of_week"}
"""What pandas calls a part, where it has another name."""
ISO = r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?"
"""How a date is written in a text: 2026-01-31, or with a time behind it."""
BOOLEANS = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Column:
    """An input column of a table.

    Args:
        name: its name in the file.
        kind: how its values are read.
        parts: the numbers that a date becomes.

    Example:
        >>> Column("joined", "date", ("year", "month")).numbers
        ('joined_year', 'joined_month')
        >>> Column("age", "number").numbers
        ('age',)
    """

    name: str
    kind: Kind
    parts: tuple[str, ...] = ()

    @property
    def numbers(self) -> tuple[str, ...]:
        """The columns of numbers that it becomes before anything is fitted."""
        return tuple(f"{self.name}_{part}" for part in self.parts) or (self.name,)


def column_of(values: "pd.Series[Any]", *, categorical: bool = False) -> Column:
    """Return the kind of a column from its values.

    Args:
        values: the column as it was read; its name is that of the column.
        categorical: whether it is a category whatever its values are.

    Raises:
        SourceError: it holds no values, or some that are neither numbers, texts nor dates.

    Example:
        >>> column_of(pd.Series(["2026-01-31", None], name="joined")).kind
        'date'
        >>> column_of(pd.Series([1, 2], name="plan"), categorical=True).kind
        'category'
    """
    name, present = str(values.name), values.dropna()
    if present.empty:
        raise SourceError(
            f"every column must hold a value. Received none in the column {name}. "
            f'Leave it out with ignore = ["{name}"].',
            "columns.ignore",
        )
    if categorical:
        return Column(name, "category")
    if pd.api.types.is_bool_dtype(present.dtype) or _all(present, bool | np.bool_):
        return Column(name, "boolean")
    if pd.api.types.is_numeric_dtype(present.dtype) and not _is_complex(present):
        return Column(name, "number")
    if _are_dates(present):
        return Column(name, "date", _parts(as_dates(present)))
    if isinstance(present.dtype, pd.CategoricalDtype) or _all(present, str | bytes):
        return Column(name, "category")
    if _all(present, int | float | np.number):
        return Column(name, "number")
    types = sorted({type(value).__name__ for value in present})
    raise SourceError(
        f"a column must hold numbers, texts, dates, or true and false. Received "
        f"{', '.join(types)} in the column {name}. Write all its values in one form, or leave "
        f'it out with ignore = ["{name}"].',
        "columns.ignore",
    )


def plain_table(frame: pd.DataFrame, columns: Sequence[Column]) -> pd.DataFrame:
    """Return a table of float64 numbers and of texts, with NaN where a value is missing.

    Dates become their parts, and booleans 0 and 1. Nothing is fitted, so the same is done to
    rows that are trained on and to new ones.

    Args:
        frame: the rows as they were read; columns that are not asked for are left out.
        columns: what to read, each with the kind that it had when the model was trained.

    Raises:
        SourceError: a column is missing, or holds a value that is not of its kind.

    Example:
        >>> rows = pd.DataFrame({"paid": [True, None], "joined": ["2026-01-31", "2025-12-01"]})
        >>> asked = [Column("paid", "boolean"), Column("joined", "date", ("year", "weekday"))]
        >>> plain_table(rows, asked)
           paid  joined_year  joined_weekday
        0   1.0       2026.0             5.0
        1   NaN       2025.0             0.0
    """
    lacking = [column.name for column in columns if column.name not in frame.columns]
    if lacking:
        raise SourceError(
            f"the rows must have the columns {', '.join(column.name for column in columns)}. "
            f"Received none called {', '.join(lacking)}. Add them; a value may be missing.",
            "columns.features",
        )
    plain: dict[str, Any] = {}
    for column in columns:
        try:
            plain |= _plain(frame[column.name], column)
        except (TypeError, ValueError, OverflowError) as error:
            raise SourceError(
                f"all values of the column {column.name} must be of the kind {column.kind}. "
                f"Received {error}. Correct them, or leave them empty.",
                "dataset",
            ) from error
    return pd.DataFrame(plain, index=frame.index)


def as_dates(values: "pd.Series[Any]") -> "pd.Series[Any]":
    """Return a column of dates as timestamps without a time zone."""
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        dates = values
    else:
        dates = pd.to_datetime(values, format="ISO8601", utc=_has_zone(values))
    return dates if dates.dt.tz is None else dates.dt.tz_convert("UTC").dt.tz_localize(None)


def as_texts(values: "pd.Series[Any]") -> "pd.Series[Any]":
    """Return a column of categories as texts, whole numbers without a decimal point."""
    texts = np.empty(len(values), dtype=object)
    texts[:] = [np.nan if absent else _text(value) for value, absent in _marked(values)]
    return pd.Series(texts, index=values.index, dtype=object)


def _marked(values: "pd.Series[Any]") -> Any:
    return zip(values.tolist(), pd.isna(values).tolist(), strict=True)


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, float) and value.is_integer():  # 3 becomes 3.0 where a value is missing
        return str(int(value))
    return str(value)


def _plain(values: "pd.Series[Any]", column: Column) -> dict[str, Any]:
    if column.kind == "category":
        return {column.name: as_texts(values)}
    if column.kind == "date":
        dates = as_dates(values)
        return {
            name: getattr(dates.dt, ATTRIBUTES.get(part, part)).astype(np.float64)
            for name, part in zip(column.numbers, column.parts, strict=True)
        }
    if column.kind == "boolean" and not pd.api.types.is_numeric_dtype(values.dtype):
        values = values.map(lambda value: BOOLEANS.get(str(value).lower(), value))
    numbers = pd.to_numeric(values).astype(np.float64)
    beyond = np.count_nonzero(np.abs(numbers) > np.finfo(np.float32).max)
    if beyond:  # training is in float32
        raise ValueError(f"{beyond} that are not finite in float32")
    return {column.name: numbers}


def _all(values: "pd.Series[Any]", kinds: Any) -> bool:
    return all(isinstance(value, kinds) for value in values)


def _is_complex(values: "pd.Series[Any]") -> bool:
    return pd.api.types.is_complex_dtype(values.dtype)


def _are_dates(values: "pd.Series[Any]") -> bool:
    if pd.api.types.is_datetime64_any_dtype(values.dtype) or _all(values, datetime.date):
        return True
    if not _all(values, str) or not values.astype(str).str.fullmatch(ISO).all():
        return False
    try:
        as_dates(values)
    except ValueError:  # the 30th of February
        return False
    return True


def _has_zone(values: "pd.Series[Any]") -> bool:
    times = values.dropna().astype(str).str.slice(len("2026-01-31"))
    return bool(times.str.contains(r"Z|[+-]").any())


def _parts(dates: "pd.Series[Any]") -> tuple[str, ...]:
    has_time = bool((dates.dt.normalize() != dates).any())
    return (*PARTS, "hour") if has_time else PARTS
