"""The gradients of mini-batches, of several trials side by side."""

from collections.abc import Callable, Sequence
from typing import Any

from keras import ops

from benchmark import backend
from benchmark.engine.layout import Layout
from benchmark.engine.task import Task

Tensor = Any
Tensors = list[Any]
Gradient = Callable[..., tuple[Tensors, Tensors]]
"""``(weights, model states, rows, …) -> (gradients, new model states)``, with an axis of trials."""


def piece_gradients(task: Task, layout: Layout, x: Tensor, y: Tensor) -> Gradient:
    """Return what computes the gradients of one piece of each trial's mini-batch.

    Args:
        task: model and loss.
        layout: the shapes of mini-batches.
        x: the training part.
        y: its targets.

    Returns:
        A function of weights, model states, rows, ``held`` and ``shares``, as
        :class:`~benchmark.engine.plans.Steps` has them.
    """
    if layout.is_exact:
        whole = batch_gradients(task, x, y)
        return lambda weights, states, rows, *_: whole(weights, states, rows)
    order = ops.arange(layout.size, dtype="int32")

    def of_piece(
        weights: Tensors, states: Tensors, rows: Tensor, held: Tensor, share: Tensor
    ) -> tuple[Tensors, Tensors]:
        shares = ops.where(order < held, share, ops.zeros_like(share))
        return _gradient(task, weights, states, rows, x, y, shares)

    return backend.vectorize(of_piece)


def batch_gradients(task: Task, x: Tensor, y: Tensor) -> Gradient:
    """Return what computes the gradients of one whole mini-batch of each trial.

    Args:
        task: model and loss.
        x: the training part.
        y: its targets.

    Returns:
        A function of weights, model states and rows.
    """

    def of_batch(weights: Tensors, states: Tensors, rows: Tensor) -> tuple[Tensors, Tensors]:
        return _gradient(task, weights, states, rows, x, y, None)

    return backend.vectorize(of_batch)


def summed(
    gradient: Gradient,
    weights: Tensors,
    states: Tensors,
    pieces: Sequence[Tensor],
    begin: Tensor,
    end: Tensor,
) -> tuple[Tensors, Tensors]:
    """Add up the gradients of the pieces of a mini-batch; model states stay as they are.

    Args:
        gradient: of :func:`piece_gradients`.
        weights: of the trials.
        states: of their models.
        pieces: rows, ``held`` and ``shares`` of all pieces.
        begin: the first piece of the mini-batch.
        end: the first one after it.
    """

    def body(piece: Tensor, *sums: Tensor) -> tuple[Any, ...]:
        found, _ = gradient(weights, states, *(a[piece] for a in pieces))
        return (piece + 1, *(old + new for old, new in zip(sums, found, strict=True)))

    zeros = [ops.zeros_like(one) for one in weights]
    sums = ops.while_loop(lambda piece, *_: piece < end, body, (begin, *zeros))[1:]
    return list(sums), list(states)


def _gradient(
    task: Task, weights: Tensors, states: Tensors, rows: Tensor, x: Tensor, y: Tensor, shares: Any
) -> tuple[Tensors, Tensors]:
    batch_x, batch_y = ops.take(x, rows, axis=0), ops.take(y, rows, axis=0)

    def loss(parameters: Tensors) -> tuple[Tensor, Tensors]:
        outputs, new, penalties = task.model.stateless_call(
            parameters, states, batch_x, training=True, return_losses=True
        )
        value = task.loss(batch_y, outputs, sample_weight=shares)
        if penalties:
            # A penalty on weights is shared by the pieces of a mini-batch.
            share = 1.0 if shares is None else ops.mean(shares)
            value += ops.cast(share, value.dtype) * sum(penalties)
        return value, new

    (_, new), gradients = backend.value_and_grad(loss, has_aux=True)(weights)
    return list(gradients), list(new)
