"""Small conversions between Keras variables, tensors and plain numbers."""

from collections.abc import Mapping
from typing import Any

from keras import ops
from keras.backend import standardize_dtype

Tensor = Any
"""A tensor of the backend in use: ``tf.Tensor`` or ``jax.Array``."""
State = dict[str, Tensor]
"""Tensors by name."""


def precision(weights: Tensor) -> str:
    """Return the type in which steps on ``weights`` are computed: float64 or float32.

    A weight of 16 bits still gets float32: in bfloat16 β₂ = 0.999 rounds to 1, and a
    running mean that grows by a thousandth of each square would not grow at all.
    """
    return "float64" if standardize_dtype(weights.dtype) == "float64" else "float32"


def plain_number(value: Tensor) -> float:
    """Return a scalar as the shortest Python float that rounds to it.

    Example:
        >>> from keras import ops
        >>> plain_number(ops.convert_to_tensor(0.9, dtype="float32"))
        0.9
    """
    # The tensor, not the variable: NumPy 2 warns of how Keras converts its variables.
    return float(str(ops.convert_to_numpy(getattr(value, "value", value))[()]))


def dense(gradient: Tensor) -> Tensor:
    """Return a gradient as a plain tensor; TensorFlow gives slices for embeddings."""
    if not hasattr(gradient, "dense_shape"):
        return gradient
    rows = ops.expand_dims(gradient.indices, -1)
    return ops.scatter(rows, gradient.values, tuple(gradient.shape))


def assign_all(variables: Mapping[str, Any], values: Mapping[str, Tensor]) -> None:
    """Assign each value to the variable of its name, in that variable's type."""
    for name, value in values.items():
        variables[name].assign(ops.cast(value, variables[name].dtype))
