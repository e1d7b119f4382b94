"""Rosenbrock's valley."""

import numpy as np
from keras import ops

from benchmark.problems.base import Array, Problem, Tensor, same_for_all


class Rosenbrock(Problem):
    """A curved narrow valley: easy to enter, slow to follow.

        f(θ) = Σᵢ 100 (θᵢ₊₁ − θᵢ²)² + (1 − θᵢ)²,    i = 1 … dimension − 1

    The minimum is θ = (1, …, 1) with f = 0. In four dimensions and more there is also a local
    minimum near (−1, 1, …, 1).

    Args:
        dimension: number of parameters, ≥ 2. The start is (−1.2, 1, −1.2, 1, …).

    Raises:
        ValueError: ``dimension`` is below 2.

    Example:
        >>> valley = Rosenbrock()
        >>> smallest, largest = np.linalg.eigvalsh(valley.hessian(valley.minimum))
        >>> round(largest / smallest)
        2508

    References:
        Rosenbrock, An automatic method for finding the greatest or least value of a function,
        1960. Start: Moré, Garbow, Hillstrom, Testing unconstrained optimization software,
        1981, problems 1 and 21.
    """

    name = "rosenbrock"

    def __init__(self, dimension: int = 2) -> None:
        super().__init__(dimension=dimension)
        self.start = np.resize([-1.2, 1.0], dimension)
        self.minimum = np.ones(dimension)

    def value(self, theta: Tensor, x: Tensor) -> Tensor:
        """See :meth:`Problem.value`."""
        left, right = theta[:-1], theta[1:]
        valley = 100 * ops.square(right - ops.square(left))
        return same_for_all(ops.sum(valley + ops.square(1 - left)), x)

    def gradient(self, theta: Array) -> Array:
        """See :meth:`Problem.gradient`."""
        left, right = theta[:-1], theta[1:]
        gap = right - left**2
        gradient = np.zeros_like(theta)
        gradient[:-1] = -400 * left * gap - 2 * (1 - left)
        gradient[1:] += 200 * gap
        return gradient

    def hessian(self, theta: Array) -> Array:
        """See :meth:`Problem.hessian`."""
        left, right = theta[:-1], theta[1:]
        diagonal = np.zeros_like(theta)
        diagonal[:-1] = 1200 * left**2 - 400 * right + 2
        diagonal[1:] += 200
        coupling = np.diag(-400 * left, 1)
        return np.diag(diagonal) + coupling + coupling.T
