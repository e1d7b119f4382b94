"""From a card to the scaled arrays that a model is trained on."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler

from benchmark.data.cards import DatasetCard, DatasetError, find_card
from benchmark.data.dataset import load_dataset_file
from benchmark.data.split import split_rows
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


EXAMPLE_ROWS = 5


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One part of a prepared dataset; its arrays are read-only.

    Args:
        x: scaled inputs, float32, shape (n, d).
        y: int32 labels, or standardised float32 targets, shape (n,).
        rows: which rows of the dataset they are, int64, ascending, shape (n,).
    """

    x: NDArray[np.float32]
    y: NDArray[Any]
    rows: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A dataset split, scaled and in the precision of training.

    Args:
        card: what it is.
        train: what is trained on.
        validation: what the search compares trials on.
        test: what each trial is evaluated on once, at its end.
        target_mean: mean of the training targets in the card's units; 0 for classes.
        target_deviation: their deviation; 1 for classes. A prediction p stands for
            ``p * target_deviation + target_mean`` in the card's units.
        input_offset: o of the scaling (x - o) / s, float64, shape (d,).
        input_divisor: s of it.
        features: the names of the d inputs.
        example: a few rows of the validation part in the dataset's units, float64.
    """

    card: DatasetCard
    train: Part
    validation: Part
    test: Part
    target_mean: float = 0.0
    target_deviation: float = 1.0
    input_offset: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    input_divisor: NDArray[np.float64] = field(default_factory=lambda: np.ones(0))
    features: tuple[str, ...] = ()
    example: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 0)))


def prepare(
    name: str,
    fractions: tuple[float, float, float] = (0.6, 0.2, 0.2),
    scaling: str = "standard",
    split_seed: int = 0,
) -> Prepared:
    """Load, verify, split and scale a dataset.

    The split is stratified by class for a classification. The scaling, and the mean and
    deviation that standardise the target of a regression, come from the training part
    alone: nothing of the other parts leaks into training. The last few results are kept,
    because many trials share one split.

    Args:
        name: the name of a card.
        fractions: shares of train, validation and test, each > 0, with sum 1. The default
            is the one of ``[problem.split]`` in a study.
        scaling: ``"none"``, ``"standard"`` or ``"min_max"``.
        split_seed: seed of the split, ≥ 0.

    Raises:
        DatasetError: see :func:`benchmark.data.load_dataset`,
            :func:`benchmark.data.part_sizes`; the scaling is unknown, or the target is the
            same in all training rows.

    Example:
        >>> iris = prepare("iris", (0.6, 0.2, 0.2), "standard", split_seed=1)
        >>> iris.train.x.shape, np.bincount(iris.test.y).tolist()
        ((90, 4), [10, 10, 10])
    """
    path = find_card(name).resolve()
    return _prepare(path, path.stat().st_mtime_ns, tuple(fractions), scaling, int(split_seed))


# The time of the card's last change is part of the key, so that an edited card is read again.
@lru_cache(maxsize=4)
def _prepare(
    path: Path,
    modified: int,  # noqa: ARG001
    fractions: tuple[float, float, float],
    scaling: str,
    split_seed: int,
) -> Prepared:
    dataset = load_dataset_file(path)
    card, x, y = dataset.card, dataset.x, dataset.y
    is_classification = card.task == "classification"
    parts = split_rows(card.samples, fractions, split_seed, y if is_classification else None)
    if np.ptp(y[parts[0]]) == 0:
        raise DatasetError(
            f"the target must take more than one value in the training part. Received "
            f"{y[parts[0]][0]:g} in all {len(parts[0])} training rows of the card {card.name}. "
            "Take a larger problem.split.train or another seed."
        )
    scale = fit_scaling(scaling, x[parts[0]])
    mean, deviation = (0.0, 1.0) if is_classification else target_statistics(y[parts[0]])
    targets = y.astype(np.int32) if is_classification else (y - mean) / deviation
    kind = np.int32 if is_classification else np.float32
    train, validation, test = (
        Part(
            _read_only(scale(x[rows]).astype(np.float32)),
            _read_only(targets[rows].astype(kind)),
            _read_only(rows),
        )
        for rows in parts
    )
    return Prepared(
        *(card, train, validation, test, mean, deviation),
        input_offset=_read_only(scale.offset),
        input_divisor=_read_only(scale.divisor),
        features=dataset.features,
        example=_read_only(x[validation.rows[:EXAMPLE_ROWS]]),
    )


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    array.setflags(write=False)
    return array
