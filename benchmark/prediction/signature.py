"""What a best model takes and gives: columns by name, classes in words, numbers in their unit."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import softmax

from benchmark.data import load_dataset
from benchmark.errors import UserError, did_you_mean
from benchmark.trial import DatasetProblem

Array = np.ndarray[Any, Any]
PREDICTION = "prediction"
"""The column of predictions where the dataset has no name for its target."""
PROBABILITY = "probability_"
"""What the column of a class's probability begins with."""
MOST_NAMED = 5
"""Columns that a message names."""


class PredictionError(UserError, ValueError):
    """A model that cannot predict, or rows that it cannot take."""


@dataclass(frozen=True, slots=True)
class Signature:
    """The columns that a best model takes, and what it gives for each row.

    Args:
        features: the names of the input columns, in the model's order.
        target: the name of what is predicted.
        classes: the classes in the order of the model's outputs; none for a regression.

    Example:
        >>> iris = Signature(("length", "width"), "species", ("setosa", "virginica"))
        >>> iris.inputs(pd.DataFrame({"width": [0.2], "colour": ["blue"], "length": [1.4]}))
        array([[1.4, 0.2]], dtype=float32)
        >>> iris.predictions(np.array([[0.0, np.log(3.0)]]), None)
             species  probability_setosa  probability_virginica
        0  virginica                0.25                   0.75
    """

    features: tuple[str, ...]
    target: str = PREDICTION
    classes: tuple[Any, ...] = ()

    def inputs(self, rows: "pd.DataFrame | Array | Sequence[Sequence[float]]") -> Array:
        """Return what the model takes, float32 of shape (rows, features).

        Args:
            rows: a DataFrame, whose columns are found by name in any order while others are
                ignored; or numbers of shape (rows, features) in the order of ``features``.

        Raises:
            PredictionError: a column is missing, or a value is not a finite number.
        """
        if isinstance(rows, pd.DataFrame):
            _check_columns(rows, self.features)
            table = rows.loc[:, list(self.features)]
        else:
            table = _named(rows, self.features)
        columns = [_numbers(table[name], name) for name in self.features]
        return np.stack(columns, axis=1).astype(np.float32)

    def predictions(self, outputs: Array, index: "pd.Index[Any] | None") -> pd.DataFrame:
        """Return predictions as a table.

        Args:
            outputs: of the saved model, shape (rows, units): logits, or the target.
            index: labels of the rows.

        Returns:
            The column ``target`` with the class or the number; for classes also a column
            ``probability_CLASS`` for each.
        """
        if not self.classes:
            return pd.DataFrame({self.target: outputs[:, 0]}, index=index)
        probabilities = softmax(outputs, axis=1)
        classes = pd.Series(list(self.classes))
        predicted = classes.iloc[outputs.argmax(axis=1)].to_numpy()
        columns = {
            f"{PROBABILITY}{name}": probabilities[:, index] for index, name in enumerate(classes)
        }
        return pd.DataFrame({self.target: predicted, **columns}, index=index)


def signature_of(problem: DatasetProblem) -> Signature:
    """Return the signature of the models that were trained on a dataset.

    Args:
        problem: of a trial.

    Raises:
        DatasetError: the dataset cannot be loaded.

    Example:
        >>> signature_of(DatasetProblem("wine")).classes
        ('class_0', 'class_1', 'class_2')
    """
    dataset = load_dataset(problem.dataset)
    card = dataset.card
    classes: tuple[Any, ...] = card.class_names or (*range(card.classes),)
    has_columns = card.loader.kind in ("csv", "parquet", "openml")
    target = str(getattr(card.loader, "target", "")) if has_columns else ""
    return Signature(dataset.features, target or PREDICTION, classes)


def _check_columns(rows: pd.DataFrame, features: Sequence[str]) -> None:
    names = [str(name) for name in rows.columns]
    missing = [name for name in features if name not in rows.columns]
    if missing:
        others = f" and {len(missing) - MOST_NAMED} more" if len(missing) > MOST_NAMED else ""
        raise PredictionError(
            "the rows must have every column that the model was trained on. Received no column "
            f"{', '.join(missing[:MOST_NAMED])}{others}, but {_listed(names)}. Add what is "
            f"missing, or rename the columns.{did_you_mean(missing[0], names)}"
        )
    repeated = [name for name in features if names.count(name) > 1]
    if repeated:
        raise PredictionError(
            f"each column must be there once. Received {repeated[0]!r} {names.count(repeated[0])} "
            "times. Remove or rename all but the one that the model was trained on."
        )


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:MOST_NAMED]) or "no other"
    return f"{shown} …" if len(names) > MOST_NAMED else shown


def _named(rows: "Array | Sequence[Sequence[float]]", features: Sequence[str]) -> pd.DataFrame:
    try:
        array = np.asarray(rows)
    except ValueError as error:  # rows of different lengths
        raise PredictionError(
            f"the rows must be a table. Received {error}. Give each row {len(features)} numbers."
        ) from None
    if array.ndim != 2 or array.shape[1] != len(features):
        raise PredictionError(
            f"an array of rows must have the shape (rows, {len(features)}). Received {array.shape}."
            f" Its columns are {_listed(features)} in this order; a DataFrame gives them by name."
        )
    return pd.DataFrame(array, columns=list(features))


def _numbers(column: "pd.Series[Any]", name: str) -> Array:
    values = pd.to_numeric(column, errors="coerce").to_numpy(np.float64, na_value=np.nan)
    # Training was in float32, beyond whose range a value is as bad as an infinite one.
    bad = np.flatnonzero(~(np.abs(values) <= np.finfo(np.float32).max))
    if bad.size:
        (first,) = column.iloc[bad[:1]].tolist()
        raise PredictionError(
            f"every value of the column {name} must be a finite number. Received "
            f"{first!r} in row {bad[0] + 1}, and {bad.size} such rows in all. Fill them as the "
            "training data were filled, or remove those rows."
        )
    return values
