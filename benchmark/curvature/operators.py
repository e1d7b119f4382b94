"""Curvature at a point as a linear operator: the whole matrix, or the block of one layer."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from keras import ops
from scipy.sparse.linalg import LinearOperator

from benchmark.curvature.recurrence import MOST_NUMBERS, Steps, padded_rows

Array = np.ndarray[Any, np.dtype[np.float64]]
Tensor = Any
NOT_FINITE = "a product must be finite. Received NaN or infinity."


class SymmetricOperator(Protocol):
    """A symmetric matrix, as the functions for spectra see it."""

    @property
    def shape(self) -> tuple[int, int]:
        """(n, n)."""

    def matvec(self, vector: Array) -> Array:
        """H v for v of shape (n,)."""

    def matmat(self, matrix: Array) -> Array:
        """H V for V of shape (n, k)."""


def epsilon_of(operator: SymmetricOperator) -> float:
    """Return machine epsilon of the arithmetic in an operator, by default that of float64.

    Args:
        operator: any operator, such as ``scipy.sparse.linalg.aslinearoperator(matrix)``.
    """
    return float(getattr(operator, "epsilon", np.finfo(np.float64).eps))


def multiply(operator: SymmetricOperator, matrix: Array) -> Array:
    """Return H V in float64, after a check that it is finite.

    Args:
        operator: n × n.
        matrix: V, shape (n, k). If an operator multiplies blocks of a fixed size and k vectors
            would leave most of a block empty, they are multiplied one by one.

    Raises:
        FloatingPointError: a product is not finite.
    """
    columns = matrix.shape[1]
    # A block costs nearly as much as all its vectors one by one.
    if columns == 1 or 2 * columns < getattr(operator, "block_size", 0):
        product = np.stack([operator.matvec(column) for column in matrix.T], axis=1)
    else:
        product = operator.matmat(matrix)
    product = np.asarray(product, np.float64)
    if not np.isfinite(product).all():
        raise FloatingPointError(NOT_FINITE)
    return product


@dataclass(frozen=True, slots=True)
class Derivatives:
    """The compiled functions of a curvature program.

    Args:
        gradient: ``(parameters, *data) -> (loss, gradient)``, the gradient flat.
        product: ``(parameters, vector, *data) -> H v``, both flat.
        products: ``(parameters, rows, *data)`` -> H v for each of ``block_size`` rows v.
        steps: :func:`benchmark.curvature.recurrence.steps_of` the product.
        block_size: how many vectors ``products`` takes.
        dtype: the dtype of all tensors.
    """

    gradient: Callable[..., tuple[Tensor, Tensor]]
    product: Callable[..., Tensor]
    products: Callable[..., Tensor]
    steps: Callable[..., tuple[Tensor, ...]]
    block_size: int
    dtype: str


class CurvatureOperator:
    """A curvature matrix of a mean loss at given weights, over given data, never formed.

    Vectors are flat and in float64: the parameters in their order, each row by row. Products over
    chunks c with n_c of n examples are summed in float64 in a fixed order, so that they are the
    same at every call:

        H v = Σ_c (n_c / n) H_c v

    Args:
        derivatives: the compiled functions.
        parameters: the weights.
        chunks: the data in chunks, each with its share n_c / n; each product reads them once.

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
        chunks: Iterable[tuple[float, list[Tensor]]],
    ) -> None:
        self._derivatives = derivatives
        self._parameters = list(parameters)
        self._chunks = chunks
        self._value_and_gradient: tuple[float, Array] | None = None
        ends = np.cumsum([int(np.prod(parameter.shape)) for parameter in parameters])
        self._size = int(ends[-1])
        self.parameter_slices = tuple(map(slice, [0, *map(int, ends[:-1])], map(int, ends)))
        """Where the entries of each parameter lie in a flat vector."""
        self.products = 0
        """Products so far, each over all data."""

    @property
    def shape(self) -> tuple[int, int]:
        """(n, n) for n parameters."""
        return self._size, self._size

    @property
    def epsilon(self) -> float:
        """Machine epsilon of the arithmetic inside."""
        return float(np.finfo(self._derivatives.dtype).eps)

    @property
    def block_size(self) -> int:
        """How many vectors :meth:`matmat` multiplies at once; fewer cost as much."""
        return self._derivatives.block_size

    def value(self) -> float:
        """Return the mean loss over all data."""
        return self._first_order()[0]

    def gradient(self) -> Array:
        """Return the gradient of the mean loss, shape (n,); it is computed once."""
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

    def lanczos_steps(
        self, basis: Array, steps: int, capacity: int, scale: Array | None = None
    ) -> Steps | None:
        """Take steps of Lanczos' method in one compiled call.

        Args:
            basis: the vectors so far and the next one, as rows.
            steps: how many, ≥ 1; it takes fewer if only rounding is left of a product.
            capacity: the most vectors that the basis will have.
            scale: the diagonal of a matrix D; the steps are then those of D H D.

        Returns:
            Nothing if the data do not pass through the loss at once, or the basis is too large for
            one call.
        """
        rows, chunks = padded_rows(capacity + 1), self._resident_chunks()
        if len(chunks) != 1 or rows * self._size > MOST_NUMBERS:
            return None
        whole, first = np.zeros((rows, self._size)), len(basis) - 1
        whole[: len(basis)] = basis
        scale = np.ones(self._size) if scale is None else scale
        bounds = np.int32(first), np.int32(first + steps)
        ((_, data),) = chunks
        made = self._derivatives.steps(self._parameters, whole, scale, *bounds, *data)
        filled, table, end = (np.asarray(ops.convert_to_numpy(tensor)) for tensor in made)
        taken = slice(first, int(end))
        self.products += taken.stop - first
        shares, (diagonal, lengths, norms) = table[taken, :rows], table[taken, rows:].T
        return Steps(filled[first + 1 : taken.stop + 1], shares, diagonal, lengths, norms)

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

    def _resident_chunks(self) -> list[tuple[float, list[Tensor]]]:
        """All chunks, or none if they are copied to the device at each pass."""
        return getattr(self._chunks, "resident", None) or []

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


class HessianOperator(CurvatureOperator):
    """The Hessian H = ∇²f, from :meth:`benchmark.curvature.HessianProgram.at`."""


class GaussNewtonOperator(CurvatureOperator):
    """The Gauss-Newton matrix, from :meth:`benchmark.curvature.GaussNewtonProgram.at`."""


@dataclass(frozen=True, slots=True)
class BlockOperator:
    """The operator H[s, s] for a symmetric operator H; see :func:`block_operator`."""

    whole: SymmetricOperator
    entries: slice

    @property
    def shape(self) -> tuple[int, int]:
        """(k, k) for k entries of the slice."""
        size = len(range(*self.entries.indices(self.whole.shape[0])))
        return size, size

    @property
    def epsilon(self) -> float:
        """Machine epsilon of the arithmetic inside."""
        return epsilon_of(self.whole)

    @property
    def block_size(self) -> int:
        """How many vectors :meth:`matmat` multiplies at once; 0 if any number will do."""
        return int(getattr(self.whole, "block_size", 0))

    def matvec(self, vector: Array) -> Array:
        """Return H[s, s] v for v of shape (k,)."""
        padded = np.zeros(self.whole.shape[0])
        padded[self.entries] = np.ravel(vector)
        return self.whole.matvec(padded)[self.entries]

    def matmat(self, matrix: Array) -> Array:
        """Return H[s, s] V for V of shape (k, columns)."""
        padded = np.zeros((self.whole.shape[0], matrix.shape[1]))
        padded[self.entries] = matrix
        return self.whole.matmat(padded)[self.entries]


def block_operator(operator: SymmetricOperator, entries: slice) -> BlockOperator:
    """Return a diagonal block of a symmetric operator as an operator of its own.

    Its eigenvalues are those of the loss along these parameters alone. By Cauchy's interlacing
    theorem they lie within the spectrum of the whole matrix, so the largest over all blocks is a
    lower bound of its largest eigenvalue.

    Args:
        operator: n × n.
        entries: a slice of a flat vector, from ``CurvatureOperator.parameter_slices`` or
            :func:`layer_slices`.

    Example:
        >>> from scipy.sparse.linalg import aslinearoperator
        >>> from benchmark.curvature import exact_eigenvalues
        >>> whole = aslinearoperator(np.array([[2.0, 1.0, 9.0], [1.0, 2.0, 9.0], [9.0, 9.0, 0.0]]))
        >>> exact_eigenvalues(block_operator(whole, slice(0, 2))).eigenvalues.round(12).tolist()
        [1.0, 3.0]
    """
    return BlockOperator(operator, entries)


def layer_slices(variables: Sequence[Any]) -> dict[str, slice]:
    """Return where the parameters of each layer lie in a flat vector.

    Args:
        variables: ``model.trainable_variables``, in which those of a layer are adjacent.

    Returns:
        A slice for each layer, by its path in the model.

    Raises:
        ValueError: the variables of a layer are not adjacent.

    Example:
        >>> import keras
        >>> hidden, top = keras.layers.Dense(3, name="hidden"), keras.layers.Dense(1, name="top")
        >>> model = keras.Sequential([keras.Input((2,)), hidden, top])
        >>> {name.split("/")[-1]: entries for name, entries in
        ...  layer_slices(model.trainable_variables).items()}
        {'hidden': slice(0, 9, None), 'top': slice(9, 13, None)}
    """
    slices: dict[str, slice] = {}
    first = 0
    for variable in variables:
        name = variable.path.rpartition("/")[0]
        last = first + int(np.prod(variable.shape))
        begin = slices[name].start if name in slices else first
        if name in slices and slices[name].stop != first:
            raise ValueError(
                "the variables of a layer must stand side by side. "
                f"Received those of {name!r} apart. Pass model.trainable_variables."
            )
        slices[name] = slice(begin, last)
        first = last
    return slices
