"""Eigenvalues at the ends of a large spectrum, to a given accuracy."""

from dataclasses import dataclass, field

import numpy as np

from benchmark.curvature.lanczos import Indices, LanczosBasis, extend
from benchmark.curvature.operators import Array, SymmetricOperator, epsilon_of
from benchmark.curvature.threads import OneThread


@dataclass(frozen=True, slots=True, eq=False)
class Eigenpairs:
    """Approximate eigenvalues with bounds of their errors.

    Args:
        eigenvalues: the smallest and the largest that were asked for, ascending, shape (k,).
        residuals: ‖H yᵢ − θᵢ yᵢ‖ for unit vectors yᵢ. H has an eigenvalue within this distance of
            θᵢ, plus the rounding.
        joint_residual: ‖H Y − Y diag(θ)‖₂. The k values can be paired with k eigenvalues of H,
            counted with multiplicity, so that each pair is at most this apart, plus the rounding.
            So no eigenvalue is reported more often than it occurs.
        rounding: n × machine epsilon × max |θ|, the possible error of products.
        converged: which values reached the tolerance.
        vectors: the yᵢ as columns, shape (n, k), or ``None`` if they were not asked for.
        products: products made.
        restarts: how often the basis was full.
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
        """The residuals plus the rounding: an eigenvalue lies this close to each value."""
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

    A full basis Q is replaced by its most wanted Ritz vectors:

        H Q = Q T + Q₊ C,    T = S Θ Sᵀ,    ‖H y − θ y‖ = ‖C s‖ for y = Q s

    The method ends when ‖H y − θ y‖ ≤ ``tolerance`` × max(\|θ\|, √ε max \|θ\|) for each wanted
    value, the criterion of ARPACK. An isolated eigenvalue is far more accurate, because its error
    is of the order of the square of the residual.

    Args:
        operator: n × n, symmetric.
        largest: how many at the upper end, ≥ 0.
        smallest: how many at the lower end, ≥ 0.
        tolerance: relative, > 0.
        block_size: vectors multiplied at once, ≥ 1. The method finds up to this many copies of a
            multiple eigenvalue; it finds further copies only by chance.
        basis_size: the most vectors of n numbers in the basis; by default 2 k + 20 for k wanted
            values (and at least three blocks more than k), as in SciPy's ``eigsh``. A smaller
            basis saves memory and costs products.
        max_products: the method ends after these; ``converged`` tells what it reached.
        start: vectors to begin with as columns, shape (n, p), for instance those of an earlier
            point. They replace the random start, and p replaces the block size.
        vectors: whether to return eigenvectors.
        seed: of the random start, ≥ 0.

    Raises:
        ValueError: an argument is out of range.
        FloatingPointError: a product is not finite.

    Example:
        >>> from scipy.sparse.linalg import aslinearoperator
        >>> spectrum = np.array([-5.0, *np.linspace(0, 1, 97), 20.0, 20.0])
        >>> pairs = extreme_eigenvalues(aslinearoperator(np.diag(spectrum)), 2, 1, block_size=2)
        >>> pairs.eigenvalues.round(9).tolist(), pairs.converged.all()
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
    capacity = _capacity(basis_size, sum(wanted), len(first), size)
    basis = LanczosBasis(first, capacity, np.random.default_rng([seed, 1]))
    due = sum(wanted)
    while True:
        extend([basis], operator)
        is_last = basis.is_complete or basis.products >= max_products
        if basis.dimension < sum(wanted) or not (
            is_last or basis.is_full or basis.dimension >= due
        ):
            continue
        # An evaluation takes as long as one or two cheap products.
        due = basis.dimension + max(1, basis.dimension // 8)
        values, weights = basis.ritz()
        ends = _ends(values.size, *wanted)
        residuals = basis.residuals(weights)
        goal = tolerance * _scale(values, operator)
        converged = residuals[ends] <= goal[ends]
        if converged.all() or is_last:
            break
        if basis.is_full:
            basis.restart(values, weights, _staying(values.size, wanted, capacity, len(first)))
            due = basis.dimension + 1
    chosen = weights[:, ends]
    return Eigenpairs(
        eigenvalues=values[ends],
        residuals=residuals[ends],
        joint_residual=basis.joint_residual(chosen),
        rounding=float(size * epsilon_of(operator) * np.abs(values).max()),
        converged=converged,
        vectors=basis.vectors(chosen) if vectors else None,
        products=basis.products,
        restarts=basis.restarts,
    )


def _start(start: Array | None, size: int, block_size: int, seed: int) -> Array:
    """The first block, as rows."""
    if start is None:
        columns = max(1, min(block_size, size))
        return np.random.default_rng(seed).standard_normal((size, columns)).T.copy()
    given = np.asarray(start, np.float64).reshape(len(start), -1)
    if given.shape[0] != size or not 1 <= given.shape[1] <= size or not np.isfinite(given).all():
        raise ValueError(
            f"start must hold 1 to {size} finite vectors of {size} entries as columns. "
            f"Received the shape {given.shape} in extreme_eigenvalues."
        )
    return given.T.copy()


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
    """Return the size of the basis: it holds what a restart keeps and two more blocks."""
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


def _ends(count: int, largest: int, smallest: int) -> Indices:
    return np.r_[0:smallest, count - largest : count]


def _staying(count: int, wanted: tuple[int, int], capacity: int, block: int) -> Indices:
    """Return which Ritz vectors survive a restart: the wanted ones and the next at each end."""
    largest, smallest = wanted
    spare = (capacity - block - largest - smallest) // 2
    share = spare * largest // (largest + smallest)
    return _ends(count, largest + share, smallest + spare - share if smallest else 0)
