"""The training loss of a Keras model as a pure function of its weights."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from benchmark.backend import keras_internals
from benchmark.curvature.checks import (
    other_arithmetic,
    refuse_other_arithmetic,
    refuse_unfrozen_layers,
)

PROBABILITIES = ("softmax", "sigmoid")
"""Activations behind which Keras's cross-entropies look for logits."""


def output_operation(model: keras.Model) -> Any:
    """Return the layer or operation whose result a model gives.

    It is not the last one of ``model.layers``, which may lie on any branch, or be a model.

    Args:
        model: built. Of a subclassed one nobody knows without calling it.

    Returns:
        The operation, inside nested models too; nothing where it is not known.

    Example:
        >>> x = keras.Input((4,))
        >>> inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, name="last")])
        >>> output_operation(keras.Model(x, inner(x))).name
        'last'
    """
    outputs = getattr(model, "outputs", None)
    if not outputs:
        return None
    operation = keras_internals.operation_of(outputs[0])
    return output_operation(operation) if isinstance(operation, keras.Model) else operation


def output_activation(operation: Any) -> str:
    """Return ``"softmax"`` or ``"sigmoid"`` where an operation ends in one, else nothing.

    Args:
        operation: a layer with an activation or that is one, or one of ``keras.ops``.

    Example:
        >>> output_activation(keras.layers.Dense(2, activation="softmax"))
        'softmax'
        >>> output_activation(keras.layers.Dense(2))
        ''
    """
    activation = getattr(operation, "activation", None)
    named = getattr(activation, "__name__", type(operation).__name__).lower()
    return named if named in PROBABILITIES else ""


def stands_for_logits(outputs: Any) -> bool:
    """Whether Keras takes a cross-entropy of some outputs from the logits behind them.

    Args:
        outputs: what a model returned.
    """
    # Where a program is traced, TensorFlow's backend looks at the operation as well.
    kind = getattr(getattr(outputs, "op", None), "type", "")
    return keras_internals.remembers_logits(outputs) or str(kind).lower() in PROBABILITIES


Tensor = Any
Loss = Callable[..., Tensor]
MEANS = ("sum_over_batch_size", "mean")


@dataclass(frozen=True, slots=True)
class ComposedLoss:
    """A mean loss in two parts, which the Gauss-Newton matrix tells apart.

        f(θ, x, y) = ℓ(z, y) + R,    (z, R) = forward(θ, x)

    Args:
        forward: ``(parameters, x, *state) -> (outputs z, penalty R)``; R is a scalar that
            depends on the parameters, ``0.0`` where there is none.
        of_outputs: ``(outputs, y) -> ℓ``, the mean over the examples.
        of_probabilities: whether ℓ is a cross-entropy of probabilities that the model's last
            activation makes of logits; Keras takes such a loss of the logits behind z. Nothing
            where only the outputs themselves can tell.

    Example:
        >>> import numpy as np
        >>> loss = ComposedLoss(
        ...     lambda parameters, x: (ops.matmul(x, parameters[0]), 0.0),
        ...     lambda z, y: ops.mean(ops.square(z - y)),
        ... )
        >>> float(loss([np.array([2.0])], np.array([[1.0], [3.0]]), np.array([2.0, 7.0])))
        0.5
    """

    forward: Callable[..., tuple[Tensor, Tensor | float]]
    of_outputs: Loss
    of_probabilities: bool | None = False

    def __call__(self, parameters: Sequence[Tensor], x: Tensor, y: Tensor, *state: Any) -> Tensor:
        """Return the loss."""
        outputs, penalty = self.forward(parameters, x, *state)
        return self.of_outputs(outputs, y) + penalty


def model_loss(
    model: keras.Model, loss: Any, dtype: str = "float64", *, training: bool = False
) -> ComposedLoss:
    """Make the mean training loss of a Keras model a pure function of its weights.

        f(parameters, x, y) = mean over examples of loss(y, model(x)) + the model's own losses

    with the model in inference mode (no dropout, BatchNormalization by its moving averages);
    its own losses are weight penalties.

    Args:
        model: a built model. It is not changed: for another ``dtype`` a copy is made, since a
            float32 model casts whatever it is given to float32. So a model of mixed precision
            gives the function that it computes up to the rounding of its half precision.
        loss: a ``keras.losses.Loss``, a Keras loss name, or a function of (y_true, y_pred).
        dtype: the arithmetic, ``"float64"`` or ``"float32"``. The default resolves small
            eigenvalues that float32 drowns in rounding, for at most twice the time.
        training: call the model as training does. Then every layer that is random or uses
            batch statistics must be frozen (rate 0, or ``trainable = False``).

    Returns:
        ``f(parameters, x, y, state=())``; ``parameters`` are like
        ``model.trainable_variables``, and ``state`` like ``model.non_trainable_variables``,
        which a model with moving averages or random layers needs.

    Raises:
        ValueError: the loss does not take the mean over examples, or a layer is random or
            mixes examples, so that there is no function to differentiate; or a layer computes
            in another arithmetic, whatever it is told.

    Example:
        >>> import numpy as np
        >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        >>> f = model_loss(model, "mean_squared_error")
        >>> weights = [np.array([[2.0]]), np.array([0.0])]
        >>> float(f(weights, np.array([[1.0], [3.0]]), np.array([[2.0], [7.0]])))
        0.5
    """
    refuse_unfrozen_layers(model, training=training)
    compute_loss = _values(loss)
    twin = _in_dtype(model, dtype)
    needs_state = len(twin.non_trainable_variables)

    def forward(
        parameters: Sequence[Tensor], x: Tensor, state: Sequence[Tensor] = ()
    ) -> tuple[Tensor, Tensor | float]:
        if len(state) != needs_state:
            raise ValueError(
                f"state must hold {needs_state} tensors. Received {len(state)}. "
                "Pass the model's non_trainable_variables."
            )
        outputs, _, penalties = twin.stateless_call(
            [ops.convert_to_tensor(parameter, dtype) for parameter in parameters],
            list(state),
            ops.convert_to_tensor(x),
            training=training,
            return_losses=True,
        )
        return outputs, sum((ops.cast(penalty, dtype) for penalty in penalties), start=0.0)

    def of_outputs(outputs: Tensor, y: Tensor) -> Tensor:
        mean = ops.mean(compute_loss(ops.convert_to_tensor(y), outputs))
        # Keras's one-hot targets are float64 on JAX. (Never the other way: a float32 loss
        # cast to float64 would hide its rounding.)
        return ops.cast(mean, dtype) if dtype == "float32" else mean

    return ComposedLoss(forward, of_outputs, _is_of_probabilities(model, loss))


def _is_of_probabilities(model: keras.Model, loss: Any) -> bool | None:
    found = keras.losses.get(loss)
    name = type(found).__name__ + getattr(found, "__name__", "")
    if "crossentropy" not in name.lower():
        return False
    operation = output_operation(model)
    return None if operation is None else bool(output_activation(operation))


def _values(loss: Any) -> Loss:
    """Return the loss of each example, free of the cast to float32 that Keras applies."""
    found = keras.losses.get(loss)
    if not isinstance(found, keras.losses.Loss):
        return found
    if found.reduction not in MEANS:
        raise ValueError(
            f"the loss must have one of the reductions {', '.join(MEANS)}. "
            f"Received {found.reduction!r} in {found.name}."
        )
    return found.call


def _in_dtype(model: keras.Model, dtype: str) -> keras.Model:
    """Return the model computing in ``dtype``: itself, or a copy with other weights."""
    keeps = all(variable.dtype == dtype for variable in model.trainable_variables)
    if keeps and not other_arithmetic(model, dtype):
        return model
    serialized = keras.saving.serialize_keras_object(model)
    serialized.pop("compile_config", None)
    twin = keras.saving.deserialize_keras_object(_with_dtype(serialized, dtype))
    refuse_other_arithmetic(twin, dtype)
    return twin


def _with_dtype(entry: Any, dtype: str) -> Any:
    """Replace every floating-point dtype and policy in a serialised model."""
    if isinstance(entry, list | tuple):
        return type(entry)(_with_dtype(item, dtype) for item in entry)
    if not isinstance(entry, dict):
        return entry
    if entry.get("class_name") == "DTypePolicy":
        return {**entry, "config": {"name": dtype}}
    return {
        key: dtype if key == "dtype" and _is_float(value) else _with_dtype(value, dtype)
        for key, value in entry.items()
    }


def _is_float(value: Any) -> bool:
    return value in ("float16", "bfloat16", "float32", "float64")
