"""What makes the output of a Keras model."""

from typing import Any

import keras

from benchmark.backend import keras_internals

PROBABILITIES = ("softmax", "sigmoid")
"""Activations whose inputs Keras's cross-entropies use as logits."""


def output_operation(model: keras.Model) -> Any:
    """Return the layer or operation that makes the output of a model.

    The last of ``model.layers`` may lie on any branch, or be a model itself.

    Args:
        model: a built model. The output of a subclassed model is unknown until it is called.

    Returns:
        The operation, also inside nested models; ``None`` if it is unknown.

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
    """Return ``"softmax"`` or ``"sigmoid"`` if an operation ends in one, otherwise ``""``.

    Args:
        operation: a layer that has or is an activation, or an operation of ``keras.ops``.

    Example:
        >>> output_activation(keras.layers.Dense(2, activation="softmax"))
        'softmax'
        >>> output_activation(keras.layers.Dense(2))
        ''
    """
    activation = getattr(operation, "activation", None)
    named = getattr(activation, "__name__", type(operation).__name__).lower()
    return named if named in PROBABILITIES else ""
