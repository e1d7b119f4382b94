"""Keras models that hand the objective of each mini-batch to their optimizer."""

from collections.abc import Sequence
from typing import Any

import keras

from benchmark import backend
from benchmark.backend import keras_internals
from benchmark.optimizers.objective import is_linear_loss, objective_of
from benchmark.optimizers.objective_optimizer import ObjectiveOptimizer
from benchmark.optimizers.vectors import Tensor, Vector


@keras.saving.register_keras_serializable(package="kappabench")
class ObjectiveModel(keras.Model):
    """A Keras model whose training step gives its optimizer the whole objective.

    Made by :func:`with_objective`; or derive a class from it. ``compile``, ``fit``,
    ``train_on_batch``, ``evaluate`` and ``save`` are Keras's. With an optimizer that needs
    gradients alone it trains as any model does. It has one output; its loss may be any that
    is twice differentiable, with sample weights as in Keras.
    """

    def train_step(self, *arguments: Any) -> Any:
        """Make one step; Keras calls it, on JAX with the state and a batch."""
        if not isinstance(self.optimizer, ObjectiveOptimizer):
            return super().train_step(*arguments)
        if keras.backend.backend() == "jax":
            return self._pure_step(*arguments)
        optimizer = self.optimizer
        optimizer.build(self.trainable_variables)
        kinds = (self.trainable_variables, self.non_trainable_variables, optimizer.variables)
        values = [[variable.value for variable in kind] for kind in kinds]
        new, loss, outputs = self._new_values(values, _unpacked(arguments[0]))
        for kind, tensors in zip(kinds, new, strict=True):
            for variable, tensor in zip(kind, tensors, strict=True):
                variable.assign(tensor)
        return self._measured(loss, outputs, *_unpacked(arguments[0]))

    def _pure_step(self, state: Any, data: Any) -> Any:
        new, loss, outputs = self._new_values(state[:3], _unpacked(data))
        with keras.StatelessScope(
            state_mapping=list(zip(self.metrics_variables, state[3], strict=True))
        ) as scope:
            logs = self._measured(loss, outputs, *_unpacked(data))
        metrics = [scope.get_current_value(variable) for variable in self.metrics_variables]
        return logs, (*new, metrics)

    def _measured(self, loss: Tensor, outputs: Tensor, x: Any, y: Any, sample_weight: Any) -> Any:
        rows = next(size for array in keras.tree.flatten(x) for size in keras.ops.shape(array)[:1])
        keras_internals.loss_tracker(self).update_state(loss, sample_weight=rows)
        return self.compute_metrics(x, y, outputs, sample_weight=sample_weight)

    def _new_values(
        self, values: Sequence[Sequence[Tensor]], batch: tuple[Any, Any, Any]
    ) -> tuple[tuple[Vector, Vector, Vector], Tensor, Tensor]:
        """The variables after one step, and loss and outputs before it; a pure function.

        Args:
            values: weights, what the model keeps besides, and the optimizer's variables.
            batch: examples, targets and sample weights.
        """
        (trainable, state, optimizer_state), (x, y, sample_weight) = values, batch

        def outputs(weights: Sequence[Tensor]) -> tuple[Tensor, Vector, Vector]:
            predictions, new, penalties = self.stateless_call(
                list(weights), list(state), x, training=True, return_losses=True
            )
            return predictions, list(penalties), list(new)

        def loss(z: Tensor) -> Tensor:
            return keras_internals.compiled_loss(self, y, z, sample_weight)

        objective = objective_of(
            lambda weights: outputs(weights)[:2], loss, is_linear=is_linear_loss(self.loss)
        )

        def first(weights: Sequence[Tensor]) -> tuple[Tensor, tuple[Tensor, Vector]]:
            z, penalties, new = outputs(weights)
            value = keras.ops.cast(loss(z), weights[0].dtype) + sum(penalties)
            return value, (z, new)

        (value, (z, new)), gradients = backend.value_and_grad(first, has_aux=True)(trainable)
        weights, variables = self.optimizer.stateless_minimize(
            optimizer_state, list(trainable), value, list(gradients), objective
        )
        return (weights, list(new), variables), value, z


def with_objective(model: keras.Model) -> ObjectiveModel:
    """Return a model of the same layers that hands the objective to its optimizer.

    The two share their weights: train this one, and use either. Where the Gauss-Newton
    matrix is asked for and the loss is linear in the outputs, set ``is_linear = True`` on
    the loss, see :func:`~benchmark.optimizers.objective.objective_of`.

    Args:
        model: functional or sequential, built. Its ``compile`` is not carried over.

    Raises:
        ValueError: the model is a class with a ``call`` of its own, or is not built.

    Example:
        >>> import numpy as np
        >>> from benchmark.optimizers.rules.steepest_descent import SteepestDescent
        >>> line = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
        >>> line.set_weights([np.array([[3.0]])])
        >>> model = with_objective(line)
        >>> model.compile(SteepestDescent(), loss="mean_squared_error")
        >>> x = np.array([[1.0], [2.0]])
        >>> _ = model.fit(x, 5 * x, verbose=0)
        >>> float(line.layers[-1].kernel[0, 0])
        5.0
    """
    if isinstance(model, ObjectiveModel):
        return model
    if getattr(model, "outputs", None) is None:
        raise ValueError(
            "a model must be functional or sequential, and built, to hand its objective over. "
            f"Received {type(model).__name__}. Derive its class from ObjectiveModel instead."
        )
    inputs = model.inputs[0] if len(model.inputs) == 1 else model.inputs
    outputs = model.outputs[0] if len(model.outputs) == 1 else model.outputs
    return ObjectiveModel(inputs, outputs, name=model.name)


def _unpacked(data: Any) -> tuple[Any, Any, Any]:
    unpacked: tuple[Any, Any, Any] = keras.utils.unpack_x_y_sample_weight(data)
    return unpacked
