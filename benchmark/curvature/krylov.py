"""A growing orthonormal basis, and the projection of a symmetric operator on it."""

import numpy as np

from benchmark.curvature.operators import Array, SymmetricOperator, multiply

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
