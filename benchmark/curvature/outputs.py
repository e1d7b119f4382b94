"""What makes a model's outputs."""

from typing import Any

import keras

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
    operation = outputs[0]._keras_history.operation
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
    return hasattr(outputs, "_keras_logits") or str(kind).lower() in PROBABILITIES
