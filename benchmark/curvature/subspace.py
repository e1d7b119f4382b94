"""What the products of a matrix with a few directions say of its spectrum."""

from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Subspace:
    """Inner products of orthonormal directions vᵢ and their products H vᵢ, in float64.

    H is symmetric, n × n; the rows of V are directions, orthonormal to rounding, those of
    W = V H their products. A direction that depended on the earlier ones is a row of zeros.

    Args:
        gram: V Vᵀ, shape (m, m).
        small: V Wᵀ = V H Vᵀ, shape (m, m).
        squares: W Wᵀ = V H² Vᵀ, shape (m, m).
        gradient: V g, shape (m,); g lies in the span.
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
        """Whether all products are; otherwise nothing is known."""
        return all(
            np.isfinite(a).all() for a in (self.gram, self.small, self.squares, self.gradient)
        )

    def top(self) -> Array:
        """The unit vector y, of m numbers, whose Vᵀy has the largest Rayleigh quotient."""
        return self.read()[1]

    def quantities(self) -> dict[str, float]:
        """The numbers of :meth:`read` alone."""
        return self.read()[0]

    def read(self) -> tuple[dict[str, float], Array]:
        """Numbers by name, none where a product was not finite, and the y of :meth:`top`.

        - ``lambda_max``: the largest Ritz value θ = yᵀ(V H Vᵀ)y, which is at most the algebraically
          largest eigenvalue; ``lambda_max_residual``: ‖H u − θ u‖ + δ with u = Vᵀy, within
          which an eigenvalue lies.
        - ``lambda_min_upper_bound``: the smallest Ritz value; the smallest eigenvalue is at most
          that, so a negative one proves negative curvature.
        - ``condition_number_lower_bound``: κ = max |λ| / min |λ| is at least this. For every
          unit vector u is min |λ| ≤ ‖H u‖ ≤ max |λ|, so the singular values σ of W bound both;
          a Ritz value near zero would not, where eigenvalues of both signs cancel in it. The
          rounding δ of W is taken off: (σmax − δ) / (σmin + δ).
        - ``optimal_step``: α* = gᵀg / gᵀHg, where gᵀHg > δ gᵀg; elsewhere the quadratic model
          has no minimum along −g, or none that rounding would not make.

        δ = min(n, 100 √n) ε σmax: of n·ε, which tolerances for zero have, and what
        :func:`~benchmark.curvature.checks.check_products` lets pass, the smaller. σmin and the
        residual are roots of differences of squares, so that what these round is added to both.

        References:
            Parlett, The Symmetric Eigenvalue Problem, 1998, §4.5 (residual), §10 (Ritz values).
        """
        y, kept = np.zeros(len(self.gradient)), np.diag(self.gram) > 0
        if not self.is_finite or not kept.any():
            return {}, y
        small, squares = self._symmetric(self.small), self._symmetric(self.squares)
        values, vectors = np.linalg.eigh(_restricted(small, kept))
        y[kept] = vectors[:, -1]
        lengths = np.maximum(np.linalg.eigvalsh(_restricted(squares, kept)), 0.0)
        # Squares of float64 hide what is below 1e-8 of the largest: bounds must allow for it.
        hidden = (self.dimension + len(lengths)) * float(np.finfo(np.float64).eps) * lengths[-1]
        low, high = (lengths[0] + hidden) ** 0.5, lengths[-1] ** 0.5
        rounding = min(self.dimension, 100 * self.dimension**0.5) * self.epsilon * high
        # With V Vᵀ: as if V were orthonormal, its rounding would be all that is left.
        top = values[-1]
        difference = self.squares - 2 * top * small + top**2 * self.gram
        residual = (max(float(y @ difference @ y), 0.0) + 4 * hidden) ** 0.5
        found = {
            "lambda_max": float(top),
            "lambda_max_residual": float(residual + rounding),
            "lambda_min_upper_bound": float(values[0]),
        }
        if high > 0:
            bound = (high - rounding) / (low + rounding)
            found["condition_number_lower_bound"] = float(max(bound, 1.0))
        bend = float(self.gradient @ small @ self.gradient)
        length = float(self.gradient @ self.gradient)
        if bend > rounding * length:
            found["optimal_step"] = length / bend
        return found, y

    @staticmethod
    def _symmetric(matrix: Array) -> Array:
        return (matrix + matrix.T) / 2


def _restricted(matrix: Array, kept: Array) -> Array:
    """Without the rows and columns of directions that are none."""
    return matrix if kept.all() else matrix[np.ix_(kept, kept)]
