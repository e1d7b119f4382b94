"""Eigenvalues at the ends of a large spectrum to a given accuracy, from a growing Krylov basis."""

from dataclasses import dataclass, field

import numpy as np

from benchmark.curvature.operators import Array, SymmetricOperator, epsilon_of, multiply
from benchmark.curvature.threads import OneThread

ENTRIES_AT_ONCE = 2**16
"""Of each basis vector that a restart combines at once: all at once would need memory twice."""


class KrylovBasis:
    """H Q = Q T + Q₊ C with orthonormal [Q, Q₊]: one step of block Lanczos at a time.

    Vectors are kept as rows, which lie together in memory.

    Args:
        operator: H, n × n, symmetric.
        start: vectors to begin with as columns, shape (n, block).
        capacity: the most vectors that Q may have, ≤ n.
        seed: of the random vectors that take the place of those that depend on others.

    Attributes:
        block: vectors of a step.
        capacity: as given.
        dimension: vectors in Q.
        products: spent so far.
        restarts: so far.
    """

    def __init__(self, operator: SymmetricOperator, start: Array, capacity: int, seed: int) -> None:
        self._operator = operator
        self._size = operator.shape[0]
        self._generator = np.random.default_rng([seed, 1])
        self.block = start.shape[1]
        self.capacity = capacity
        self.dimension = self.products = self.restarts = 0
        self._rows = np.empty((min(capacity + self.block, self._size), self._size))
        self._projection = np.zeros((capacity, capacity))
        scale = np.linalg.norm(start, axis=0).max(initial=0.0)
        self._next, _ = self._independent(start.T.copy(), scale)
        self._coupling = np.zeros((self._next, 0))

    @property
    def is_full(self) -> bool:
        """Whether another step would find no room."""
        return self.dimension + self._next > self.capacity

    @property
    def is_whole(self) -> bool:
        """Whether the basis spans the whole space, so that nothing is left to find."""
        return self._next == 0

    def expand(self) -> None:
        """Take the next block into the basis, and its product for the one after."""
        old, new = self.dimension, self.dimension + self._next
        block = self._rows[old:new]
        product = multiply(self._operator, block.T).T
        self.products += new - old
        self.dimension = new
        scale = np.linalg.norm(product, axis=1).max(initial=0.0)
        basis = self._rows[:new]
        weights = product @ basis.T
        rest = product - weights @ basis
        again = rest @ basis.T
        rest -= again @ basis
        weights += again
        self._projection[:new, old:new] = weights.T
        self._projection[old:new, :new] = weights
        self._next, triangle = self._independent(rest, scale)
        self._coupling = np.zeros((self._next, new))
        self._coupling[:, old:] = triangle

    def ritz(self) -> tuple[Array, Array]:
        """Eigenvalues Θ of T, ascending, and its eigenvectors S as columns."""
        projection = self._projection[: self.dimension, : self.dimension]
        values, weights = np.linalg.eigh((projection + projection.T) / 2)
        return np.asarray(values, np.float64), weights

    def residuals(self, weights: Array) -> Array:
        """‖H y − θ y‖ for y = Q s, s the columns of the weights."""
        return np.linalg.norm(self._coupling @ weights, axis=0)

    def joint_residual(self, weights: Array) -> float:
        """The largest singular value of C S."""
        return float(np.linalg.norm(self._coupling @ weights, 2)) if self._next else 0.0

    def vectors(self, weights: Array) -> Array:
        """Y = Q S as columns, shape (n, k)."""
        return self._rows[: self.dimension].T @ weights

    def restart(
        self, values: Array, weights: Array, kept: np.ndarray[tuple[int], np.dtype[np.intp]]
    ) -> None:
        """Replace Q by some Ritz vectors.

        Args:
            values: all Ritz values.
            weights: their vectors in terms of Q, as columns.
            kept: which of them stay.
        """
        chosen = weights[:, kept]
        count = chosen.shape[1]
        rows = self._rows
        for first in range(0, self._size, ENTRIES_AT_ONCE):
            entries = slice(first, first + ENTRIES_AT_ONCE)
            rows[:count, entries] = chosen.T @ rows[: self.dimension, entries]
        rows[count : count + self._next] = rows[self.dimension : self.dimension + self._next]
        self._projection[:count, :count] = np.diag(values[kept])
        self._coupling = self._coupling @ chosen
        self.dimension = count
        self.restarts += 1

    def _independent(self, rest: Array, scale: float) -> tuple[int, Array]:
        """Write an orthonormal basis of some rows behind Q; return its size and R of rest = RᵀQ₊.

        A row that depends on the others, up to rounding, leaves room for a random vector: Q
        is then invariant along it, and what it hides can be found from anew.
        """
        count = min(len(rest), self._size - self.dimension)
        triangle = np.zeros((count, len(rest)))
        noise = 10 * np.sqrt(self._size) * np.finfo(np.float64).eps * scale
        found = 0
        for index, row in enumerate(rest):
            vector = self._remainder(row, found, triangle[:, index])
            length = float(np.linalg.norm(vector))
            if found == count or length <= noise:
                continue
            triangle[found, index] = length
            # A short rest of a long product has lost its orthogonality in the same measure.
            passes = 0 if length > scale / 10 else 1
            self._rows[self.dimension + found] = self._unit(vector, found, passes)
            found += 1
        for index in range(found, count):
            drawn = self._generator.standard_normal(self._size)
            self._rows[self.dimension + index] = self._unit(drawn, index, passes=2)
        return count, triangle

    def _remainder(self, row: Array, found: int, weights: Array) -> Array:
        """Take from a row what it shares with the new rows, and note how much."""
        new = self._rows[self.dimension : self.dimension + found]
        for _ in range(2 if found else 0):
            share = new @ row
            weights[:found] += share
            row = row - share @ new
        return row

    def _unit(self, vector: Array, found: int, passes: int) -> Array:
        """Give a vector length one, and orthogonalise it that often against all rows so far."""
        basis = self._rows[: self.dimension + found]
        vector = vector / np.linalg.norm(vector)
        for _ in range(passes):
            vector = vector - (basis @ vector) @ basis
            vector = vector / np.linalg.norm(vector)
        return vector


@dataclass(frozen=True, slots=True, eq=False)
class Eigenpairs:
    """Approximate eigenvalues with what is known of their errors.

    Args:
        eigenvalues: the smallest and the largest that were asked for, ascending, shape (k,).
        residuals: ‖H yᵢ − θᵢ yᵢ‖ for unit vectors yᵢ: H has an eigenvalue within that
            distance of θᵢ, and the rounding.
        joint_residual: ‖H Y − Y diag(θ)‖₂: as many eigenvalues of H as there are here, counted
            with their multiplicity, can be paired with the θᵢ so that none is further away
            than this and the rounding. So no eigenvalue is reported more often than it occurs.
        rounding: n × machine epsilon × max |θ|, what products may be wrong by.
        converged: which of them reached the tolerance.
        vectors: the yᵢ as columns, shape (n, k), or nothing where they were not asked for.
        products: spent.
        restarts: of the basis, when it was full.
    """

    eigenvalues: Array
    residuals: Array
    joint_residual: float
    rounding: float
    converged: np.ndarray[tuple[int], np.dtype[np.bool_]]
    vectors: Array | None = field(repr=False)
    products: int
    restarts: int

    @property
    def bounds(self) -> Array:
        """The residuals with the rounding: an eigenvalue lies within this of each value."""
        return self.residuals + self.rounding


@OneThread()
def extreme_eigenvalues(
    operator: SymmetricOperator,
    largest: int = 1,
    smallest: int = 0,
    *,
    tolerance: float = 1e-6,
    block_size: int = 1,
    basis_size: int | None = None,
    max_products: int = 1000,
    start: Array | None = None,
    vectors: bool = False,
    seed: int = 0,
) -> Eigenpairs:
    r"""Find the algebraically largest and smallest eigenvalues by thick-restart block Lanczos.

    The projection of H on a growing orthonormal basis Q is kept whole; each new block of
    vectors is orthogonalised twice against all earlier ones, so no eigenvalue appears again as
    a ghost. When the basis is full it is replaced by its most wanted Ritz vectors:

        H Q = Q T + Q₊ C,    T = S Θ Sᵀ,    ‖H y − θ y‖ = ‖C s‖ for y = Q s

    It ends when each wanted value has ‖H y − θ y‖ ≤ ``tolerance`` × max(\|θ\|, √ε max \|θ\|),
    which is the criterion of ARPACK; an isolated eigenvalue is then more accurate by far, for
    its error is of the order of the square of that.

    Args:
        operator: n × n, symmetric.
        largest: how many at the upper end, ≥ 0.
        smallest: how many at the lower end, ≥ 0.
        tolerance: relative, > 0.
        block_size: vectors multiplied at once, ≥ 1. An eigenvalue that occurs several times
            is found up to that many times; further copies only by chance.
        basis_size: the most vectors of n numbers that are kept; by default 2 k + 20 for k
            wanted values (at least three blocks more than k), as SciPy's ``eigsh`` takes.
            Smaller ones save memory and cost products.
        max_products: after these it ends with what it has, which ``converged`` tells.
        start: vectors to begin with as columns, shape (n, p): those of an earlier point, for
            instance. They replace the random start, and p the block size.
        vectors: whether to return eigenvectors.
        seed: of the random start, ≥ 0.

    Raises:
        ValueError: an argument is out of range.
        FloatingPointError: a product is not finite.

    Example:
        >>> from scipy.sparse.linalg import aslinearoperator
        >>> spectrum = np.array([-5.0, *np.linspace(0, 1, 97), 20.0, 20.0])
        >>> found = extreme_eigenvalues(aslinearoperator(np.diag(spectrum)), 2, 1, block_size=2)
        >>> found.eigenvalues.round(9).tolist(), found.converged.all()
        ([-5.0, 20.0, 20.0], np.True_)

    References:
        Wu and Simon, Thick-restart Lanczos method for large symmetric eigenvalue problems,
        2000; Stewart, A Krylov-Schur algorithm for large eigenproblems, 2001; Parlett, The
        Symmetric Eigenvalue Problem, 1998, §11.5 (both bounds), §13.10 (blocks).
    """
    _check(largest, smallest, tolerance, block_size, max_products)
    size = operator.shape[0]
    first = _start(start, size, block_size, seed)
    wanted = min(largest, size), min(smallest, max(0, size - largest))
    capacity = _capacity(basis_size, sum(wanted), first.shape[1], size)
    basis = KrylovBasis(operator, first, capacity, seed)
    due = sum(wanted)
    while True:
        basis.expand()
        is_last = basis.is_whole or basis.products >= max_products
        if basis.dimension < sum(wanted) or not (
            is_last or basis.is_full or basis.dimension >= due
        ):
            continue
        # Each evaluation takes as long as a cheap product or two.
        due = basis.dimension + max(1, basis.dimension // 8)
        values, weights = basis.ritz()
        ends = _ends(values.size, *wanted)
        residuals = basis.residuals(weights)
        goal = tolerance * _scale(values, operator)
        done = residuals[ends] <= goal[ends]
        if done.all() or is_last:
            break
        if basis.is_full:
            basis.restart(values, weights, _kept(values.size, wanted, basis))
            due = basis.dimension + 1
    chosen = weights[:, ends]
    return Eigenpairs(
        eigenvalues=values[ends],
        residuals=residuals[ends],
        joint_residual=basis.joint_residual(chosen),
        rounding=float(size * epsilon_of(operator) * np.abs(values).max()),
        converged=done,
        vectors=basis.vectors(chosen) if vectors else None,
        products=basis.products,
        restarts=basis.restarts,
    )


def _start(start: Array | None, size: int, block_size: int, seed: int) -> Array:
    if start is None:
        columns = max(1, min(block_size, size))
        return np.random.default_rng(seed).standard_normal((size, columns))
    given = np.asarray(start, np.float64).reshape(len(start), -1)
    if given.shape[0] != size or not 1 <= given.shape[1] <= size or not np.isfinite(given).all():
        raise ValueError(
            f"start must hold 1 to {size} finite vectors of {size} entries as columns. "
            f"Received the shape {given.shape} in extreme_eigenvalues."
        )
    return given


def _check(
    largest: int, smallest: int, tolerance: float, block_size: int, max_products: int
) -> None:
    if largest < 0 or smallest < 0 or largest + smallest == 0:
        raise ValueError(
            "largest and smallest must be ≥ 0, and not both 0. "
            f"Received {largest} and {smallest} in extreme_eigenvalues."
        )
    if not tolerance > 0:
        raise ValueError(f"tolerance must be > 0. Received {tolerance} in extreme_eigenvalues.")
    for name, value in (("block_size", block_size), ("max_products", max_products)):
        if value < 1:
            raise ValueError(f"{name} must be ≥ 1. Received {value} in extreme_eigenvalues.")


def _capacity(basis_size: int | None, wanted: int, block: int, size: int) -> int:
    """How many vectors the basis holds: room for what is kept and for two blocks beside it."""
    least = min(size, wanted + 3 * block)
    if basis_size is None:
        return min(size, max(2 * wanted + 20, least))
    if basis_size < least:
        raise ValueError(
            f"basis_size must be ≥ {least} for {wanted} eigenvalues in blocks of {block}. "
            f"Received {basis_size} in extreme_eigenvalues."
        )
    return min(size, basis_size)


def _scale(values: Array, operator: SymmetricOperator) -> Array:
    sizes = np.abs(values)
    return np.maximum(sizes, np.sqrt(epsilon_of(operator)) * sizes.max())


def _ends(count: int, largest: int, smallest: int) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    return np.r_[0:smallest, count - largest : count]


def _kept(
    count: int, wanted: tuple[int, int], basis: KrylovBasis
) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Which Ritz vectors outlive a restart: the wanted ones and the next of each end."""
    largest, smallest = wanted
    spare = (basis.capacity - basis.block - largest - smallest) // 2
    share = spare * largest // (largest + smallest)
    return _ends(count, largest + share, smallest + spare - share if smallest else 0)
