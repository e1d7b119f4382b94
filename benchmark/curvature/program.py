"""Compiled derivatives of a loss, made once and used at many weights."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from benchmark import backend
from benchmark.curvature.operators import Derivatives, HessianOperator

Tensor = Any


class HessianProgram:
    """The gradient and Hessian products of a loss, compiled once for all weights and data.

    The engine keeps one program for each structure of model and data; :meth:`at` binds it to
    weights and data without compiling again, as long as shapes are the same.

    Args:
        loss: ``f(parameters, x, y)`` or ``f(parameters, x, y, state)``, the mean over the
            examples of x and y; see :func:`benchmark.curvature.model_loss`.
        chunk_size: examples that pass through the loss at once, ≥ 1. Memory grows with
            ``chunk_size × block_size``. Data that are no multiple compile a second time.
        block_size: vectors multiplied at once by :meth:`HessianOperator.matmat`, ≥ 1; of
            16, 32 … 256 the default was fastest on both frameworks for all 985 parameters of
            a digits network on two CPU cores (0.4 to 0.7 s).
        dtype: the arithmetic, ``"float64"`` or ``"float32"``; the loss must keep it.

    Raises:
        ValueError: a size is below 1, or the dtype is another.
        TypeError: at the first use, the loss returns another dtype.

    Example:
        >>> program = HessianProgram(lambda parameters, x, y: ops.sum(parameters[0] ** 4))
        >>> for point in (1.0, 2.0):
        ...     operator = program.at([np.array([point])], np.zeros((1, 1)), np.zeros(1))
        ...     print(operator.matvec(np.array([1.0])), program.compilations)
        [12.] 1
        [48.] 1
    """

    def __init__(
        self,
        loss: Callable[..., Tensor],
        *,
        chunk_size: int = 2048,
        block_size: int = 32,
        dtype: str = "float64",
    ) -> None:
        for key, value in (("chunk_size", chunk_size), ("block_size", block_size)):
            if value < 1:
                raise ValueError(f"{key} must be ≥ 1. Received {value} in HessianProgram.")
        if dtype not in ("float32", "float64"):
            raise ValueError(f"dtype must be float32 or float64. Received {dtype!r}.")
        self.chunk_size = chunk_size
        self.dtype = dtype

        def checked(parameters: Any, *data: Any) -> Tensor:
            value = loss(parameters, *data)
            _require_dtype(value, dtype)
            return value

        product = backend.hessian_vector_product(checked)

        def flat_gradient(parameters: Any, *data: Any) -> tuple[Tensor, Tensor]:
            value, gradients = backend.value_and_grad(checked)(parameters, *data)
            return value, _join(gradients)

        def flat_product(parameters: Any, vector: Any, *data: Any) -> Tensor:
            return _join(product(parameters, _split(vector, parameters), *data))

        def flat_products(parameters: Any, vectors: Any, *data: Any) -> Tensor:
            axes = (None, 0, *(None for _ in data))
            # Convolutions with several filters at once are no batched operation on TensorFlow.
            return backend.vectorize(flat_product, axes, loops=True)(parameters, vectors, *data)

        gradient, one, many = map(backend.compile, (flat_gradient, flat_product, flat_products))
        self._compiled = (gradient, one, many)
        self._derivatives = Derivatives(gradient, one, many, block_size, dtype)

    @property
    def compilations(self) -> int:
        """How often anything has been compiled so far."""
        return sum(function.compilations for function in self._compiled)

    def at(
        self, parameters: Sequence[Any], x: Any, y: Any, state: Sequence[Any] | None = None
    ) -> HessianOperator:
        """Bind the program to weights and data.

        Args:
            parameters: arrays, tensors or variables, such as ``model.trainable_variables``.
            x: the examples, shape (examples, …).
            y: their targets, shape (examples, …).
            state: what the loss takes as its fourth argument, or ``None`` if it takes three.

        Raises:
            ValueError: there are no examples, or x and y differ in number.
        """
        if len(x) == 0 or len(x) != len(y):
            raise ValueError(
                "x and y must have the same number of examples, at least one. "
                f"Received {len(x)} and {len(y)} in HessianProgram.at."
            )
        bound = [self._tensor(parameter) for parameter in parameters]
        rest = [] if state is None else [[self._tensor(entry) for entry in state]]
        chunks = []
        for first in range(0, len(x), self.chunk_size):
            rows = slice(first, first + self.chunk_size)
            weight = len(x[rows]) / len(x)
            chunks.append((weight, [self._tensor(x[rows]), self._tensor(y[rows]), *rest]))
        return HessianOperator(self._derivatives, bound, chunks)

    def _tensor(self, value: Any) -> Tensor:
        """Copy a value to the device, floating-point numbers in the program's arithmetic."""
        is_variable = isinstance(value, keras.Variable)
        # Through NumPy, since Keras takes a list of Python floats for float32.
        given = value if is_variable or ops.is_tensor(value) else np.asarray(value)
        tensor = ops.convert_to_tensor(given)
        is_float = keras.backend.is_float_dtype(keras.backend.standardize_dtype(tensor.dtype))
        return ops.cast(tensor, self.dtype) if is_float else tensor


def _require_dtype(value: Tensor, dtype: str) -> None:
    found = keras.backend.standardize_dtype(value.dtype)
    if found != dtype:
        # Silently, a tolerance for zero would be a billion times too small.
        raise TypeError(
            f"the loss must keep the arithmetic of its program, {dtype}. Received {found}. "
            "Give benchmark.curvature.model_loss and HessianProgram the same dtype."
        )


def _split(vector: Tensor, parameters: Sequence[Tensor]) -> list[Tensor]:
    """Cut a flat vector into the shapes of the parameters."""
    parts, first = [], 0
    for parameter in parameters:
        size = int(np.prod(parameter.shape))
        parts.append(ops.reshape(vector[first : first + size], parameter.shape))
        first += size
    return parts


def _join(parts: Sequence[Tensor]) -> Tensor:
    return ops.concatenate([ops.reshape(part, (-1,)) for part in parts])
