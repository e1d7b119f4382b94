"""The gradients of mini-batches and the steps that need more, of several trials side by side."""

from collections.abc import Callable, Sequence
from typing import Any

from keras import ops

from benchmark import backend
from benchmark.engine.batches import Layout
from benchmark.engine.task import Task
from benchmark.optimizers.objective import is_linear_loss, objective_of

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
        :class:`~benchmark.engine.batches.Steps` has them.
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
        slopes, _ = gradient(weights, states, *(a[piece] for a in pieces))
        return (piece + 1, *(old + new for old, new in zip(sums, slopes, strict=True)))

    zeros = [ops.zeros_like(tensor) for tensor in weights]
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


def objective_step(
    task: Task,
    optimizer: Any,
    values: tuple[Tensors, Tensors, Tensors],
    batch: tuple[Tensor, Tensor],
) -> tuple[Tensors, Tensors, Tensors]:
    """Make one step of one trial on a whole mini-batch; a pure function.

    However often the optimizer asks for the objective within the step, the model keeps the
    state that it had at its start, so that all random layers drop the same. What comes out
    is its state after the first pass.

    Args:
        task: model and loss.
        optimizer: an ``ObjectiveOptimizer``, built.
        values: weights, optimizer state and model state.
        batch: examples and targets, every one with the same share.

    Returns:
        The new values.
    """
    weights, optimizer_state, state = values
    x, y = batch

    def outputs(parameters: Sequence[Tensor]) -> tuple[Tensor, Tensors, Tensors]:
        logits, new, penalties = task.model.stateless_call(
            list(parameters), state, x, training=True, return_losses=True
        )
        return logits, list(penalties), list(new)

    def loss(z: Tensor) -> Tensor:
        return task.loss(y, z)

    def first(parameters: Sequence[Tensor]) -> tuple[Tensor, Tensors]:
        z, penalties, new = outputs(parameters)
        return ops.cast(loss(z), parameters[0].dtype) + sum(penalties), new

    objective = objective_of(
        lambda parameters: outputs(parameters)[:2], loss, is_linear=is_linear_loss(task.loss)
    )
    (value, new), gradients = backend.value_and_grad(first, has_aux=True)(weights)
    stepped, moved = optimizer.stateless_minimize(
        optimizer_state, weights, value, list(gradients), objective
    )
    return stepped, moved, new
