"""Bounds of a spectrum from the products of the matrix with a few directions."""

from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Subspace:
    """Inner products of orthonormal directions vᵢ and their products H vᵢ, in float64.

    H is symmetric, n × n. The rows of V are the directions, orthonormal up to rounding; the rows of
    W = V H are their products. A direction that depends on earlier ones is a row of zeros.

    Args:
        gram: V Vᵀ, shape (m, m).
        small: V Wᵀ = V H Vᵀ, shape (m, m).
        squares: W Wᵀ = V H² Vᵀ, shape (m, m).
        gradient: V g, shape (m,); g lies in the span of the directions.
        dimension: n.
        epsilon: machine epsilon of the arithmetic in which W was computed.

    Example:
        >>> h = np.diag([4.0, 1.0])
        >>> subspace = Subspace(np.eye(2), h, h @ h, np.array([1.0, 1.0]), 2, 2.0**-23)
        >>> subspace.quantities()["optimal_step"]
        0.4
    """

    gram: Array
    small: Array
    squares: Array
    gradient: Array
    dimension: int
    epsilon: float

    @property
    def is_finite(self) -> bool:
        """Whether all products are finite; otherwise nothing is known."""
        return all(
            np.isfinite(a).all() for a in (self.gram, self.small, self.squares, self.gradient)
        )

    def top(self) -> Array:
        """The unit vector y of m numbers for which Vᵀy has the largest Rayleigh quotient."""
        return self.read()[1]

    def quantities(self) -> dict[str, float]:
        """The numbers of :meth:`read` alone."""
        return self.read()[0]

    def read(self) -> tuple[dict[str, float], Array]:
        """Return numbers by name, none if a product is not finite, and the y of :meth:`top`.

        - ``lambda_max``: the largest Ritz value θ = yᵀ(V H Vᵀ)y. The algebraically largest
          eigenvalue is no smaller. ``lambda_max_residual``: ‖H u − θ u‖ + δ with u = Vᵀy; an
          eigenvalue lies within this distance of θ.
        - ``lambda_min_upper_bound``: the smallest Ritz value. The smallest eigenvalue is no larger,
          so a negative value proves negative curvature.
        - ``condition_number_lower_bound``: κ = max |λ| / min |λ| is at least this. Every unit
          vector u has min |λ| ≤ ‖H u‖ ≤ max |λ|, so the singular values σ of W bound both. A Ritz
          value near zero would not, because eigenvalues of both signs may cancel in it. The
          rounding δ of W is taken into account: (σmax − δ) / (σmin + δ).
        - ``optimal_step``: α* = gᵀg / gᵀHg if gᵀHg > δ gᵀg. Otherwise the quadratic model has no
          minimum along −g, or only one that rounding made.

        δ = min(n, 100 √n) ε σmax, the smaller of two numbers: n·ε, as in tolerances for zero, and
        what :func:`~benchmark.curvature.checks.check_products` accepts. σmin and the residual are
        roots of differences of squares, so the rounding of the squares is added to both.

        References:
            Parlett, The Symmetric Eigenvalue Problem, 1998, §4.5 (residual), §10 (Ritz values).
        """
        y, is_direction = np.zeros(len(self.gradient)), np.diag(self.gram) > 0
        if not self.is_finite or not is_direction.any():
            return {}, y
        small, squares = self._symmetric(self.small), self._symmetric(self.squares)
        values, vectors = np.linalg.eigh(_restricted(small, is_direction))
        y[is_direction] = vectors[:, -1]
        lengths = np.maximum(np.linalg.eigvalsh(_restricted(squares, is_direction)), 0.0)
        # Squares in float64 hide what is below 1e-8 of the largest; the bounds allow for that.
        hidden = (self.dimension + len(lengths)) * float(np.finfo(np.float64).eps) * lengths[-1]
        low, high = (lengths[0] + hidden) ** 0.5, lengths[-1] ** 0.5
        rounding = min(self.dimension, 100 * self.dimension**0.5) * self.epsilon * high
        # V Vᵀ, not the identity: otherwise only the rounding of V would be left.
        top = values[-1]
        difference = self.squares - 2 * top * small + top**2 * self.gram
        residual = (max(float(y @ difference @ y), 0.0) + 4 * hidden) ** 0.5
        quantities = {
            "lambda_max": float(top),
            "lambda_max_residual": float(residual + rounding),
            "lambda_min_upper_bound": float(values[0]),
        }
        if high > 0:
            bound = (high - rounding) / (low + rounding)
            quantities["condition_number_lower_bound"] = float(max(bound, 1.0))
        bend = float(self.gradient @ small @ self.gradient)
        length = float(self.gradient @ self.gradient)
        if bend > rounding * length:
            quantities["optimal_step"] = length / bend
        return quantities, y

    @staticmethod
    def _symmetric(matrix: Array) -> Array:
        return (matrix + matrix.T) / 2


def _restricted(matrix: Array, is_direction: Array) -> Array:
    """Leave out the rows and columns of the directions that are zero."""
    return matrix if is_direction.all() else matrix[np.ix_(is_direction, is_direction)]
