"""The quadratic bowl along the axes, whose rates can be followed in float32."""

import numpy as np
from keras import ops

from benchmark.problems.base import Array, Problem, Tensor, same_for_all


class DiagonalQuadratic(Problem):
    """A quadratic along the axes with a chosen condition number, to measure rates on.

        f(θ) = ½ Σᵢ λᵢ θᵢ²,    λ from μ to L,    κ = L / μ

    The eigenvalues are spaced evenly on a logarithmic scale. The start is θᵢ = L / λᵢ, where
    every component of the gradient is L, so the flattest direction has the longest way to go.

    With the minimum at zero and no rotation float32 has the same relative accuracy at every
    distance, so the distance can shrink over 19 decades. In the rotated
    :class:`~benchmark.problems.quadratic.Quadratic`, whose minimum is at one, rounding ends that
    at a distance of about 1e-7, and shifts μ by about 1e-7 L: 1 % at κ = 10⁵. Methods with a
    step for each weight find the axes here by themselves; compare those on ``quadratic``.

    Args:
        dimension: number of parameters, ≥ 1.
        condition_number: κ ≥ 1; must be 1 in one dimension.
        largest_eigenvalue: L > 0.

    Raises:
        ValueError: an option is out of range.

    Example:
        >>> bowl = DiagonalQuadratic(dimension=2, condition_number=10.0)
        >>> bowl.start.tolist(), bowl.gradient(bowl.start).tolist()
        ([10.0, 1.0], [1.0, 1.0])
    """

    name = "diagonal_quadratic"

    def __init__(
        self,
        dimension: int = 3,
        condition_number: float = 100.0,
        largest_eigenvalue: float = 1.0,
    ) -> None:
        super().__init__(
            dimension=dimension,
            condition_number=condition_number,
            largest_eigenvalue=largest_eigenvalue,
        )
        self.eigenvalues: Array = np.geomspace(
            largest_eigenvalue / condition_number, largest_eigenvalue, dimension
        )
        """The spectrum of the Hessian, ascending."""
        self.minimum = np.zeros(dimension)
        self.start = largest_eigenvalue / self.eigenvalues

    def value(self, theta: Tensor, x: Tensor) -> Tensor:
        """See :meth:`Problem.value`."""
        eigenvalues = ops.convert_to_tensor(self.eigenvalues, dtype=theta.dtype)
        return same_for_all(ops.sum(eigenvalues * ops.square(theta)) / 2, x)

    def gradient(self, theta: Array) -> Array:
        """See :meth:`Problem.gradient`."""
        return self.eigenvalues * theta

    def hessian(self, theta: Array) -> Array:
        """See :meth:`Problem.hessian`."""
        return np.diag(self.eigenvalues)
