"""The quadratic bowl."""

import numpy as np
from keras import ops

from benchmark.problems.base import Array, Problem, Tensor, random_rotation, same_for_all


class Quadratic(Problem):
    """A rotated quadratic with a chosen condition number.

        f(θ) = ½ (θ − θ*)ᵀ H (θ − θ*),    H = R diag(μ … L) Rᵀ,    κ = L / μ

    The eigenvalues are spaced evenly on a logarithmic scale. The start is θ* + R·1: one unit
    along every eigenvector, so that no eigenvalue is spared.

    Args:
        dimension: number of parameters, ≥ 1.
        condition_number: κ ≥ 1; must be 1 in one dimension.
        largest_eigenvalue: L > 0.
        seed: of the rotation R, ≥ 0.

    Raises:
        ValueError: an option is out of range.

    Example:
        >>> bowl = Quadratic(dimension=3, condition_number=100.0, largest_eigenvalue=10.0)
        >>> np.linalg.eigvalsh(bowl.hessian(bowl.start)).round(6).tolist()
        [0.1, 1.0, 10.0]
    """

    name = "quadratic"

    def __init__(
        self,
        dimension: int = 10,
        condition_number: float = 100.0,
        largest_eigenvalue: float = 1.0,
        seed: int = 0,
    ) -> None:
        super().__init__(
            dimension=dimension,
            condition_number=condition_number,
            largest_eigenvalue=largest_eigenvalue,
            seed=seed,
        )
        self.eigenvalues: Array = np.geomspace(
            largest_eigenvalue / condition_number, largest_eigenvalue, dimension
        )
        """The spectrum of the Hessian, ascending."""
        rotation = random_rotation(dimension, np.random.default_rng(seed))
        matrix = (rotation * self.eigenvalues) @ rotation.T
        self._matrix = (matrix + matrix.T) / 2
        # Not zero: weight decay or a small initialisation would start half-way to the answer.
        self.minimum = np.ones(dimension)
        self.start = self.minimum + rotation.sum(axis=1)

    def value(self, theta: Tensor, x: Tensor) -> Tensor:
        """See :meth:`Problem.value`."""
        offset = theta - ops.convert_to_tensor(self.minimum, dtype=theta.dtype)
        matrix = ops.convert_to_tensor(self._matrix, dtype=theta.dtype)
        return same_for_all(ops.sum(offset * ops.matmul(matrix, offset)) / 2, x)

    def gradient(self, theta: Array) -> Array:
        """See :meth:`Problem.gradient`."""
        return self._matrix @ (theta - self.minimum)

    def hessian(self, theta: Array) -> Array:
        """See :meth:`Problem.hessian`."""
        return self._matrix.copy()
