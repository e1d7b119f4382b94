"""The Hessian at a point, as a linear operator."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from keras import ops
from scipy.sparse.linalg import LinearOperator

Array = np.ndarray[Any, np.dtype[np.float64]]
Tensor = Any


class SymmetricOperator(Protocol):
    """What :func:`~benchmark.curvature.lanczos` and the exact spectrum need of a matrix."""

    @property
    def shape(self) -> tuple[int, int]:
        """(n, n)."""

    def matvec(self, vector: Array) -> Array:
        """H v for v of shape (n,)."""

    def matmat(self, matrix: Array) -> Array:
        """H V for V of shape (n, k)."""


@dataclass(frozen=True, slots=True)
class Derivatives:
    """The compiled functions of a :class:`benchmark.curvature.HessianProgram`.

    Args:
        gradient: ``(parameters, *data) -> (loss, gradient)``, the gradient flat.
        product: ``(parameters, vector, *data) -> H v``, both flat.
        products: ``(parameters, rows, *data)`` -> H v for each of ``block_size`` rows v.
        block_size: how many vectors ``products`` takes.
        dtype: of all tensors.
    """

    gradient: Callable[..., tuple[Tensor, Tensor]]
    product: Callable[..., Tensor]
    products: Callable[..., Tensor]
    block_size: int
    dtype: str


class HessianOperator:
    """The Hessian of a mean loss at given weights, over given data, never formed.

    Made by :meth:`benchmark.curvature.HessianProgram.at`. Vectors are flat, in the order of the
    parameters, each row by row; they come and go in float64. Over chunks c of n_c among n
    examples, products are summed in float64:

        H v = Σ_c (n_c / n) H_c v

    Example:
        >>> from benchmark.curvature import HessianProgram
        >>> loss = lambda parameters, x, y: ops.mean((ops.matmul(x, parameters[0]) - y) ** 2)
        >>> x, y = np.array([[1.0, 0.0], [0.0, 2.0]]), np.array([1.0, 1.0])
        >>> operator = HessianProgram(loss).at([np.zeros(2)], x, y)
        >>> operator.matmat(np.eye(2)).tolist(), operator.products
        ([[1.0, 0.0], [0.0, 4.0]], 2)
        >>> operator.gradient().tolist()
        [-1.0, -2.0]
    """

    def __init__(
        self,
        derivatives: Derivatives,
        parameters: Sequence[Tensor],
        chunks: Sequence[tuple[float, list[Tensor]]],
    ) -> None:
        self._derivatives = derivatives
        self._parameters = list(parameters)
        self._chunks = chunks
        self._value_and_gradient: tuple[float, Array] | None = None
        self._size = sum(int(np.prod(parameter.shape)) for parameter in parameters)
        self.products = 0
        """How many vectors the Hessian has been multiplied by, over all data each."""

    @property
    def shape(self) -> tuple[int, int]:
        """(n, n) for n parameters."""
        return self._size, self._size

    @property
    def epsilon(self) -> float:
        """Machine epsilon of the arithmetic inside."""
        return float(np.finfo(self._derivatives.dtype).eps)

    def value(self) -> float:
        """Return the mean loss over all data."""
        return self._first_order()[0]

    def gradient(self) -> Array:
        """Return the gradient of the mean loss, shape (n,); computed once."""
        return self._first_order()[1].copy()

    def matvec(self, vector: Array) -> Array:
        """Return H v, shape (n,).

        Raises:
            ValueError: the vector has another length.
        """
        flat = np.ravel(vector)
        self._check(flat.shape[0])
        self.products += 1
        return self._sum_over_chunks(self._derivatives.product, self._tensor(flat))

    def matmat(self, matrix: Array) -> Array:
        """Return H V for the columns of V, shape (n, k), by blocks of vectorised products.

        Raises:
            ValueError: V has another number of rows.
        """
        self._check(matrix.shape[0])
        rows = np.asarray(matrix, np.float64).T
        size = self._derivatives.block_size
        result = np.empty_like(rows)
        for first in range(0, len(rows), size):
            block = rows[first : first + size]
            # The last block is filled with zeros, so that its shape compiles nothing new.
            filled = np.zeros((size, self._size))
            filled[: len(block)] = block
            products = self._sum_over_chunks(self._derivatives.products, self._tensor(filled))
            result[first : first + size] = products[: len(block)]
        self.products += len(rows)
        return result.T

    def to_scipy(self) -> LinearOperator:
        """Return the same operator for ``scipy.sparse.linalg``."""
        return LinearOperator(
            self.shape,
            matvec=self.matvec,
            rmatvec=self.matvec,
            matmat=self.matmat,
            rmatmat=self.matmat,
            dtype=np.float64,
        )

    def _check(self, length: int) -> None:
        if length != self._size:
            raise ValueError(
                f"a vector must have {self._size} entries, one for each parameter. "
                f"Received {length}."
            )

    def _tensor(self, array: Array) -> Tensor:
        return ops.convert_to_tensor(array, dtype=self._derivatives.dtype)

    def _sum_over_chunks(self, product: Any, vectors: Tensor) -> Array:
        total: Array | float = 0.0
        for weight, data in self._chunks:
            part = ops.convert_to_numpy(product(self._parameters, vectors, *data))
            total = total + weight * np.asarray(part, np.float64)
        return np.asarray(total)

    def _first_order(self) -> tuple[float, Array]:
        if self._value_and_gradient is None:
            value, gradient = 0.0, np.zeros(self._size)
            for weight, data in self._chunks:
                part, slope = self._derivatives.gradient(self._parameters, *data)
                value += weight * float(ops.convert_to_numpy(part))
                gradient += weight * np.asarray(ops.convert_to_numpy(slope), np.float64)
            self._value_and_gradient = value, gradient
        return self._value_and_gradient
