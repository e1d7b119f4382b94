"""The preprocessing of a table as plain parameters, applied to new rows by pandas and NumPy.

``dataset.json`` in the folder of a run holds them; nothing is pickled, so nothing is run. They are
those of the fitted :class:`sklearn.compose.ColumnTransformer`
(:mod:`benchmark.data.transformer`), whose output they reproduce.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmark.data.columns import Column, plain_table

Parameters = Mapping[str, Any]
"""What :func:`benchmark.data.transformer.parameters_of` returns."""
Matrix = NDArray[np.float64]


def transformed(parameters: Parameters, frame: pd.DataFrame) -> NDArray[np.float32]:
    """Return the inputs that a trained model takes: filled in, encoded and scaled.

    Args:
        parameters: those of a run.
        frame: rows with the columns that the model was trained on, in any order; others are
            left out. A category that was not there in training is encoded as no category.

    Returns:
        An array of shape (rows, inputs).

    Raises:
        DatasetError: a column is missing, or holds a value of another kind.
    """
    return scaled(parameters, encoded(parameters, frame)).astype(np.float32)


def model_inputs(parameters: Parameters, frame: pd.DataFrame) -> NDArray[np.float32]:
    """Return the inputs that the saved ``.keras`` file of a run takes.

    Its first layers scale where that is (x - offset) / divisor for each input; other scalings
    are applied here.

    Args:
        parameters: those of a run.
        frame: as for :func:`transformed`.

    Raises:
        DatasetError: as :func:`transformed`.
    """
    if is_affine(parameters):
        return encoded(parameters, frame).astype(np.float32)
    return transformed(parameters, frame)


def is_affine(parameters: Parameters) -> bool:
    """Whether scaling is (x - offset) / divisor for each input."""
    return all("offset" in block for block in parameters["scaling"])


def encoded(parameters: Parameters, frame: pd.DataFrame) -> Matrix:
    """Return rows as numbers without gaps, not yet scaled.

    Args:
        parameters: those of a run.
        frame: as for :func:`transformed`.

    Raises:
        DatasetError: as :func:`transformed`.
    """
    return encoded_table(parameters, plain_table(frame, columns_of(parameters)))


def columns_of(parameters: Parameters) -> list[Column]:
    """Return the columns that the rows must have, with their kinds."""
    return [
        Column(entry["name"], entry["kind"], tuple(entry.get("parts", ())))
        for entry in parameters["columns"]
    ]


def encoded_table(parameters: Parameters, plain: pd.DataFrame) -> Matrix:
    """Return a plain table as numbers without gaps, not yet scaled.

    Args:
        parameters: those of a run.
        plain: what :func:`benchmark.data.columns.plain_table` returns.
    """
    # In the order of the transformer's blocks.
    blocks: dict[str, list[Matrix]] = {"number": [], "boolean": [], "category": [], "missing": []}
    for entry, column in zip(parameters["columns"], columns_of(parameters), strict=True):
        block = "number" if column.kind == "date" else column.kind
        blocks[block].append(_numbers(plain, entry, column))
        if entry.get("indicator"):
            absent = np.asarray(plain[column.numbers[0]].isna(), np.float64)
            blocks["missing"].append(absent[:, None])
    return np.concatenate([matrix for block in blocks.values() for matrix in block], axis=1)


def affine_scaling(parameters: Parameters) -> tuple[Matrix, Matrix]:
    """Return o and s of each input, where scaling is (x - o) / s; 0 and 1 for an unscaled one.

    Args:
        parameters: those of a run.
    """
    inputs = len(parameters["features"])
    offset, divisor = np.zeros(inputs), np.ones(inputs)
    for block in parameters["scaling"]:
        if "offset" in block:
            offset[block["inputs"]], divisor[block["inputs"]] = block["offset"], block["divisor"]
    return offset, divisor


def scaled(parameters: Parameters, inputs: Matrix) -> Matrix:
    """Return encoded rows scaled as the training part was.

    Args:
        parameters: those of a run.
        inputs: what :func:`encoded` returned.
    """
    result = inputs.astype(np.float64, copy=True)
    for block in parameters["scaling"]:
        positions = block["inputs"]
        offset, divisor = np.asarray(block["offset"]), np.asarray(block["divisor"])
        result[:, positions] = (result[:, positions] - offset) / divisor
    return result


def _numbers(plain: pd.DataFrame, entry: Mapping[str, Any], column: Column) -> Matrix:
    if column.kind == "category":
        return _categories(plain[column.name], entry)
    names = list(column.numbers)
    filled = plain[names].fillna(dict(zip(names, entry["fill"], strict=True)))
    return filled.to_numpy(np.float64)


def _categories(values: "pd.Series[Any]", entry: Mapping[str, Any]) -> Matrix:
    known = pd.Index(entry["categories"], dtype=object)
    positions = known.get_indexer(pd.Index(values.fillna(entry["fill"]), dtype=object))
    if entry["encoding"] == "ordinal":
        return positions.astype(np.float64)[:, None]  # -1 for a category that is not known
    matrix = np.zeros((len(values), len(known)))
    rows = np.flatnonzero(positions >= 0)
    matrix[rows, positions[rows]] = 1.0
    return matrix
