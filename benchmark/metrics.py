"""The metrics that a study may name beside its loss: one table, which everything else reads."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from benchmark.trial import Direction


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric that is a mean over the rows of a part of the data.

    Args:
        title: what the report calls it.
        task: of the datasets that it fits.
        direction: in which it is better.
        of_rows: the value of each row, shape (rows,), from ``keras.ops``, the targets, shape
            (rows,) or (rows, 1), and the model's outputs, shape (rows, units); of classes, the
            outputs are logits. It must be mappable over trials on every backend.
        target: a value of ``[target]`` that refusals propose.
        low: the smallest value.
        high: the largest value.
    """

    title: str
    task: Literal["classification", "regression"]
    direction: Direction
    of_rows: Callable[[Any, Any, Any], Any]
    target: float
    low: float = 0.0
    high: float = math.inf


def _hits(ops: Any, y: Any, outputs: Any) -> Any:
    """One where the largest output, the first of equal ones, is that of the right class.

    Not ``ops.argmax``: Keras's has a bitcast on TensorFlow, which cannot be vectorised.
    """
    indices = ops.arange(outputs.shape[-1], dtype="int32")
    is_largest = ops.equal(outputs, ops.max(outputs, axis=-1, keepdims=True))
    predicted = ops.min(ops.where(is_largest, indices, outputs.shape[-1]), axis=-1)
    hits = ops.equal(predicted, ops.cast(ops.reshape(y, (-1,)), "int32"))
    return ops.cast(hits, outputs.dtype)


def _errors(ops: Any, y: Any, outputs: Any) -> Any:
    return ops.reshape(outputs, (-1,)) - ops.cast(ops.reshape(y, (-1,)), outputs.dtype)


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
        lambda ops, y, outputs: ops.square(_errors(ops, y, outputs)),
        target=0.1,
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
        >>> metrics_of("regression")
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
