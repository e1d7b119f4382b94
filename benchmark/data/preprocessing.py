"""Scaling of inputs and standardisation of targets, fitted on the training part only."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler

from benchmark.data.card_messages import DatasetError
from benchmark.errors import did_you_mean

Matrix = NDArray[np.float64]
Scaler: TypeAlias = "FunctionTransformer | MinMaxScaler | StandardScaler"
SCALERS: dict[str, Callable[[], Scaler]] = {
    "none": FunctionTransformer,
    "standard": StandardScaler,
    "min_max": MinMaxScaler,
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


def fit_scaling(scaling: str, training: Matrix) -> FittedScaling:
    """Fit a scaling to the training inputs and return it as a function.

    ``standard`` maps column j to (x_j - m_j) / s_j with the mean m_j and the deviation s_j
    (divisor n) of the training part; ``min_max`` to (x_j - min_j) / (max_j - min_j), which
    is [0, 1] on the training part; ``none`` changes nothing. A constant column has the
    divisor 1, so it becomes 0 and stays finite.

    Args:
        scaling: ``"none"``, ``"standard"`` or ``"min_max"``.
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
    if scaling not in SCALERS:
        raise DatasetError(
            f"scaling must be one of {', '.join(SCALERS)}. Received {scaling!r} at "
            f"problem.preprocessing.scaling.{did_you_mean(scaling, SCALERS)}"
        )
    scaler = SCALERS[scaling]().fit(training)
    if isinstance(scaler, StandardScaler):
        return FittedScaling(scaler, scaler.mean_, scaler.scale_)
    if isinstance(scaler, MinMaxScaler):
        return FittedScaling(scaler, scaler.data_min_, 1 / scaler.scale_)
    features = training.shape[1]
    return FittedScaling(scaler, np.zeros(features), np.ones(features))


def target_statistics(training: Matrix) -> tuple[float, float]:
    """Return the mean and the deviation that standardise a regression target.

    Args:
        training: targets of the training part, float64, shape (n,).

    Returns:
        The mean, and the deviation (divisor n) or 1 for a constant target.

    Example:
        >>> target_statistics(np.array([1.0, 3.0]))
        (2.0, 1.0)
    """
    scaler = StandardScaler().fit(training[:, None])
    return float(scaler.mean_[0]), float(scaler.scale_[0])
