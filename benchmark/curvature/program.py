"""Compiled products with the Hessian and the Gauss-Newton matrix of a loss over a dataset."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Generic, TypeVar

import keras
import numpy as np
from keras import ops

from benchmark import backend
from benchmark.curvature.losses import ComposedLoss, stands_for_logits
from benchmark.curvature.operators import (
    Array,
    CurvatureOperator,
    Derivatives,
    GaussNewtonOperator,
    HessianOperator,
)
from benchmark.curvature.recurrence import steps_of

Tensor = Any
RESIDENT_BYTES = 2**28
"""Data up to this size stay on the device; larger data are copied there chunk by chunk."""
NEEDS_LOGITS = (
    "the Gauss-Newton matrix of a cross-entropy must be taken at the logits. Received a model "
    "whose outputs come out of softmax or sigmoid. Make a model without that activation, and a "
    "loss with from_logits=True."
)


class Chunks:
    """Examples and targets, cut into chunks that are copied to the device.

    Args:
        x: the examples, shape (examples, …); any array, also a memory map.
        y: their targets, shape (examples, …).
        rest: tensors that follow x and y in each chunk.
        size: examples of a chunk, ≥ 1; the last chunk may have fewer.
        to_tensor: copies an array to the device.
        item_bytes: the size of a number there.
        resident_bytes: up to this size, all chunks stay on the device between passes.

    Example:
        >>> chunks = Chunks(np.arange(5.0), np.zeros(5), [], 2, np.asarray)
        >>> [(weight, x.tolist()) for weight, (x, y) in chunks]
        [(0.4, [0.0, 1.0]), (0.4, [2.0, 3.0]), (0.2, [4.0])]
    """

    def __init__(
        self,
        x: Any,
        y: Any,
        rest: Sequence[Any],
        size: int,
        to_tensor: Callable[[Any], Tensor],
        item_bytes: int = 8,
        resident_bytes: int = RESIDENT_BYTES,
    ) -> None:
        self._data, self._rest, self._size = (x, y), list(rest), size
        self._to_tensor = to_tensor
        numbers = sum(int(np.prod(np.shape(part))) for part in self._data)
        self.resident: list[tuple[float, list[Tensor]]] | None = None
        """All chunks, if they stay on the device."""
        if numbers * item_bytes <= resident_bytes:
            self.resident = list(self._made())

    def __iter__(self) -> Iterator[tuple[float, list[Tensor]]]:
        """Yield each chunk: its share of the examples, and x, y and the rest as tensors."""
        return iter(self.resident) if self.resident is not None else self._made()

    def _made(self) -> Iterator[tuple[float, list[Tensor]]]:
        count = len(self._data[0])
        for first in range(0, count, self._size):
            last = min(first + self._size, count)
            parts = [self._to_tensor(part[first:last]) for part in self._data]
            yield (last - first) / count, [*parts, *self._rest]


Operator = TypeVar("Operator", bound=CurvatureOperator)


class CurvatureProgram(Generic[Operator]):
    """Compiled products with a curvature matrix: the base of the two classes below.

    Args:
        loss: ``f(parameters, x, y)`` or ``f(parameters, x, y, state)``.
        product: ``(parameters, vectors, *data) -> products`` for single vectors.
        operator: the class of the operator that :meth:`at` returns.
        chunk_size: examples that pass through the loss at once, ≥ 1.
        block_size: vectors multiplied at once, ≥ 1.
        dtype: the arithmetic.
    """

    def __init__(
        self,
        loss: Callable[..., Tensor],
        product: Callable[..., Sequence[Tensor]],
        operator: Callable[..., Operator],
        *,
        chunk_size: int,
        block_size: int,
        dtype: str,
    ) -> None:
        name = type(self).__name__
        for key, value in (("chunk_size", chunk_size), ("block_size", block_size)):
            if value < 1:
                raise ValueError(f"{key} must be ≥ 1. Received {value} in {name}.")
        if dtype not in ("float32", "float64"):
            raise ValueError(f"dtype must be float32 or float64. Received {dtype!r}.")
        self.chunk_size = chunk_size
        self.dtype = dtype
        self._operator = operator

        def flat_gradient(parameters: Any, *data: Any) -> tuple[Tensor, Tensor]:
            value, gradients = backend.value_and_grad(loss)(parameters, *data)
            return value, join(gradients)

        def flat_product(parameters: Any, vector: Any, *data: Any) -> Tensor:
            return join(product(parameters, split(vector, parameters), *data))

        def flat_products(parameters: Any, vectors: Any, *data: Any) -> Tensor:
            axes = (None, 0, *(None for _ in data))
            # TensorFlow has no batched convolution with a different filter for each example.
            return backend.vectorize(flat_product, axes, loops=True)(parameters, vectors, *data)

        def flat_gradients(parameters: Any, x: Any, y: Any, *rest: Any) -> Tensor:
            def body(batch: Tensor, now: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
                gradient = flat_gradient(parameters, x[batch], y[batch], *rest)[1]
                return (ops.slice_update(now[0], ops.stack([batch, 0]), gradient[None]),)

            size = sum(int(np.prod(parameter.shape)) for parameter in parameters)
            empty = ops.zeros((x.shape[0], size), dtype)
            return backend.repeat(body, (empty,), int(x.shape[0]))[0]

        gradient, self._gradients = backend.compile(flat_gradient), backend.compile(flat_gradients)
        single, block = backend.compile(flat_product), backend.compile(flat_products)
        steps = backend.compile(steps_of(flat_product, dtype))
        self._compiled = gradient, self._gradients, single, block, steps
        self._derivatives = Derivatives(gradient, single, block, steps, block_size, dtype)

    @property
    def compilations(self) -> int:
        """How often anything has been compiled so far."""
        return sum(function.compilations for function in self._compiled)

    def at(
        self, parameters: Sequence[Any], x: Any, y: Any, state: Sequence[Any] | None = None
    ) -> Operator:
        """Bind the program to weights and data.

        Args:
            parameters: arrays, tensors or variables, such as ``model.trainable_variables``.
            x: the examples, shape (examples, …).
            y: their targets, shape (examples, …).
            state: the fourth argument of the loss, or ``None`` if it takes three.

        Raises:
            ValueError: there are no examples, or x and y differ in number.
        """
        if len(x) == 0 or len(x) != len(y):
            raise ValueError(
                "x and y must have the same number of examples, at least one. "
                f"Received {len(x)} and {len(y)} in {type(self).__name__}.at."
            )
        bound, rest = self._bound(parameters, state)
        item_bytes = np.dtype(self.dtype).itemsize
        chunks = Chunks(x, y, rest, self.chunk_size, self._tensor, item_bytes, RESIDENT_BYTES)
        return self._operator(self._derivatives, bound, chunks)

    def batch_gradients(
        self, parameters: Sequence[Any], x: Any, y: Any, state: Sequence[Any] | None = None
    ) -> Array:
        """Return the gradients of the mean losses of several batches, in one compiled call.

        Args:
            parameters: as in :meth:`at`.
            x: the examples, shape (batches, examples, …); those of a batch pass at once.
            y: their targets, shape (batches, examples, …).
            state: as in :meth:`at`.

        Returns:
            In float64, shape (batches, n).
        """
        bound, rest = self._bound(parameters, state)
        gradients = self._gradients(bound, self._tensor(x), self._tensor(y), *rest)
        return np.asarray(ops.convert_to_numpy(gradients), np.float64)

    def _bound(
        self, parameters: Sequence[Any], state: Sequence[Any] | None
    ) -> tuple[list[Tensor], list[list[Tensor]]]:
        """The weights and the further arguments of the loss as tensors."""
        bound = [self._tensor(parameter) for parameter in parameters]
        return bound, [] if state is None else [[self._tensor(entry) for entry in state]]

    def _tensor(self, value: Any) -> Tensor:
        return in_arithmetic(value, self.dtype)


class HessianProgram(CurvatureProgram[HessianOperator]):
    """The gradient and Hessian products of a loss, compiled once for all weights and data.

    The engine keeps one program for each structure of model and data. :meth:`at` binds it to
    weights and data and compiles nothing as long as the shapes stay the same.

    Args:
        loss: ``f(parameters, x, y)`` or ``f(parameters, x, y, state)``, the mean over the
            examples of x and y; see :func:`benchmark.curvature.model_loss`.
        chunk_size: examples that pass through the loss at once, ≥ 1. Memory grows with
            ``chunk_size × block_size``. If the size of the data is no multiple of it, the last
            chunk compiles a second program.
        block_size: vectors multiplied at once by :meth:`CurvatureOperator.matmat`, ≥ 1. The
            activations of a block should fit into a processor's cache: for the 5,035
            parameters of a digits network over 1,078 examples, float64 on two CPU cores, JAX
            took 3.3 s with 16 and 6.1 s with 32, TensorFlow 4.8 and 4.5 s.
        dtype: the arithmetic, ``"float64"`` or ``"float32"``; the loss must keep it.

    Raises:
        ValueError: a size is below 1, or the dtype is neither of the two.
        TypeError: at the first use, the loss returns another dtype.

    Example:
        >>> import numpy as np
        >>> from keras import ops
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
        block_size: int = 16,
        dtype: str = "float64",
    ) -> None:
        checked = keep_dtype(loss, dtype)
        super().__init__(
            checked,
            backend.hessian_vector_product(checked),
            HessianOperator,
            chunk_size=chunk_size,
            block_size=block_size,
            dtype=dtype,
        )


class GaussNewtonProgram(CurvatureProgram[GaussNewtonOperator]):
    """Products with the generalised Gauss-Newton matrix of a loss.

    With outputs z_i = z(θ, x_i) of example i, their Jacobian J_i = ∂z_i/∂θ and the loss ℓ:

        G = (1/n) Σ_i J_iᵀ (∂²ℓ/∂z_i²) J_i + ∇²R

    This is the Hessian without the term from the curvature of the outputs. R is the sum of the
    losses that the model adds itself; their Hessian stays. G is positive semidefinite if ℓ is
    convex in z and R in θ. For the cross-entropy of a softmax (and for half the squared error) it
    is the Fisher information matrix, the covariance of the gradients of log p(y | x) if y follows
    the p of the model.

    Args:
        loss: from :func:`benchmark.curvature.model_loss`, or any other ``ComposedLoss``.
        chunk_size: as of :class:`HessianProgram`.
        block_size: as of :class:`HessianProgram`.
        dtype: as of :class:`HessianProgram`.

    Raises:
        ValueError: a size is below 1, the dtype is neither of the two, or the model ends in
            probabilities; a subclassed model shows this only at the first use.
        TypeError: at the first use, the loss returns another dtype.

    Example:
        >>> import numpy as np
        >>> from keras import ops
        >>> from benchmark.curvature import ComposedLoss, HessianProgram
        >>> loss = ComposedLoss(
        ...     lambda parameters, x: (x * parameters[0] ** 2, 0.0),
        ...     lambda z, y: ops.mean(ops.square(z - y)) / 2,
        ... )
        >>> at = [np.array([3.0])], np.array([1.0]), np.array([0.0])
        >>> GaussNewtonProgram(loss).at(*at).matvec(np.array([1.0]))  # (2θ)²
        array([36.])
        >>> HessianProgram(loss).at(*at).matvec(np.array([1.0]))  # 6θ²
        array([54.])

    References:
        Martens, New insights and perspectives on the natural gradient method, 2020, §8, §9.2.
    """

    def __init__(
        self,
        loss: ComposedLoss,
        *,
        chunk_size: int = 2048,
        block_size: int = 16,
        dtype: str = "float64",
    ) -> None:
        if loss.of_probabilities:
            # Keras's loss does not depend on such outputs: it uses the logits behind them.
            raise ValueError(NEEDS_LOGITS)
        checked = keep_dtype(loss, dtype)

        def outputs(parameters: Any, *data: Any) -> Tensor:
            model_outputs = loss.forward(parameters, data[0], *data[2:])[0]
            if loss.of_probabilities is None and stands_for_logits(model_outputs):
                raise ValueError(NEEDS_LOGITS)
            return model_outputs

        def of_outputs(z: Any, *data: Any) -> Tensor:
            return loss.of_outputs(z, data[1])

        def penalty(parameters: Any, *data: Any) -> Tensor:
            return loss.forward(parameters, data[0], *data[2:])[1]

        loss_product = backend.gauss_newton_vector_product(outputs, of_outputs)
        penalty_product = backend.hessian_vector_product(penalty)

        def product(parameters: Any, vectors: Any, *data: Any) -> list[Tensor]:
            of_loss = loss_product(parameters, vectors, *data)
            of_penalty = penalty_product(parameters, vectors, *data)
            return [first + second for first, second in zip(of_loss, of_penalty, strict=True)]

        super().__init__(
            checked,
            product,
            GaussNewtonOperator,
            chunk_size=chunk_size,
            block_size=block_size,
            dtype=dtype,
        )


def in_arithmetic(value: Any, dtype: str) -> Tensor:
    """Copy a value to the device; convert floating-point numbers to the given arithmetic.

    Args:
        value: an array, a tensor or a variable.
        dtype: of floating-point numbers; others keep theirs.
    """
    is_variable = isinstance(value, keras.Variable)
    # Go through NumPy, since Keras makes float32 of a list of Python floats.
    given = value if is_variable or ops.is_tensor(value) else np.asarray(value)
    tensor = ops.convert_to_tensor(given)
    is_float = keras.backend.is_float_dtype(keras.backend.standardize_dtype(tensor.dtype))
    return ops.cast(tensor, dtype) if is_float else tensor


def keep_dtype(loss: Callable[..., Tensor], dtype: str) -> Callable[..., Tensor]:
    """Return a loss that raises an error if its result has another dtype.

    Args:
        loss: any function.
        dtype: the dtype that it must keep.

    Raises:
        TypeError: at a call, if the loss returns another dtype.
    """

    def checked(*arguments: Any) -> Tensor:
        value = loss(*arguments)
        _require_dtype(value, dtype)
        return value

    return checked


def _require_dtype(value: Tensor, dtype: str) -> None:
    received = keras.backend.standardize_dtype(value.dtype)
    if received != dtype:
        # Without this error, a tolerance for zero would be a billion times too small.
        raise TypeError(
            f"the loss must keep the arithmetic of its program, {dtype}. Received {received}. "
            "Give benchmark.curvature.model_loss and HessianProgram the same dtype."
        )


def split(vector: Tensor, parameters: Sequence[Tensor]) -> list[Tensor]:
    """Cut a flat vector into arrays with the shapes of the parameters."""
    parts, first = [], 0
    for parameter in parameters:
        size = int(np.prod(parameter.shape))
        parts.append(ops.reshape(vector[first : first + size], parameter.shape))
        first += size
    return parts


def join(parts: Sequence[Tensor]) -> Tensor:
    """Put the entries of all tensors into one flat vector."""
    return ops.concatenate([ops.reshape(part, (-1,)) for part in parts])
