"""The metrics that a study may name beside its loss: one table, which everything else reads."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from benchmark.trial import Direction


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric of a part of the data: a mean over its rows, or a function of several such means.

    Args:
        title: what the report calls it.
        task: of the datasets that it fits.
        direction: in which it is better.
        of_rows: the value of each row, shape (rows,), from ``keras.ops``, the targets, shape
            (rows,) or (rows, 1), and the model's outputs, shape (rows, units); of classes, the
            outputs are logits. It must be mappable over trials on every backend. Where the metric
            is no mean, several values of each row, shape (rows, ``count(units)``).
        target: a value of ``[target]`` that refusals propose.
        low: the smallest value.
        high: the largest value.
        count: how many values of each row there are, from the number of units; 0 where ``of_rows``
            gives the metric itself.
        of_means: the metric from ``keras.ops`` and the means of those values over all rows, shape
            (…, ``count(units)``).
    """

    title: str
    task: Literal["classification", "regression"]
    direction: Direction
    of_rows: Callable[[Any, Any, Any], Any]
    target: float
    low: float = 0.0
    high: float = math.inf
    count: Callable[[int], int] = lambda _: 0
    of_means: Callable[[Any, Any], Any] = lambda _, means: means


def _predicted(ops: Any, outputs: Any) -> Any:
    """The class of the largest output, the first of equal ones.

    Not ``ops.argmax``: Keras's has a bitcast on TensorFlow, which cannot be vectorised.
    """
    indices = ops.arange(outputs.shape[-1], dtype="int32")
    is_largest = ops.equal(outputs, ops.max(outputs, axis=-1, keepdims=True))
    return ops.min(ops.where(is_largest, indices, outputs.shape[-1]), axis=-1)


def _hits(ops: Any, y: Any, outputs: Any) -> Any:
    hits = ops.equal(_predicted(ops, outputs), ops.cast(ops.reshape(y, (-1,)), "int32"))
    return ops.cast(hits, outputs.dtype)


def _one_hot(ops: Any, labels: Any, outputs: Any) -> Any:
    indices = ops.arange(outputs.shape[-1], dtype="int32")
    labels = ops.cast(ops.reshape(labels, (-1, 1)), "int32")
    return ops.cast(ops.equal(labels, indices), outputs.dtype)


def _class_counts(ops: Any, y: Any, outputs: Any) -> Any:
    """By class: whether a row was predicted rightly, belongs to it, and was predicted as it."""
    actual = _one_hot(ops, y, outputs)
    predicted = _one_hot(ops, _predicted(ops, outputs), outputs)
    return ops.concatenate([actual * predicted, actual, predicted], axis=-1)


def _mean_over(ops: Any, values: Any, weights: Any) -> Any:
    """The mean over the classes that have a weight above zero of values divided by weights."""
    is_present = weights > 0
    ratios = values / ops.where(is_present, weights, ops.ones_like(weights))
    count = ops.sum(ops.cast(is_present, values.dtype), axis=-1)
    return ops.sum(ops.where(is_present, ratios, ops.zeros_like(ratios)), axis=-1) / count


def _balanced_accuracy(ops: Any, means: Any) -> Any:
    right, actual, _ = ops.split(means, 3, axis=-1)
    return _mean_over(ops, right, actual)


def _macro_f1(ops: Any, means: Any) -> Any:
    right, actual, predicted = ops.split(means, 3, axis=-1)
    return _mean_over(ops, 2 * right, actual + predicted)


def _log_losses(ops: Any, y: Any, outputs: Any) -> Any:
    chosen = ops.sum(_one_hot(ops, y, outputs) * outputs, axis=-1)
    return ops.logsumexp(outputs, axis=-1) - chosen


def _errors(ops: Any, y: Any, outputs: Any) -> Any:
    return ops.reshape(outputs, (-1,)) - ops.cast(ops.reshape(y, (-1,)), outputs.dtype)


def _squared_errors(ops: Any, y: Any, outputs: Any) -> Any:
    return ops.square(_errors(ops, y, outputs))


def _error_and_moments(ops: Any, y: Any, outputs: Any) -> Any:
    target = ops.cast(ops.reshape(y, (-1,)), outputs.dtype)
    return ops.stack([_squared_errors(ops, y, outputs), target, ops.square(target)], axis=-1)


def _r2(ops: Any, means: Any) -> Any:
    """1 − mean squared error / variance; of equal targets 1 or 0, as scikit-learn has it.

    In float32, so digits are lost where the mean of a part lies many deviations off that of the
    training part, whose targets have mean 0.
    """
    error, mean, square = means[..., 0], means[..., 1], means[..., 2]
    variance = square - ops.square(mean)
    varies = variance > 0
    ratio = error / ops.where(varies, variance, ops.ones_like(variance))
    return ops.where(varies, 1 - ratio, ops.cast(ops.equal(error, 0), error.dtype))


METRICS: dict[str, Metric] = {
    "accuracy": Metric("accuracy", "classification", "maximize", _hits, target=0.95, high=1.0),
    "mean_absolute_error": Metric(
        "mean absolute error",
        "regression",
        "minimize",
        lambda ops, y, outputs: ops.abs(_errors(ops, y, outputs)),
        target=0.1,
    ),
    "mean_squared_error": Metric(
        "mean squared error",
        "regression",
        "minimize",
        _squared_errors,
        target=0.1,
    ),
    "balanced_accuracy": Metric(
        "balanced accuracy",
        "classification",
        "maximize",
        _class_counts,
        target=0.9,
        high=1.0,
        count=lambda units: 3 * units,
        of_means=_balanced_accuracy,
    ),
    "f1": Metric(
        "macro F1",
        "classification",
        "maximize",
        _class_counts,
        target=0.9,
        high=1.0,
        count=lambda units: 3 * units,
        of_means=_macro_f1,
    ),
    "log_loss": Metric("log loss", "classification", "minimize", _log_losses, target=0.1),
    "r2": Metric(
        "R²",
        "regression",
        "maximize",
        _error_and_moments,
        target=0.5,
        low=-math.inf,
        high=1.0,
        count=lambda _: 3,
        of_means=_r2,
    ),
    "root_mean_squared_error": Metric(
        "root mean squared error",
        "regression",
        "minimize",
        lambda ops, y, outputs: ops.expand_dims(_squared_errors(ops, y, outputs), -1),
        target=0.3,
        count=lambda _: 1,
        of_means=lambda ops, means: ops.sqrt(means[..., 0]),
    ),
}
"""The metrics by name; the first of a task is its default."""

PARTS = ("train", "validation", "test")
_MINIMIZED = ("loss", "gradient_norm", "update_norm")
"""What else a trial reports; all of it is better small."""


def metrics_of(task: str) -> tuple[str, ...]:
    """Return the names of the metrics that fit a task, the default one first.

    Args:
        task: ``"classification"`` or ``"regression"``.

    Example:
        >>> metrics_of("regression")[:2]
        ('mean_absolute_error', 'mean_squared_error')
    """
    return tuple(name for name, metric in METRICS.items() if metric.task == task)


def reported_metric(reported: str) -> Metric | None:
    """Return the metric of a reported name; nothing where the name is that of a loss or norm.

    Args:
        reported: a name of :class:`benchmark.trial.Report`'s metrics.

    Example:
        >>> reported_metric("validation_accuracy").title, reported_metric("train_loss")
        ('accuracy', None)
    """
    part, _, name = reported.partition("_")
    return METRICS.get(name) if part in PARTS else None


def direction_of(objective: str) -> Direction:
    """Return in which direction a reported metric is better.

    Args:
        objective: a name of :class:`benchmark.trial.Report`'s metrics.

    Raises:
        ValueError: the name is none of them.

    Example:
        >>> direction_of("validation_accuracy"), direction_of("train_loss")
        ('maximize', 'minimize')
    """
    part, _, quantity = objective.partition("_")
    name = quantity if part in PARTS[:2] else objective  # nothing is chosen by the test part
    if name in METRICS:
        return METRICS[name].direction
    if name in _MINIMIZED:
        return "minimize"
    known = ", ".join((*_MINIMIZED, *METRICS))
    raise ValueError(
        f"the objective must be one of {known}, where it fits after train_ or validation_. "
        f"Received {objective!r} at problem.objective. Name a metric that a trial reports."
    )
