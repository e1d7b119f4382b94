"""What a card leaves out, from the data; and the card of a file that has none."""

import re
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import pandas as pd

from benchmark.data.cards import CardFile, DatasetCard, DatasetError, SourceError
from benchmark.data.files import format_of
from benchmark.data.loader_settings import (
    ColumnSettings,
    CsvSettings,
    LoaderSettings,
    NpzSettings,
    ParquetSettings,
)
from benchmark.data.loaders import LOADERS, Inputs
from benchmark.data.tables import Table, load_table
from benchmark.data.target import read_target
from benchmark.data_source import DataSource

STATED = ("task", "samples", "features", "classes")
"""The keys of a card that the data must bear out."""


def card_of(table: Table, path: str = "") -> DatasetCard:
    """Return the complete card of a file.

    Args:
        table: the file as it was read.
        path: how the card names the file; by default its path on this machine.
    """
    source, file = table.source, PurePath(table.name)
    name = re.sub(r"[^A-Za-z0-9_.-]", "_", table.name.split(".")[0]).lstrip("_.-") or "table"
    return DatasetCard(
        name=name,
        title=file.name,
        loader=_loader(source, path or source.path),
        columns=ColumnSettings(
            ignore=source.ignore,
            categorical=source.categorical,
            missing=source.missing,
            categories=source.categories,
            max_categories=source.max_categories,
        )
        if format_of(table.name) != "npz"
        else None,
        task=table.task,
        samples=len(table.y),
        features=_inputs(table),
        classes=len(table.classes),
        class_names=tuple(str(label) for label in table.classes),
        checksum=source.checksum,
    )


def source_of_card(card: CardFile, path: Path) -> DataSource:
    """Return how the file of a card is read by its columns.

    Args:
        card: one whose ``is_table`` is true.
        path: the file of the card, beside which relative paths start.
    """
    loader, columns = card.loader, card.columns or ColumnSettings()
    assert isinstance(loader, CsvSettings | ParquetSettings), "other cards are no tables"
    is_chosen = isinstance(loader, CsvSettings) and "separator" in loader.model_fields_set
    return DataSource(
        target=loader.target,
        task=card.task or "",
        checksum=card.checksum,
        features=loader.features,
        ignore=columns.ignore,
        categorical=columns.categorical,
        missing=columns.missing,
        categories=columns.categories,
        max_categories=columns.max_categories,
        separator=loader.separator if is_chosen and isinstance(loader, CsvSettings) else "",
        path=str((path.parent / loader.path).absolute()),
    )


def table_of_card(card: CardFile, path: Path) -> Table:
    """Load the file of a card, and check that it is what the card says.

    Args:
        card: one whose ``is_table`` is true.
        path: the file of the card.

    Raises:
        DatasetError: it is not there, cannot be used, or is something else.
    """
    try:
        table = load_table(source_of_card(card, path), card.name)
    except SourceError as error:
        raise DatasetError(f"{error} It stands in the card {path}.") from None
    _check_stated(card, _facts(table), path)
    return table


def completed_card(card: CardFile, path: Path) -> DatasetCard:
    """Return a card with what it leaves out, after loading its data.

    Args:
        card: what the file says.
        path: the file of the card.

    Raises:
        DatasetError: the data cannot be loaded, or are not what the card says.
    """
    if card.is_table:
        table = table_of_card(card, path)
        facts = {**_facts(table), "columns": ColumnSettings()}
    else:
        facts = _of_arrays(card, path)
        _check_stated(card, facts, path)
    given = {name: getattr(card, name) for name in card.model_fields_set}
    return DatasetCard.model_validate({**facts, **given})


def _check_stated(card: CardFile, facts: dict[str, Any], path: Path) -> None:
    for key in STATED:
        stated = getattr(card, key)
        if stated is not None and stated != facts[key]:
            raise DatasetError(
                f"{key} must be that of the data, {facts[key]!r}. Received {stated!r} at {key} "
                f"in {path}. Correct it, or remove the line."
            )


def _facts(table: Table) -> dict[str, Any]:
    card = card_of(table)
    return {key: getattr(card, key) for key in (*STATED, "class_names")}


def _of_arrays(card: CardFile, path: Path) -> dict[str, Any]:
    inputs, target = LOADERS[card.loader.kind](card, path.parent)
    column = pd.Series(target, name="the target")
    try:
        _, classes = read_target(column, card.task or "", f"the card {path}")
    except SourceError as error:
        raise DatasetError(str(error)) from None
    return {
        "task": "classification" if classes else "regression",
        "samples": len(inputs),
        "features": _width(inputs),
        "classes": len(classes),
    }


def _width(inputs: Inputs) -> int:
    return int(np.prod(inputs.shape[1:]))


def _loader(source: DataSource, path: str) -> LoaderSettings:
    kind = format_of(path)
    if kind == "npz":
        return NpzSettings(kind="npz", path=path, target=source.target)
    if kind == "parquet":
        return ParquetSettings(
            kind="parquet", path=path, target=source.target, features=source.features
        )
    settings = CsvSettings(kind="csv", path=path, target=source.target, features=source.features)
    if not source.separator:
        return settings
    return settings.model_copy(update={"separator": source.separator})


def _inputs(table: Table) -> int:
    """How many inputs the columns become, over all rows; a part may lack a rare category."""
    count = 0
    is_indicated = table.source.missing == "indicator"
    for column in table.columns:
        has_gaps = column.name in table.gaps
        if column.kind == "category" and table.source.categories == "one_hot":
            count += table.frame[column.name].nunique() + (is_indicated and has_gaps)
        else:
            count += len(column.numbers)
            count += is_indicated and has_gaps and column.kind != "category"
    return count
