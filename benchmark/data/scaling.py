"""The scalings of inputs: scikit-learn's transformers, and their parameters as plain numbers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, RobustScaler, StandardScaler

from benchmark.data.cards import DatasetError
from benchmark.errors import did_you_mean

Matrix = NDArray[np.float64]
Scaler = Any
"""A transformer of scikit-learn."""
SCALERS: dict[str, Callable[[], Scaler]] = {
    "none": FunctionTransformer,
    "standard": StandardScaler,
    "min_max": MinMaxScaler,
    "robust": RobustScaler,
}
"""The scikit-learn transformer of each scaling."""


@dataclass(frozen=True, slots=True, eq=False)
class FittedScaling:
    """A scaling fitted to training inputs; calling it scales others.

    Args:
        scaler: scikit-learn's transformer.
        offset: o_j of each column, shape (d,): a column becomes (x_j - o_j) / s_j.
        divisor: s_j of each column, shape (d,), never 0.
    """

    scaler: Scaler
    offset: Matrix
    divisor: Matrix

    def __call__(self, inputs: Matrix) -> Matrix:
        """Return scaled inputs of shape (n, d)."""
        return np.asarray(self.scaler.transform(inputs), np.float64)


def new_scaler(scaling: str) -> Scaler:
    """Return scikit-learn's transformer of a scaling, not yet fitted.

    Args:
        scaling: a key of ``SCALERS``.

    Raises:
        DatasetError: the scaling is unknown.
    """
    if scaling not in SCALERS:
        raise DatasetError(
            f"scaling must be one of {', '.join(SCALERS)}. Received {scaling!r} at "
            f"problem.preprocessing.scaling.{did_you_mean(scaling, SCALERS)}"
        )
    return SCALERS[scaling]()


def fit_scaling(scaling: str, training: Matrix) -> FittedScaling:
    """Fit a scaling to the training inputs and return it as a function.

    ``standard`` maps column j to (x_j - m_j) / s_j with the mean m_j and the deviation s_j
    (divisor n) of the training part; ``min_max`` to (x_j - min_j) / (max_j - min_j), which
    is [0, 1] on the training part; ``robust`` to (x_j - q2_j) / (q3_j - q1_j) with the quartiles
    q of the training part; ``none`` changes nothing. A constant column has the
    divisor 1, so it becomes 0 and stays finite.

    Args:
        scaling: a key of ``SCALERS``.
        training: inputs of the training part, float64, shape (n, d).

    Raises:
        DatasetError: the scaling is unknown.

    Example:
        >>> scale = fit_scaling("standard", np.array([[1.0, 7.0], [3.0, 7.0]]))
        >>> scale(np.array([[5.0, 8.0]]))
        array([[3., 1.]])
        >>> scale.offset, scale.divisor
        (array([2., 7.]), array([1., 1.]))
    """
    scaler = new_scaler(scaling).fit(training)
    return FittedScaling(scaler, *offset_and_divisor(scaler, training.shape[1]))


def offset_and_divisor(scaler: Scaler, features: int) -> tuple[Matrix, Matrix]:
    """Return o and s of a fitted scaler that maps x to (x - o) / s.

    Args:
        scaler: fitted; one that does something else than that gets 0 and 1.
        features: the number of columns.
    """
    if isinstance(scaler, StandardScaler):
        return scaler.mean_, scaler.scale_
    if isinstance(scaler, MinMaxScaler):
        return scaler.data_min_, 1 / scaler.scale_
    if isinstance(scaler, RobustScaler):
        return scaler.center_, scaler.scale_
    return np.zeros(features), np.ones(features)


def scaling_parameters(scaling: str, scaler: Scaler, features: int) -> dict[str, Any]:
    """Return the parameters of a fitted scaler as plain values.

    Args:
        scaling: a key of ``SCALERS``.
        scaler: fitted.
        features: the number of columns.
    """
    offset, divisor = offset_and_divisor(scaler, features)
    return {"name": scaling, "offset": offset.tolist(), "divisor": divisor.tolist()}
