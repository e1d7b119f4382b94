"""A table of the user's: its file read, the kinds of its columns and its task inferred."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path, PurePath
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmark.data.cards import SourceError
from benchmark.data.columns import Column, column_of, plain_table
from benchmark.data.files import file_checksum, find_file, names_of, read_frame
from benchmark.data.target import read_target
from benchmark.data_source import DataSource
from benchmark.errors import did_you_mean

FEWEST_ROWS = 3


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """The rows of a file, not yet split.

    Args:
        name: the name of the file, for people.
        source: how it is read, with the checksum of the file and the task.
        columns: the input columns.
        frame: their values as :func:`benchmark.data.columns.plain_table` returns them.
        y: labels 0 … classes - 1 as int64, or float64 targets, shape (n,).
        classes: the labels as they stand in the file, in the order of the numbers in ``y``;
            nothing for a regression.
        gaps: how many values are missing, by input column; those that miss none are left out.
        dropped: how many rows are left out because a value is missing.
    """

    name: str
    source: DataSource
    columns: tuple[Column, ...]
    frame: pd.DataFrame
    y: NDArray[Any]
    classes: tuple[Any, ...]
    gaps: Mapping[str, int]
    dropped: int = 0

    @property
    def task(self) -> Literal["classification", "regression"]:
        """What is predicted: one of some classes, or a number."""
        return "classification" if self.classes else "regression"


def load_table(source: DataSource, dataset: str) -> Table:
    """Read a file of rows and infer what is left open; the last few are kept.

    Args:
        source: where the file is, and how it is read.
        dataset: its name as the study or card gives it.

    Raises:
        SourceError: the file is not there, has changed, or cannot be used as asked.
    """
    path = located(source, dataset)
    facts = path.stat()
    return _load(replace(source, path=""), path, (facts.st_mtime_ns, facts.st_size))


def located(source: DataSource, dataset: str) -> Path:
    """Return the file of a source: where it was, or else in the current folder.

    Raises:
        SourceError: it is in neither place.
    """
    names = dict.fromkeys([source.path, dataset, PurePath(dataset).name])
    file = next((path for name in names if name and (path := find_file(name, [Path()]))), None)
    if file is None:
        places = " and ".join(dict.fromkeys(str(Path(name).absolute()) for name in names if name))
        raise SourceError(
            f"the file must be where it was when the study was read. Received none at {places}. "
            "Put it back, or put it into the current folder.",
            "dataset",
        )
    return file


@lru_cache(maxsize=2)
def _load(source: DataSource, path: Path, version: tuple[int, int]) -> Table:  # noqa: ARG001
    checksum = file_checksum(path)
    if source.checksum and checksum != source.checksum:
        raise SourceError(
            f"the file must be the one that was recorded, with the checksum {source.checksum}. "
            f"Received {checksum} of {path}: its content has changed. Restore it, or begin a new "
            "run.",
            "file.checksum",
        )
    frame = read_frame(path, source.separator, source.target)
    _check_names(source, list(frame.columns), path.name)
    target = frame[source.target]
    inputs = frame[_inputs_of(source, list(frame.columns))]
    if source.missing == "drop_rows":
        whole = inputs.notna().all(axis=1) & target.notna()
        inputs, target = inputs[whole], target[whole]
    if len(inputs) < FEWEST_ROWS:
        raise SourceError(
            f"a table must have {FEWEST_ROWS} rows or more. Received {len(inputs)} in {path.name}"
            f"{', without those in which a value is missing' * (len(inputs) < len(frame))}. "
            "Add rows, or ignore the columns with gaps.",
            "dataset",
        )
    y, classes = read_target(target, source.task, path.name)
    columns = tuple(
        column_of(inputs[name], categorical=name in source.categorical) for name in inputs.columns
    )
    _check_numbers(columns)
    gaps = inputs.isna().sum()
    table = Table(
        name=path.name,
        source=replace(
            source,
            checksum=checksum,
            task="classification" if classes else "regression",
            path=str(path),
        ),
        columns=columns,
        frame=plain_table(inputs, columns).reset_index(drop=True),
        y=y,
        classes=classes,
        gaps={str(name): int(count) for name, count in gaps.items() if count},
        dropped=len(frame) - len(inputs),
    )
    _check_categories(table, inputs)
    y.setflags(write=False)
    return table


def _check_names(source: DataSource, columns: Sequence[str], file: str) -> None:
    named = [("target", source.target)]
    for key in ("features", "ignore", "categorical"):
        named += [(f"columns.{key}", name) for name in getattr(source, key)]
    for key, name in named:
        if name not in columns:
            raise SourceError(
                f"{key.removeprefix('columns.')} must name a column of {file}: "
                f"{names_of(columns)}. Received {name!r}.{did_you_mean(name, columns)}",
                key,
            )
        if key != "target" and name == source.target:
            raise SourceError(
                f"{key.removeprefix('columns.')} must not name the target. Received {name!r}. "
                "Remove it.",
                key,
            )
    if not _inputs_of(source, columns):
        raise SourceError(
            f"a table must have an input beside the target {source.target}. Received none in "
            f"{file}. Ignore fewer columns, or add one.",
            "columns.ignore",
        )


def _check_numbers(columns: Sequence[Column]) -> None:
    names = [name for column in columns for name in column.numbers]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise SourceError(
            f"the parts of a date must differ from the other columns. Received {twice!r} twice. "
            f'Rename that column, or leave it out with ignore = ["{twice}"].',
            "columns.ignore",
        )


def _inputs_of(source: DataSource, columns: Sequence[str]) -> list[str]:
    left_out = {source.target, *source.ignore}
    return [name for name in source.features or columns if name not in left_out]


def _check_categories(table: Table, inputs: pd.DataFrame) -> None:
    source = table.source
    if source.categories == "ordinal":
        return
    for column in table.columns:
        if column.kind != "category":
            continue
        count = table.frame[column.name].nunique()
        if count > source.max_categories:
            name = column.name
            example = str(inputs[name].dropna().iloc[0])
            raise SourceError(
                f"a one-hot column must have at most {source.max_categories} different values. "
                f"Received {count:,} in the column {name} of {table.name}, for instance "
                f'{example!r}. If it is an identifier, leave it out with ignore = ["{name}"]; '
                "if it is a date, write it as 2026-01-31; otherwise take "
                'categories = "ordinal", or a larger max_categories.',
                "columns.max_categories",
            )


def sentences(table: Table) -> Iterator[str]:
    """Say what was inferred from a file, and what to write where that is wrong.

    Args:
        table: the file as it was read.
    """
    counts = [f"{len(names)} {kind}" for kind, names in _by_kind(table).items()]
    yield (
        f"{table.name}: {len(table.y):,} rows, {len(table.columns)} input columns "
        f"({', '.join(counts)}). {_target_words(table)}"
    )
    if table.gaps or table.dropped:
        yield _gap_words(table)
    for name in _identifiers(table):
        yield (
            f"The column {name} counts the rows. If it is an identifier, leave it out with "
            f'ignore = ["{name}"] in [problem.columns].'
        )


PLURALS = {"number": "numbers", "boolean": "booleans", "category": "categories", "date": "dates"}
MOST_CLASSES_SHOWN = 5


def _by_kind(table: Table) -> dict[str, list[str]]:
    names: dict[str, list[str]] = {}
    for column in table.columns:
        names.setdefault(column.kind, []).append(column.name)
    return {
        kind if len(members) == 1 else PLURALS[kind]: members for kind, members in names.items()
    }


def _target_words(table: Table) -> str:
    target = table.source.target
    if not table.classes:
        return (
            f"The target {target} is a number from {table.y.min():.6g} to {table.y.max():.6g}: a "
            'regression. If its values are classes, write task = "classification" in [problem].'
        )
    shares = np.bincount(table.y) / len(table.y)
    order = np.argsort(-shares, kind="stable")[:MOST_CLASSES_SHOWN]
    shown = [f"{table.classes[index]} {100 * shares[index]:.3g} %" for index in order]
    more = ", …" if len(table.classes) > len(shown) else ""
    words = f"The target {target} has {len(table.classes)} classes ({', '.join(shown)}{more}): a "
    if isinstance(table.classes[0], bool | str):
        return f"{words}classification."
    return f'{words}classification. If it is a number, write task = "regression" in [problem].'


def _gap_words(table: Table) -> str:
    missing = table.source.missing
    if missing == "drop_rows":
        return f"{table.dropped:,} rows with a missing value are left out."
    gaps = [f"{name} {count:,}" for name, count in table.gaps.items()]
    return (
        f"Missing values: {names_of(gaps)}. {FILLINGS[missing]} "
        f'(missing = "{missing}" in [problem.columns]).'
    )


FILLINGS = {
    "median": "Numbers are filled in with the median of the training part, others with its most "
    "frequent value",
    "most_frequent": "They are filled in with the most frequent value of the training part",
    "indicator": "Numbers are filled in with the median of the training part, and a column of each "
    "says where; a missing category is a category of its own",
}


def _identifiers(table: Table) -> Iterator[str]:
    """Columns of whole numbers that count up by one from row to row."""
    for column in table.columns:
        if column.kind == "number":
            values = table.frame[column.name].to_numpy()
            if len(values) > 2 and np.all(np.diff(values) == 1):
                yield column.name
