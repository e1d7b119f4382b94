"""The training loss of a Keras model as a pure function of its weights."""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
from keras import layers, ops

from benchmark.backend import keras_internals
from benchmark.backend.outputs import PROBABILITIES, output_activation, output_operation

Tensor = Any
Loss = Callable[..., Tensor]
MEANS = ("sum_over_batch_size", "mean")
RATES = ("rate", "dropout", "recurrent_dropout", "stddev")
"""Names that Keras gives the strength of a random layer; at zero the layer has no effect."""


def refuse_unfrozen_layers(model: keras.Model, *, training: bool) -> None:
    """Refuse a model whose loss is no function of its weights and single examples.

    A random layer gives a different loss at each call, and batch statistics make examples of a
    chunk depend on each other, so neither has one Hessian. In inference mode Keras freezes both.

    Args:
        model: a built model.
        training: whether it will be called in training mode.

    Raises:
        ValueError: a layer is random, or uses batch statistics, and is not frozen.

    Example:
        >>> model = keras.Sequential([keras.Input((3,)), layers.Dropout(0.5, name="drop")])
        >>> refuse_unfrozen_layers(model, training=False)
        >>> refuse_unfrozen_layers(model, training=True)
        Traceback (most recent call last):
        ValueError: every layer must be deterministic. Received the random layer 'drop' \
    (Dropout), which training=True leaves on. Take training=False, or set its rate to 0.
    """
    for layer in keras_internals.layers(model):
        what = f"{layer.name!r} ({type(layer).__name__})"
        if training and isinstance(layer, layers.BatchNormalization) and layer.trainable:
            raise ValueError(
                "every layer must treat examples one by one. Received batch statistics in "
                f"{what}, which training=True leaves on. Take training=False, or set its "
                "trainable to False."
            )
        if not _is_random(layer):
            continue
        if training:
            raise ValueError(
                f"every layer must be deterministic. Received the random layer {what}, which "
                "training=True leaves on. Take training=False, or set its rate to 0."
            )
        if not _heeds_training(layer):
            raise ValueError(
                f"every layer must be deterministic. Received the random layer {what}, whose "
                "call has no argument `training` that could freeze it. Give it one, or take it "
                "out of the model."
            )


def other_arithmetic(model: keras.Model, dtype: str) -> keras.Layer | None:
    """Return the first layer that computes floating-point numbers in another dtype, if any.

    Args:
        model: a built model.
        dtype: the dtype that all layers should compute in.

    Example:
        >>> mixed = layers.Dense(1, dtype="mixed_float16", name="mixed")
        >>> model = keras.Sequential([keras.Input((3,)), mixed])
        >>> model.trainable_variables[0].dtype, other_arithmetic(model, "float32").name
        ('float32', 'mixed')
    """
    for layer in keras_internals.layers(model):
        if isinstance(layer, layers.InputLayer | keras.Model):
            continue  # these compute nothing themselves
        computes = layer.compute_dtype
        if computes and keras.backend.is_float_dtype(computes) and computes != dtype:
            return layer
    return None


def refuse_other_arithmetic(model: keras.Model, dtype: str) -> None:
    """Refuse a model with a layer that computes in the wrong arithmetic.

    Args:
        model: a built model that was made for ``dtype``.
        dtype: the dtype that all layers should compute in.

    Raises:
        ValueError: a layer does not; the tolerance for zero would be far too small.
    """
    layer = other_arithmetic(model, dtype)
    if layer is not None:
        raise ValueError(
            f"every layer must compute in {dtype}. Received {layer.compute_dtype} in "
            f"{layer.name!r} ({type(layer).__name__}), which keeps it in a copy of the model that "
            f"asks for {dtype}. Let its get_config and constructor pass on `dtype`."
        )


def stands_for_logits(outputs: Any) -> bool:
    """Return whether Keras computes a cross-entropy of these outputs from the logits behind them.

    Args:
        outputs: the outputs of a model.
    """
    # While a program is traced, TensorFlow's backend looks at the operation as well.
    kind = getattr(getattr(outputs, "op", None), "type", "")
    return keras_internals.remembers_logits(outputs) or str(kind).lower() in PROBABILITIES


@dataclass(frozen=True, slots=True)
class ComposedLoss:
    """A mean loss in two parts, which the Gauss-Newton matrix treats differently.

        f(θ, x, y) = ℓ(z, y) + R,    (z, R) = forward(θ, x)

    Args:
        forward: ``(parameters, x, *state) -> (outputs z, penalty R)``; R is a scalar that
            depends on the parameters, or ``0.0``.
        of_outputs: ``(outputs, y) -> ℓ``, the mean over the examples.
        of_probabilities: whether ℓ is a cross-entropy of probabilities that the model's last
            activation makes of logits; Keras computes such a loss from the logits behind z.
            ``None`` if only the outputs themselves can tell.

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

    The model runs in inference mode (no dropout, BatchNormalization with its moving averages).
    Its own losses are weight penalties.

    Args:
        model: a built model. It is not changed: another ``dtype`` takes a copy, because a
            float32 model casts all its inputs to float32. So a model of mixed precision
            gives the function that it computes, apart from the rounding of its half precision.
        loss: a ``keras.losses.Loss``, a Keras loss name, or a function of (y_true, y_pred).
        dtype: the arithmetic, ``"float64"`` or ``"float32"``. The default takes at most twice the
            time and resolves small eigenvalues that are lost in the rounding of float32.
        training: call the model in training mode. Then every layer that is random or uses
            batch statistics must be frozen (rate 0, or ``trainable = False``).

    Returns:
        ``f(parameters, x, y, state=())``; ``parameters`` are like
        ``model.trainable_variables``. A model with moving averages or random layers also needs
        ``state``, like ``model.non_trainable_variables``.

    Raises:
        ValueError: the loss does not take the mean over examples; or a layer is random or
            mixes examples, so that there is no function to differentiate; or a layer ignores
            ``dtype``.

    Example:
        >>> import numpy as np
        >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        >>> f = model_loss(model, "mean_squared_error")
        >>> weights = [np.array([[2.0]]), np.array([0.0])]
        >>> float(f(weights, np.array([[1.0], [3.0]]), np.array([[2.0], [7.0]])))
        0.5
    """
    refuse_unfrozen_layers(model, training=training)
    compute_losses = _values(loss)
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
        mean = ops.mean(compute_losses(ops.convert_to_tensor(y), outputs))
        # Keras's one-hot targets are float64 on JAX. (Never cast a float32 loss to float64,
        # which would hide its rounding.)
        return ops.cast(mean, dtype) if dtype == "float32" else mean

    return ComposedLoss(forward, of_outputs, _is_of_probabilities(model, loss))


def _is_of_probabilities(model: keras.Model, loss: Any) -> bool | None:
    loss_function = keras.losses.get(loss)
    name = type(loss_function).__name__ + getattr(loss_function, "__name__", "")
    if "crossentropy" not in name.lower():
        return False
    operation = output_operation(model)
    return None if operation is None else bool(output_activation(operation))


def _values(loss: Any) -> Loss:
    """Return the loss of each example, free of the cast to float32 that Keras applies."""
    loss_function = keras.losses.get(loss)
    if not isinstance(loss_function, keras.losses.Loss):
        return loss_function
    if loss_function.reduction not in MEANS:
        raise ValueError(
            f"the loss must have one of the reductions {', '.join(MEANS)}. "
            f"Received {loss_function.reduction!r} in {loss_function.name}."
        )
    return loss_function.call


def _in_dtype(model: keras.Model, dtype: str) -> keras.Model:
    """Return a model that computes in ``dtype``: the model itself, or a copy with new weights."""
    has_dtype = all(variable.dtype == dtype for variable in model.trainable_variables)
    if has_dtype and not other_arithmetic(model, dtype):
        return model
    serialized = keras.saving.serialize_keras_object(model)
    serialized.pop("compile_config", None)
    policy = keras.config.dtype_policy()
    # For layers that a class makes without passing on its own dtype. It is the policy of this
    # thread alone.
    keras.config.set_dtype_policy(dtype)
    try:
        twin = keras.saving.deserialize_keras_object(_with_dtype(serialized, dtype))
    finally:
        keras.config.set_dtype_policy(policy)
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


def _is_random(layer: keras.Layer) -> bool:
    draws = any(
        isinstance(attribute, keras.random.SeedGenerator) for attribute in vars(layer).values()
    )
    rates = [rate for name in RATES if isinstance(rate := getattr(layer, name, None), int | float)]
    return draws and (not rates or any(rates))


def _heeds_training(layer: keras.Layer) -> bool:
    return "training" in inspect.signature(layer.call).parameters
