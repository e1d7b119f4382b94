"""From a card to the scaled arrays that a model is trained on."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import StandardScaler

from benchmark.data.card_files import find_card, read_card
from benchmark.data.cards import DatasetCard, DatasetError
from benchmark.data.dataset import load_dataset_file
from benchmark.data.inference import card_of, table_of_card
from benchmark.data.preprocessing import affine_scaling, encoded_table
from benchmark.data.scaling import fit_scaling
from benchmark.data.split import split_rows
from benchmark.data.tables import Table, load_table
from benchmark.data.transformer import fit_transformer, parameters_of
from benchmark.trial import DatasetProblem

Matrix = NDArray[np.float64]


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
        preprocessing: of a table that is read by its columns, the parameters by which
            :mod:`benchmark.data.preprocessing` makes inputs of new rows; else nothing.
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
    preprocessing: Mapping[str, Any] | None = None


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


def prepare_problem(problem: DatasetProblem) -> Prepared:
    """Prepare the data of a problem: those of a card, or of the user's own file.

    Args:
        problem: what a trial is trained on.

    Raises:
        DatasetError: as :func:`prepare`; or the file is not there, has changed, or cannot be used.

    Example:
        >>> prepare_problem(DatasetProblem("iris")).train.x.shape
        (90, 4)
    """
    if problem.source is None:
        return prepare(problem.dataset, problem.fractions, problem.scaling, problem.split_seed)
    table = load_table(problem.source, problem.dataset)
    return _prepare_table(table, problem.fractions, problem.scaling, problem.split_seed)


# The time of the card's last change is part of the key, so that an edited card is read again.
@lru_cache(maxsize=4)
def _prepare(
    path: Path,
    modified: int,  # noqa: ARG001
    fractions: tuple[float, float, float],
    scaling: str,
    split_seed: int,
) -> Prepared:
    card = read_card(path)
    if card.is_table:
        table = table_of_card(card, path)
        prepared = _prepare_table(table, fractions, scaling, split_seed)
        facts = {"features": prepared.card.features, "checksum": table.source.checksum}
        return replace(prepared, card=card.model_copy(update=facts))
    dataset = load_dataset_file(path)
    card, x = dataset.card, dataset.x
    rows = _rows_of_parts(card, dataset.y, fractions, split_seed)
    scale = fit_scaling(scaling, x[rows[0]])
    targets, mean, deviation = _training_targets(card, dataset.y, rows[0])
    train, validation, test = (_part(scale(x[part]), targets[part], part) for part in rows)
    return Prepared(
        *(card, train, validation, test, mean, deviation),
        input_offset=_read_only(scale.offset),
        input_divisor=_read_only(scale.divisor),
        features=dataset.features,
        example=_read_only(x[validation.rows[:EXAMPLE_ROWS]]),
    )


@lru_cache(maxsize=4)
def _prepare_table(
    table: Table, fractions: tuple[float, float, float], scaling: str, split_seed: int
) -> Prepared:
    card, frame = card_of(table), table.frame
    rows = _rows_of_parts(card, table.y, fractions, split_seed)
    transformer = fit_transformer(table.columns, table.source, scaling, frame.iloc[rows[0]])
    parameters = parameters_of(transformer, table.columns, scaling)
    targets, mean, deviation = _training_targets(card, table.y, rows[0])
    parameters["target"] = {"name": table.source.target, "task": card.task}
    if table.classes:
        parameters["target"] |= {"classes": list(table.classes)}
    else:
        parameters["target"] |= {"mean": mean, "deviation": deviation}
    train, validation, test = (
        _part(transformer.transform(frame.iloc[part]), targets[part], part) for part in rows
    )
    card = card.model_copy(update={"features": train.x.shape[1]})
    offset, divisor = affine_scaling(parameters)
    example = encoded_table(parameters, frame.iloc[validation.rows[:EXAMPLE_ROWS]])
    return Prepared(
        *(card, train, validation, test, mean, deviation),
        input_offset=_read_only(offset),
        input_divisor=_read_only(divisor),
        features=tuple(parameters["features"]),
        example=_read_only(example),
        preprocessing=parameters,
    )


def _rows_of_parts(
    card: DatasetCard, y: NDArray[Any], fractions: tuple[float, float, float], split_seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    is_classification = card.task == "classification"
    parts = split_rows(len(y), fractions, split_seed, y if is_classification else None)
    if np.ptp(y[parts[0]]) == 0:
        raise DatasetError(
            f"the target must take more than one value in the training part. Received "
            f"{y[parts[0]][0]:g} in all {len(parts[0])} training rows of the card {card.name}. "
            "Take a larger problem.split.train or another seed."
        )
    return parts


def _training_targets(
    card: DatasetCard, y: NDArray[Any], training: NDArray[np.int64]
) -> tuple[NDArray[Any], float, float]:
    """Labels as int32, or float32 targets standardised by the training part; its statistics."""
    if card.task == "classification":
        return y.astype(np.int32), 0.0, 1.0
    mean, deviation = target_statistics(y[training])
    return ((y - mean) / deviation).astype(np.float32), mean, deviation


def _part(x: Matrix, y: NDArray[Any], rows: NDArray[np.int64]) -> Part:
    inputs = np.asarray(x, np.float64).astype(np.float32)
    return Part(_read_only(inputs), _read_only(y), _read_only(rows))


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    array.setflags(write=False)
    return array
