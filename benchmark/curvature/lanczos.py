"""Lanczos' method: the one recurrence behind eigenvalues, densities and alignments."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh_tridiagonal

from benchmark.curvature.operators import NOT_FINITE, Array, SymmetricOperator, multiply
from benchmark.curvature.recurrence import NOISE, Steps
from benchmark.curvature.threads import OneThread

Indices = np.ndarray[tuple[int], np.dtype[np.intp]]
ENTRIES_AT_ONCE = 2**16
"""Entries of each basis vector that a restart combines at once, to save memory."""


class LanczosBasis:
    """A basis Q of a growing Krylov space: H Q = Q T + Q₊ C with orthonormal [Q, Q₊].

    A step moves the block Q₊ into Q. The next block is the part of its products that lies outside
    Q. Up to rounding T is block tridiagonal, with single vectors tridiagonal; a restart replaces
    its leading part by a diagonal one.

    Each product is orthogonalised twice against all vectors of Q. Otherwise rounding lets
    converged eigenvalues appear again as ghosts, and every count would be wrong. If only rounding
    is left of a product, the vectors span an invariant subspace, and their Ritz values are
    eigenvalues. The basis then continues with a random vector orthogonal to all others, which finds
    further copies of multiple eigenvalues. Without a generator it ends there.

    Vectors are stored as rows, which are contiguous in memory.

    Args:
        start: vectors to begin with as rows, shape (block, n).
        capacity: the most vectors that Q may have, ≤ n.
        generator: draws the random vectors; without it the basis ends instead.

    Attributes:
        dimension: vectors in Q.
        products: products taken so far.
        restarts: restarts so far.
        projection: T, shape (capacity, capacity); zero beyond ``dimension``.
        coupling: C, shape (vectors in Q₊, ``dimension``).

    Example:
        >>> from scipy.sparse.linalg import aslinearoperator
        >>> basis = LanczosBasis(np.array([[1.0, 1.0]]), capacity=2)
        >>> while not basis.is_complete:
        ...     extend([basis], aslinearoperator(np.diag([1.0, 3.0])))
        >>> basis.projection.round(12).tolist()
        [[2.0, 1.0], [1.0, 2.0]]

    References:
        Parlett, The Symmetric Eigenvalue Problem, 1998, ch. 13 (method and residuals), §6.9
        ("twice is enough"), §13.10 (blocks); Wu and Simon, Thick-restart Lanczos method for large
        symmetric eigenvalue problems, 2000.
    """

    def __init__(
        self, start: Array, capacity: int, generator: np.random.Generator | None = None
    ) -> None:
        block, self._size = start.shape
        self._generator = generator
        self._rows = np.empty((min(capacity + block, self._size), self._size))
        self.dimension = self.products = self.restarts = 0
        self.projection = np.zeros((capacity, capacity))
        scale = np.linalg.norm(start, axis=1).max(initial=0.0)
        self._next, _ = self._independent(start, scale)
        self.coupling = np.zeros((self._next, 0))
        self._triangles: list[Array] = []

    @property
    def is_complete(self) -> bool:
        """Whether there is no next block, because Q is invariant."""
        return self._next == 0

    @property
    def is_full(self) -> bool:
        """Whether Q has no room for the next block."""
        return self.dimension + self._next > len(self.projection)

    @property
    def next_block(self) -> Array:
        """Q₊ as rows; its products come next."""
        return self._rows[self.dimension : self.dimension + self._next]

    @property
    def vectors_and_next(self) -> Array:
        """Q and Q₊ as rows."""
        return self._rows[: self.dimension + self._next]

    def take(self, products: Array) -> None:
        """Move the next block into Q, and make the following block from its products.

        Args:
            products: H v for each row v of ``next_block``, as rows.
        """
        old, block = self.dimension, self.next_block
        self.dimension += len(block)
        self.products += len(block)
        basis, rest = self._rows[: self.dimension], products
        for _ in range(2):
            shares = rest @ basis.T
            rest = rest - shares @ basis
            self.projection[old : self.dimension, : self.dimension] += shares
        diagonal = block @ products.T
        self.projection[old : self.dimension, old : self.dimension] = (diagonal + diagonal.T) / 2
        self.projection[:old, old : self.dimension] = self.projection[old : self.dimension, :old].T
        scale = np.linalg.norm(products, axis=1).max(initial=0.0)
        self._couple(*self._independent(rest, scale))

    def take_steps(self, steps: Steps) -> None:
        """Take what an operator has computed in several steps from a single next vector.

        Args:
            steps: from :meth:`benchmark.curvature.CurvatureOperator.lanczos_steps`.

        Raises:
            FloatingPointError: a product is not finite.
        """
        if not np.isfinite(steps.norms).all():
            raise FloatingPointError(NOT_FINITE)
        for index, row in enumerate(steps.rows):
            old, length = self.dimension, steps.lengths[index]
            self.dimension += 1
            self.products += 1
            self.projection[old, : self.dimension] = steps.shares[index, : self.dimension]
            self.projection[: self.dimension, old] = self.projection[old, : self.dimension]
            self.projection[old, old] = steps.diagonal[index]
            made = min(int(row.any()), self._size - self.dimension)
            self._rows[self.dimension : self.dimension + made] = row
            self._couple(*self._completed(made, np.full((1, 1), length)))

    def _couple(self, following: int, triangle: Array) -> None:
        """Note how many vectors the next block has, and how the last block leads to it."""
        self._next = following
        self.coupling = np.zeros((following, self.dimension))
        self.coupling[:, self.dimension - triangle.shape[1] :] = triangle
        self._triangles.append(triangle)

    @property
    def subdiagonal(self) -> Array:
        """β₁ … βₘ for single vectors without restarts; βₘ couples Q to the next vector."""
        return np.array([float(triangle.sum()) for triangle in self._triangles])

    def ritz(self) -> tuple[Array, Array]:
        """Eigenvalues Θ of T, ascending, and its eigenvectors S as columns."""
        values, weights = np.linalg.eigh(self.projection[: self.dimension, : self.dimension])
        return np.asarray(values, np.float64), np.asarray(weights, np.float64)

    def tridiagonal_ritz(self) -> tuple[Array, Array]:
        """The same for single vectors without restarts, from the diagonals of T alone."""
        diagonal = np.diagonal(self.projection)[: self.dimension]
        values, weights = eigh_tridiagonal(diagonal, self.subdiagonal[:-1])
        return np.asarray(values, np.float64), np.asarray(weights, np.float64)

    def residuals(self, weights: Array) -> Array:
        """Return ‖H y − θ y‖ = ‖C s‖ for y = Q s and each column s of the weights."""
        return np.linalg.norm(self.coupling @ weights, axis=0)

    def joint_residual(self, weights: Array) -> float:
        """Return the largest singular value of C S."""
        return float(np.linalg.norm(self.coupling @ weights, 2)) if self._next else 0.0

    def vectors(self, weights: Array) -> Array:
        """Return Y = Q S as columns, shape (n, k)."""
        return self._rows[: self.dimension].T @ weights

    def restart(self, values: Array, weights: Array, chosen: Indices) -> None:
        """Replace Q by some Ritz vectors.

        Args:
            values: all Ritz values.
            weights: their vectors in terms of Q, as columns.
            chosen: the indices of those that stay.
        """
        weights = weights[:, chosen]
        count, rows = len(chosen), self._rows
        for first in range(0, self._size, ENTRIES_AT_ONCE):
            entries = slice(first, first + ENTRIES_AT_ONCE)
            rows[:count, entries] = weights.T @ rows[: self.dimension, entries]
        rows[count : count + self._next] = self.next_block
        self.projection[:] = 0.0
        self.projection[:count, :count] = np.diag(values[chosen])
        self.coupling = self.coupling @ weights
        self.dimension = count
        self.restarts += 1

    def _independent(self, rest: Array, scale: float) -> tuple[int, Array]:
        """Write an orthonormal basis Q₊ of some rows behind Q.

        A row depends on the others if only rounding is left of it: a few machine epsilons of the
        scale.

        Returns:
            The number of its vectors, and R of rest = Rᵀ Q₊.
        """
        count = min(len(rest), self._size - self.dimension)
        triangle = np.zeros((count, len(rest)))
        noise = NOISE * np.sqrt(self._size) * scale
        made = 0
        for index, row in enumerate(rest):
            vector = self._remainder(row, triangle[:made, index])
            length = float(np.linalg.norm(vector))
            if made == count or length <= noise:
                continue
            triangle[made, index] = length
            vector = vector / length
            if len(rest) > 1 and length <= scale / 10:
                # A short remainder of a long row lost its orthogonality in the same proportion.
                vector = _unit(_orthogonal(vector, self._rows[: self.dimension + made], passes=1))
            self._rows[self.dimension + made] = vector
            made += 1
        return self._completed(made, triangle)

    def _completed(self, made: int, triangle: Array) -> tuple[int, Array]:
        """Draw the vectors that Q₊ lacks, where there is a generator.

        Args:
            made: the vectors of Q₊ so far.
            triangle: R; its rows beyond those of Q₊ do not count.

        Returns:
            The number of vectors of Q₊, and its R.
        """
        count = min(len(triangle), self._size - self.dimension)
        if self._generator is None or made >= count:
            return made, triangle[:made]
        for last in range(self.dimension + made, self.dimension + count):
            drawn = self._generator.standard_normal(self._size)
            self._rows[last] = _unit(_orthogonal(drawn, self._rows[:last]))
        triangle[made:] = 0.0
        return count, triangle[:count]

    def _remainder(self, row: Array, weights: Array) -> Array:
        """Subtract from a row its share in the new rows so far, and record the share."""
        new = self._rows[self.dimension : self.dimension + len(weights)]
        for _ in range(2 if len(weights) else 0):
            share = new @ row
            weights += share
            row = row - share @ new
        return row


def extend(bases: Sequence[LanczosBasis], operator: SymmetricOperator) -> None:
    """Let each basis take its next block; the operator multiplies all blocks in one call.

    Args:
        bases: at least one; none may be complete or full.
        operator: H, n × n, symmetric.

    Raises:
        FloatingPointError: a product is not finite.
    """
    blocks = [basis.next_block for basis in bases]
    rows = multiply(operator, np.concatenate(blocks).T).T
    ends = np.cumsum([len(block) for block in blocks])[:-1]
    for basis, products in zip(bases, np.split(rows, ends), strict=True):
        basis.take(products)


def grow(basis: LanczosBasis, operator: SymmetricOperator, steps: int) -> None:
    """Let a basis of single vectors take some steps, fewer if it is complete.

    An operator with ``lanczos_steps`` takes them in one call.

    Args:
        basis: with room for the steps.
        operator: H, n × n, symmetric.
        steps: how many, ≥ 0.

    Raises:
        FloatingPointError: a product is not finite.
    """
    last = basis.dimension + steps
    take_steps = getattr(operator, "lanczos_steps", None)
    while basis.dimension < last and not basis.is_complete:
        left, capacity = last - basis.dimension, len(basis.projection)
        taken = take_steps(basis.vectors_and_next, left, capacity) if take_steps else None
        if taken is None:
            extend([basis], operator)
        else:
            basis.take_steps(taken)


def _unit(vector: Array) -> Array:
    return vector / np.linalg.norm(vector)


def _orthogonal(vector: Array, basis: Array, passes: int = 2) -> Array:
    for _ in range(passes):
        vector = vector - basis.T @ (basis @ vector)
    return vector


@dataclass(frozen=True, slots=True, eq=False)
class LanczosResult:
    """The result of m steps of Lanczos' method.

    Args:
        ritz_values: θ₁ ≤ … ≤ θₘ, the eigenvalues of QᵀHQ for orthonormal Q. By Cauchy's
            interlacing theorem H has at least as many eigenvalues below (above) any number as
            there are Ritz values.
        residuals: rᵢ = |βₘ sₘᵢ| = ‖H yᵢ − θᵢ yᵢ‖ for the Ritz vectors yᵢ; H has an eigenvalue
            within rᵢ of θᵢ.
        restarts: how often the vectors spanned an invariant subspace, so that the method
            continued with a new random vector.
    """

    ritz_values: Array
    residuals: Array
    restarts: int

    @property
    def steps(self) -> int:
        """m, the number of products."""
        return int(self.ritz_values.size)


@OneThread()
def lanczos(
    operator: SymmetricOperator, steps: int, seed: int = 0, start: Array | None = None
) -> LanczosResult:
    """Approximate the ends of the spectrum of a symmetric operator.

        H Q = Q T + βₘ q eₘᵀ,    T tridiagonal with off-diagonal β

    :class:`LanczosBasis` has the details. Where β vanishes, the method continues with a new random
    vector.

    Args:
        operator: n × n, symmetric.
        steps: m ≥ 1, the number of products; at most n are made.
        seed: of the start vector, ≥ 0, which is drawn uniformly from the unit sphere.
        start: another start vector, shape (n,), not zero. With a sum of eigenvectors from an
            earlier point, for instance, the method finds their eigenvalues first.

    Raises:
        ValueError: ``steps`` is below 1, or ``start`` is zero, not finite, or of another shape.
        FloatingPointError: a product is not finite.

    Example:
        >>> from scipy.sparse.linalg import aslinearoperator
        >>> spectrum = np.array([-5.0, *np.linspace(0, 1, 97), 8.0, 20.0])
        >>> ritz = lanczos(aslinearoperator(np.diag(spectrum)), steps=30)
        >>> ritz.ritz_values[[0, -2, -1]].round(6).tolist()
        [-5.0, 8.0, 20.0]
        >>> bool(ritz.residuals[-1] < 1e-9)
        True

    References:
        Parlett, The Symmetric Eigenvalue Problem, 1998, ch. 13 (method and residuals), §6.9
        ("twice is enough"), §10.1 (interlacing).
    """
    if steps < 1:
        raise ValueError(f"steps must be ≥ 1. Received {steps} in lanczos.")
    size = operator.shape[0]
    steps = min(steps, size)
    generator = np.random.default_rng(seed)
    vector = _start(generator.standard_normal(size) if start is None else start, size)
    basis = LanczosBasis(vector[None], steps, generator)
    grow(basis, operator, steps)
    values, weights = basis.tridiagonal_ritz()
    residuals = np.abs(basis.subdiagonal[-1] * weights[-1])
    return LanczosResult(values, residuals, int((basis.subdiagonal[:-1] == 0).sum()))


def _start(vector: Array, size: int) -> Array:
    given = np.asarray(vector, np.float64)
    if given.shape != (size,) or not 0 < np.linalg.norm(given) < np.inf:
        raise ValueError(
            f"start must be a vector of {size} finite entries, not all zero. "
            f"Received the shape {given.shape} in lanczos."
        )
    return given
