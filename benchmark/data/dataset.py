"""Loading a dataset, and the checks that it is the one its card describes."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmark.data.card_files import find_card, read_card
from benchmark.data.cards import DatasetCard, DatasetError
from benchmark.data.inference import table_of_card
from benchmark.data.loaders import LOADERS, Inputs, feature_names
from benchmark.data.preprocessing import encoded_table
from benchmark.data.tables import Table
from benchmark.data.transformer import fit_transformer, parameters_of


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """A verified dataset; its arrays are read-only.

    Args:
        card: what it is.
        x: inputs, float64, shape (n, d).
        y: labels 0 … classes - 1 as int64, or float64 targets, shape (n,).
        features: the names of the d input columns, each once.
    """

    card: DatasetCard
    x: NDArray[np.float64]
    y: NDArray[Any]
    features: tuple[str, ...]


def load_dataset(name: str) -> Dataset:
    """Load a dataset and verify its shape and checksum.

    Class labels of any type become 0 … classes - 1 in their sorted order.

    Args:
        name: the name of a card.

    Raises:
        DatasetError: there is no such card, its data cannot be loaded, or they are not
            what the card says.

    Example:
        >>> wine = load_dataset("wine")
        >>> wine.x.shape, wine.x.dtype.name, wine.y.dtype.name
        ((178, 13), 'float64', 'int64')
        >>> wine.features[:2]
        ('alcohol', 'malic_acid')
    """
    return load_dataset_file(find_card(name))


def load_dataset_file(path: Path) -> Dataset:
    """Load the dataset of a card given by its file; see :func:`load_dataset`."""
    card = read_card(path)
    if card.is_table:
        return _encoded(card, table_of_card(card, path))
    inputs, target = LOADERS[card.loader.kind](card, path.parent)
    x = _numbers(card, "inputs", inputs)
    is_classification = card.task == "classification"
    y = _labels(card, target) if is_classification else _numbers(card, "targets", target)
    _check_shape(card, x, y)
    _check_finite(card, x, y)
    _check_target(card, y)
    _check_checksum(card, x, y, path)
    x.setflags(write=False)
    y.setflags(write=False)
    return Dataset(card, x, y, feature_names(inputs))


def _encoded(card: DatasetCard, table: Table) -> Dataset:
    """A table filled in and encoded as if all its rows were trained on."""
    transformer = fit_transformer(table.columns, table.source, "none", table.frame)
    parameters = parameters_of(transformer, table.columns, "none")
    x = encoded_table(parameters, table.frame)
    x.setflags(write=False)
    return Dataset(card, x, table.y, tuple(parameters["features"]))


def checksum_of(x: NDArray[Any], y: NDArray[Any]) -> str:
    """Return the SHA-256 of two arrays, the same on every machine.

    Hashed are, for x and then y, the line ``"<dtype> <shape>"`` and the bytes in C order,
    little-endian, x as float64 and y as int64 (labels) or float64 (targets).

    Args:
        x: inputs, shape (n, d).
        y: labels or targets, shape (n,).

    Returns:
        64 hexadecimal digits.

    Example:
        >>> checksum_of(np.zeros((2, 3)), np.array([0, 1]))[:12]
        '4d629a74b0b6'
    """
    digest = hashlib.sha256()
    kinds = ("<f8", "<i8" if np.issubdtype(y.dtype, np.integer) else "<f8")
    for array, kind in zip((x, y), kinds, strict=True):
        digest.update(f"{kind} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array, dtype=kind).tobytes())
    return digest.hexdigest()


def _numbers(card: DatasetCard, what: str, values: Inputs) -> NDArray[np.float64]:
    try:
        # A copy, since a loader may hand out an array that it keeps.
        return np.array(values, dtype=np.float64, order="C")
    except (TypeError, ValueError) as error:
        raise DatasetError(
            f"all {what} must be numbers. Received {error} in the data of the card {card.name}. "
            "Correct the data, or task in the card."
        ) from error


def _labels(card: DatasetCard, target: NDArray[Any]) -> NDArray[np.int64]:
    missing = np.count_nonzero(pd.isna(target))
    if missing:  # NumPy would count them as one more class
        raise DatasetError(
            f"every row must have a class. Received {missing} rows without one in the data of the "
            f"card {card.name}. Remove or label those rows."
        )
    try:
        classes, labels = np.unique(target, return_inverse=True)
    except TypeError as error:
        raise DatasetError(
            f"all classes must be of one type. Received {error} in the target of the card "
            f"{card.name}. Write all of them as numbers, or all as text."
        ) from error
    if len(classes) != card.classes:
        raise DatasetError(
            f"the target must have the {card.classes} classes of the card {card.name}. "
            f"Received {len(classes)} different values. Correct classes, or task, in the card."
        )
    return labels.astype(np.int64)


def _check_shape(card: DatasetCard, x: NDArray[Any], y: NDArray[Any]) -> None:
    expected = (card.samples, card.features)
    if x.shape != expected or y.shape != expected[:1]:
        raise DatasetError(
            f"the data must have the shapes {expected} and {expected[:1]} that the card "
            f"{card.name} states. Received {x.shape} and {y.shape}. "
            "Correct samples and features in the card, or the loader."
        )


def _check_finite(card: DatasetCard, x: NDArray[Any], y: NDArray[Any]) -> None:
    # Training is in float32, so beyond its range a value is as bad as an infinite one.
    limit = np.finfo(np.float32).max
    for what, values in (("inputs", x), ("targets", y)):
        bad = np.count_nonzero(~(np.abs(values) <= limit))
        if bad:
            raise DatasetError(
                f"all {what} must be finite in float32. Received {bad} values that are not, "
                f"in the data of the card {card.name}. Remove or repair those rows."
            )


def _check_target(card: DatasetCard, y: NDArray[Any]) -> None:
    # A classification has two classes at least, which _labels has counted.
    if np.ptp(y) == 0:
        raise DatasetError(
            f"the target must take more than one value. Received {y[0]:g} in all {len(y)} rows of "
            f"the card {card.name}. Correct the data, or the target in the card."
        )


def _check_checksum(card: DatasetCard, x: NDArray[Any], y: NDArray[Any], path: Path) -> None:
    if not card.checksum:  # the card lets the data change
        return
    received = checksum_of(x, y)
    if received != card.checksum:
        raise DatasetError(
            f"the data must have the checksum of the card {card.name}, {card.checksum}. "
            f"Received {received} at checksum in {path}. The data have changed: restore them, "
            "delete datasets/.cache if they were fetched, or, if the change is meant, update "
            "the card."
        )
