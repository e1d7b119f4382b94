"""The variables that an optimizer keeps: numbers, and state of a given beginning."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops
from keras.backend import standardize_dtype

from benchmark.backend import keras_internals
from benchmark.optimizers.tensors import State, Tensor


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
        layout: Keras's distribution layout of the weights, for slots of their shape.
        shape: of the weights; other slots, such as matrices of a side, have no layout.
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


def slot_variables(optimizer: Any, weights: Any, initial: Callable[[Any], State]) -> State:
    """Add the slots of one model variable, named after it."""
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
