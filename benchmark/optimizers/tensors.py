"""Tensors and the variables that an optimizer makes of them: numbers, and its state."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import keras
from keras import ops
from keras.backend import standardize_dtype

from benchmark.backend import keras_internals

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


def zeros(names: Iterable[str], weights: Tensor) -> State:
    """Return a tensor of zeros for each name, in the shape of the weights."""
    return {name: ops.zeros(weights.shape, dtype=precision(weights)) for name in names}


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


def number_dtype() -> str:
    """Return the type of what belongs to no single variable: that of Keras, at least float32."""
    return "float64" if keras.config.floatx() == "float64" else "float32"


def number_variable(optimizer: Any, name: str, value: float) -> Any:
    """Add a scalar variable for one hyperparameter, in float64 where Keras computes so.

    Never in 16 bits: bfloat16 cannot tell β₂ = 0.999 from 1.
    """
    return optimizer.add_variable(
        shape=(),
        # Not keras.initializers.Constant: on TensorFlow that rounds to float32 on the way.
        initializer=_constant(value),
        dtype=number_dtype(),
        aggregation="only_first_replica",
        name=name,
    )


def state_variables(
    optimizer: Any,
    initial: Callable[[], State],
    prefix: str = "",
    layout: Any = None,
    shape: tuple[int, ...] = (),
) -> State:
    """Add a variable for each tensor that ``initial`` returns, with that shape and type.

    Args:
        optimizer: where the variables belong.
        initial: the state before the first step, by name.
        prefix: of the variables' names.
        layout: Keras's distribution layout of the weights, for state variables of their shape.
        shape: of the weights; state of another shape, such as matrices of a side, has no layout.
    """
    return {
        name: optimizer.add_variable(
            shape=tuple(value.shape),
            initializer=_initializer(initial, name),
            dtype=standardize_dtype(value.dtype),
            layout=layout if value.shape and tuple(value.shape) == shape else None,
            name=prefix + name,
        )
        for name, value in initial().items()
    }


def weight_state_variables(optimizer: Any, weights: Any, initial: Callable[[Any], State]) -> State:
    """Add the state variables of one model variable, named after it."""
    path = str(getattr(weights, "path", weights.name))
    return state_variables(
        optimizer,
        lambda: initial(weights),
        prefix=path.replace("/", "_").replace(":", "_") + "_",
        layout=keras_internals.layout(weights),
        shape=tuple(weights.shape),
    )


def _constant(value: float) -> Callable[..., Tensor]:
    def initialize(shape: tuple[int, ...], dtype: str | None = None) -> Tensor:
        return ops.reshape(ops.convert_to_tensor(value, dtype=dtype), shape)

    return initialize


def _initializer(initial: Callable[[], State], name: str) -> Callable[..., Tensor]:
    def initialize(shape: tuple[int, ...], dtype: str | None = None) -> Tensor:
        # Computed here once more: Keras may build while a graph is traced, and lifts
        # only what the initializer itself makes out of that graph.
        return ops.reshape(ops.cast(initial()[name], dtype), shape)

    return initialize
