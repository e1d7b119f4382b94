"""A step of an optimizer that takes the objective of a mini-batch, in a compiled program."""

from collections.abc import Sequence
from typing import Any

from keras import ops

from benchmark import backend
from benchmark.engine.task import Task
from benchmark.optimizers.objective import is_linear_loss, objective_of

Tensor = Any
Tensors = list[Any]


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
    weights, own, state = values
    x, y = batch

    def outputs(parameters: Sequence[Tensor]) -> tuple[Tensor, Tensors, Tensors]:
        found, new, penalties = task.model.stateless_call(
            list(parameters), state, x, training=True, return_losses=True
        )
        return found, list(penalties), list(new)

    def loss(z: Tensor) -> Tensor:
        return task.loss(y, z)

    def first(parameters: Sequence[Tensor]) -> tuple[Tensor, Tensors]:
        z, penalties, new = outputs(parameters)
        return ops.cast(loss(z), parameters[0].dtype) + sum(penalties), new

    objective = objective_of(
        lambda parameters: outputs(parameters)[:2], loss, is_linear=is_linear_loss(task.loss)
    )
    (value, new), gradients = backend.value_and_grad(first, has_aux=True)(weights)
    stepped, moved = optimizer.stateless_minimize(own, weights, value, list(gradients), objective)
    return stepped, moved, new
