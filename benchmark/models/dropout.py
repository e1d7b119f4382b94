"""Dropout by a hash, which draws the same numbers on every backend, compiled or not."""

import math
from typing import Any

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable(package="benchmark")
class HashedDropout(keras.layers.Dropout):
    """``keras.layers.Dropout`` whose draws are a hash of seed, draw and place.

    Keras's layer draws other numbers on TensorFlow with XLA than without, and there its
    draws are no batched operation. Here which units are dropped depends on the state of the
    layer's seed generator and the place in the batch alone: it is the same on every
    backend, compiled or not, and a smaller batch has the first rows of a larger one.

    References:
        Srivastava et al., Dropout, 2014; the hash is pcg3d of Jarzynski and Olano, Hash
        Functions for GPU Rendering, Journal of Computer Graphics Techniques, 2020.
    """

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Drop units in training, and scale the others so that the mean stays.

        Args:
            inputs: of shape (n, …).
            training: whether to drop.
        """
        if not training or self.rate == 0:
            return inputs
        state = self.seed_generator.next()
        width = math.prod(inputs.shape[1:])
        rows = ops.reshape(_uint32(ops.arange(ops.shape(inputs)[0], dtype="int32")), (-1, 1))
        columns = ops.convert_to_tensor(np.arange(width, dtype=np.uint32).reshape(1, -1))
        places = rows * _constant(width) + columns
        drawn = _hash(_uint32(state[0]), _uint32(state[1]), places)
        keep = ops.reshape(drawn >= _constant(round(self.rate * 2**32)), ops.shape(inputs))
        # A product: compilers make one of a quotient, which rounds otherwise.
        scale = ops.cast(1 / (1 - self.rate), inputs.dtype)
        return ops.where(keep, inputs * scale, ops.zeros_like(inputs))


def _hash(x: Any, y: Any, z: Any) -> Any:
    """The first number of pcg3d, in uint32 arithmetic, which wraps around."""
    factor, increment = _constant(1664525), _constant(1013904223)
    x, y, z = (value * factor + increment for value in (x, y, z))
    x, y, z = _mix(x, y, z)
    shift = _constant(16)
    x, y, z = (ops.bitwise_xor(value, ops.right_shift(value, shift)) for value in (x, y, z))
    return _mix(x, y, z)[0]


def _mix(x: Any, y: Any, z: Any) -> tuple[Any, Any, Any]:
    x = x + y * z
    y = y + z * x
    return x, y, z + x * y


def _uint32(value: Any) -> Any:
    return ops.cast(value, "uint32")


def _constant(value: int) -> Any:
    return ops.convert_to_tensor(np.uint32(value))
