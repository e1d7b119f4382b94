"""The full Hessian and its spectrum, for small models and for single layers."""

import time
from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh

from benchmark import backend
from benchmark.curvature.operators import Array, SymmetricOperator
from benchmark.curvature.threads import OneThread

SHARE_OF_FREE_MEMORY = 0.5
"""The default limit of an exact spectrum, which leaves memory for other processes."""
COPIES = 3
"""Copies of the matrix at the peak of a diagnosis: the matrix and two more while it is
preconditioned. Eigenvalues take one copy, and sharp eigenvectors half a copy more."""
COLUMNS = 256
"""Products at once; more bring nothing and cost memory that the plan does not count."""
FLOAT_BYTES = 8
TRIAL_SIZE = 400
"""Size of the matrix whose eigenvalues are timed, which takes some hundredths of a second."""


@dataclass(frozen=True, slots=True)
class ExactPlan:
    """The cost of the full matrix of n parameters, known before anything is computed.

    Args:
        size: n.
        available_bytes: the memory that it may take, or ``None`` if that is unknown.
    """

    size: int
    available_bytes: int | None

    @property
    def products(self) -> int:
        """The number of products, one for each unit vector: n."""
        return self.size

    @property
    def needed_bytes(self) -> int:
        """The peak of memory: the matrix three times in float64, and two blocks of columns."""
        columns = min(COLUMNS, self.size)
        return FLOAT_BYTES * self.size * (COPIES * self.size + 2 * columns)

    @property
    def fits(self) -> bool:
        """Whether the matrix may take that much memory."""
        return self.available_bytes is None or self.needed_bytes <= self.available_bytes

    def seconds(self, block_seconds: float, block_size: int) -> float:
        """Estimate the time on this machine from the time of a block of products.

        The eigenvalues of a small matrix are timed, and their time is multiplied by the cube of
        the ratio of sizes. That is rather too much, because large matrices are more efficient.

        Args:
            block_seconds: the measured time of a block.
            block_size: products in the block, ≥ 1.
        """
        products = -(-self.size // block_size) * block_seconds
        trial = min(self.size, TRIAL_SIZE)
        matrix = np.diag(np.arange(trial, dtype=np.float64)) + 1.0
        begun = time.perf_counter()
        np.linalg.eigvalsh(matrix)
        return products + (time.perf_counter() - begun) * (self.size / trial) ** 3

    @property
    def sentence(self) -> str:
        """The cost, for people.

        Example:
            >>> ExactPlan(5000, 10**9).sentence
            'All 5000 eigenvalues take 5000 products and 0.62 GB of memory; 1 GB may be taken.'
        """
        limit = self.available_bytes
        rest = "" if limit is None else f"; {limit / 1e9:.3g} GB may be taken"
        return (
            f"All {self.size} eigenvalues take {self.products} products and "
            f"{self.needed_bytes / 1e9:.2g} GB of memory{rest}."
        )


def exact_plan(size: int, available_bytes: int | None = None) -> ExactPlan:
    """Return what a full matrix costs and whether it fits.

    Args:
        size: n, the number of parameters.
        available_bytes: the memory that it may take; by default half of the free memory. The
            matrix lies in the memory of the processor, also on a machine with a GPU.

    Example:
        >>> exact_plan(10_000, available_bytes=2**30).fits
        False
    """
    if available_bytes is None:
        free = backend.free_system_memory()
        available_bytes = None if free is None else int(SHARE_OF_FREE_MEMORY * free)
    return ExactPlan(size, available_bytes)


def largest_exact_size(available_bytes: int) -> int:
    """Return the largest number of parameters whose full matrix fits into the memory.

    Args:
        available_bytes: the memory that it may take.

    Example:
        >>> largest_exact_size(2**30)
        6603
    """
    low, high = 0, int(np.sqrt(available_bytes / FLOAT_BYTES)) + 1
    while low + 1 < high:
        middle = (low + high) // 2
        low, high = (middle, high) if ExactPlan(middle, available_bytes).fits else (low, middle)
    return low


@dataclass(frozen=True, slots=True, eq=False)
class ExactSpectrum:
    """All eigenvalues of a symmetric operator.

    Args:
        hessian: the symmetrised matrix ½ (H + Hᵀ), float64, shape (n, n).
        eigenvalues: ascending, float64, shape (n,).
        asymmetry: ½ ‖H − Hᵀ‖ (Frobenius norm) before symmetrising. By Weyl's inequality it moves
            no eigenvalue by more than that, so it tells how far products can be trusted.
    """

    hessian: Array
    eigenvalues: Array
    asymmetry: float


def exact_hessian(
    operator: SymmetricOperator, available_bytes: int | None = None
) -> tuple[Array, float]:
    """Form the matrix of a symmetric operator by vectorised products with the unit vectors.

    Args:
        operator: n × n; the matrix costs n products.
        available_bytes: as in :func:`exact_plan`, which tells the cost beforehand.

    Returns:
        The symmetrised matrix, and the ``asymmetry`` of :class:`ExactSpectrum`.

    Raises:
        MemoryError: the matrix does not fit; nothing was computed.
    """
    size = operator.shape[0]
    plan = exact_plan(size, available_bytes)
    if not plan.fits:
        raise MemoryError(
            f"the full matrix must fit into memory. {plan.sentence} Take lanczos or "
            "extreme_eigenvalues, or the blocks of single layers by block_operator."
        )
    matrix = np.empty((size, size))
    for first in range(0, size, COLUMNS):
        last = min(first + COLUMNS, size)
        units = np.zeros((size, last - first))
        units[np.arange(first, last), np.arange(last - first)] = 1.0
        # Products come as columns. Rows are contiguous, and the matrix is symmetric.
        matrix[first:last] = operator.matmat(units).T
    return matrix, symmetrise(matrix)


def symmetrise(matrix: Array) -> float:
    """Replace H by ½ (H + Hᵀ) in place, and return ½ ‖H − Hᵀ‖.

    Args:
        matrix: H, shape (n, n).
    """
    size, square = len(matrix), 0.0
    for first in range(0, size, COLUMNS):
        rows = slice(first, first + COLUMNS)
        for second in range(0, first + 1, COLUMNS):
            columns = slice(second, second + COLUMNS)
            upper, lower = matrix[rows, columns], matrix[columns, rows].T
            difference = float(np.sum(np.square(upper - lower)))
            square += difference if first == second else 2 * difference
            mean = (upper + lower) / 2
            matrix[rows, columns] = mean
            matrix[columns, rows] = mean.T
    return float(np.sqrt(square)) / 2


@OneThread()
def exact_eigenvalues(
    operator: SymmetricOperator, available_bytes: int | None = None
) -> ExactSpectrum:
    """Compute all eigenvalues of a symmetric operator, in float64.

    Args:
        operator: n × n; the eigenvalues cost about 4/3 n³ operations.
        available_bytes: as in :func:`exact_plan`, which tells the cost beforehand.

    Raises:
        MemoryError: the matrix does not fit; nothing was computed.
        FloatingPointError: the Hessian has entries that are not finite.

    Example:
        >>> from scipy.sparse.linalg import aslinearoperator
        >>> spectrum = exact_eigenvalues(aslinearoperator(np.array([[2.0, 1.0], [1.0, 2.0]])))
        >>> spectrum.eigenvalues.round(12).tolist(), spectrum.asymmetry
        ([1.0, 3.0], 0.0)
    """
    hessian, asymmetry = exact_hessian(operator, available_bytes)
    if not np.isfinite(hessian).all():
        raise FloatingPointError("the Hessian must be finite. Received NaN or infinite entries.")
    eigenvalues = np.asarray(np.linalg.eigvalsh(hessian), np.float64)
    return ExactSpectrum(hessian, eigenvalues, asymmetry)


@OneThread()
def top_eigenpairs(matrix: Array, count: int) -> tuple[Array, Array]:
    """Return the largest eigenvalues of a symmetric matrix with their eigenvectors.

    All eigenvectors would take three times the memory of the matrix. These few take little,
    because the matrix is overwritten.

    Args:
        matrix: shape (n, n); its content is lost.
        count: the number of eigenvalues, from 1 to n.

    Returns:
        The eigenvalues, ascending, and orthonormal eigenvectors as columns.

    Example:
        >>> values, vectors = top_eigenpairs(np.diag([1.0, 5.0, 2.0]), 2)
        >>> values.round(12).tolist(), np.abs(vectors[:, 1]).round(12).tolist()
        ([2.0, 5.0], [0.0, 1.0, 0.0])
    """
    size = len(matrix)
    ends = (size - count, size - 1)
    # The transpose is the same matrix, in the memory order that LAPACK can overwrite.
    values, vectors = eigh(matrix.T, subset_by_index=ends, overwrite_a=True, check_finite=False)
    return np.asarray(values, np.float64), np.asarray(vectors, np.float64)
