"""The column that is predicted: its task, its classes or its numbers."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmark.data.cards import SourceError

MOST_INFERRED_CLASSES = 20
"""Different whole numbers up to which a target is taken for classes."""
FEWEST_ROWS_OF_A_CLASS = 2
"""Rows for each class, on average, below which texts are no classes."""


def read_target(
    target: "pd.Series[Any]", task: str, file: str
) -> tuple[NDArray[Any], tuple[Any, ...]]:
    """Return the target as numbers.

    Texts, true and false, and at most 20 different whole numbers are classes, unless ``task``
    says otherwise; other numbers are a regression.

    Args:
        target: the column.
        task: ``"classification"``, ``"regression"``, or empty to infer it.
        file: its file, for messages.

    Returns:
        Labels as int64 with the classes in their order, or targets as float64 without classes.

    Raises:
        SourceError: a value is missing, all are the same, or they do not fit the task.

    Example:
        >>> read_target(pd.Series(["no", "yes", "no", "no"], name="churned"), "", "churn.csv")
        (array([0, 1, 0, 0]), ('no', 'yes'))
        >>> read_target(pd.Series([0.5, 2.0, 1.5], name="price"), "", "houses.csv")
        (array([0.5, 2. , 1.5]), ())
    """
    name = str(target.name)
    absent = int(target.isna().sum())
    if absent:
        raise SourceError(
            f"every row must have a target. Received {absent:,} rows without {name} in {file}. "
            'Remove them, or write missing = "drop_rows".',
            "target",
        )
    if isinstance(target.dtype, pd.CategoricalDtype):
        target = target.astype(target.cat.categories.dtype)
    numbers = _numbers(target)
    chosen = task or _inferred(numbers)
    if chosen == "regression":
        if numbers is None:
            raise SourceError(
                f"the target of a regression must hold numbers. Received "
                f"{str(target.iloc[0])!r} in {name} of {file}. Write "
                'task = "classification", or take another target.',
                "task",
            )
        _check_numbers(numbers, name, file)
        return numbers, ()
    return _classes(target, name, file)


def _numbers(target: "pd.Series[Any]") -> NDArray[np.float64] | None:
    if pd.api.types.is_bool_dtype(target.dtype) or not pd.api.types.is_numeric_dtype(target.dtype):
        return None
    return np.asarray(target, dtype=np.float64)


def _inferred(numbers: NDArray[np.float64] | None) -> str:
    if numbers is None:
        return "classification"
    values = np.unique(numbers)
    is_whole = bool(np.all(values == np.round(values)))
    is_few = len(values) <= min(MOST_INFERRED_CLASSES, len(numbers) // FEWEST_ROWS_OF_A_CLASS)
    return "classification" if is_whole and is_few else "regression"


def _classes(
    target: "pd.Series[Any]", name: str, file: str
) -> tuple[NDArray[np.int64], tuple[Any, ...]]:
    try:
        values, labels = np.unique(target.to_numpy(), return_inverse=True)
    except TypeError as error:
        raise SourceError(
            f"all classes must be of one type. Received {error} in {name} of {file}. "
            "Write all of them as numbers, or all as texts.",
            "target",
        ) from error
    if len(values) < 2:
        raise SourceError(
            f"the target must take more than one value. Received {values[0]!r} in all "
            f"{len(labels):,} rows of {name} in {file}. Take another target.",
            "target",
        )
    if len(values) * FEWEST_ROWS_OF_A_CLASS > len(labels):
        raise SourceError(
            f"a class must have {FEWEST_ROWS_OF_A_CLASS} rows on average. Received "
            f"{len(values):,} different values of {name} in {len(labels):,} rows of {file}. Take "
            'another target, or task = "regression" if it is a number.',
            "target",
        )
    return labels.astype(np.int64).reshape(-1), tuple(_plain(value) for value in values)


def _plain(value: Any) -> Any:
    """A label that JSON can hold: a text, true or false, a whole number or a float."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return value if isinstance(value, bool | int | float | str) else str(value)


def _check_numbers(numbers: NDArray[np.float64], name: str, file: str) -> None:
    bad = int(np.count_nonzero(~(np.abs(numbers) <= np.finfo(np.float32).max)))
    if bad:  # training is in float32
        raise SourceError(
            f"all targets must be finite in float32. Received {bad:,} values of {name} in {file} "
            "that are not. Remove or repair those rows.",
            "target",
        )
    if np.ptp(numbers) == 0:
        raise SourceError(
            f"the target must take more than one value. Received {numbers[0]:g} in all "
            f"{len(numbers):,} rows of {name} in {file}. Take another target.",
            "target",
        )
