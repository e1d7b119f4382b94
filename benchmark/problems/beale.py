"""Beale's function."""

import numpy as np
from keras import ops

from benchmark.problems.base import Array, Problem, Tensor, same_for_all

TARGETS = (1.5, 2.25, 2.625)
POWERS = (1, 2, 3)


class Beale(Problem):
    """Flat plateaus between steep walls, in two dimensions.

        f(a, b) = Σₖ (tₖ − a + a bᵏ)²,    k = 1, 2, 3,    t = (1.5, 2.25, 2.625)

    The minimum is (3, 0.5) with f = 0; the start is (1, 1), where the gradient along b is
    large and along a is zero.

    Example:
        >>> plateau = Beale()
        >>> np.abs(plateau.gradient(plateau.minimum)).max().item()
        0.0

    References:
        Moré, Garbow, Hillstrom, Testing unconstrained optimization software, 1981, problem 5.
    """

    name = "beale"

    def __init__(self) -> None:
        super().__init__()
        self.start = np.ones(2)
        self.minimum = np.array([3.0, 0.5])

    def value(self, theta: Tensor, x: Tensor) -> Tensor:
        """See :meth:`Problem.value`."""
        a, b = theta[0], theta[1]
        terms = [
            ops.square(target - a * (1 - b**power))
            for target, power in zip(TARGETS, POWERS, strict=True)
        ]
        return same_for_all(terms[0] + terms[1] + terms[2], x)

    def gradient(self, theta: Array) -> Array:
        """See :meth:`Problem.gradient`."""
        residual, jacobian, _ = self._parts(theta)
        return 2 * jacobian.T @ residual

    def hessian(self, theta: Array) -> Array:
        """See :meth:`Problem.hessian`."""
        residual, jacobian, second = self._parts(theta)
        return 2 * (jacobian.T @ jacobian + np.tensordot(residual, second, axes=1))

    @staticmethod
    def _parts(theta: Array) -> tuple[Array, Array, Array]:
        """The three residuals, their Jacobian (3, 2) and second derivatives (3, 2, 2)."""
        a, b = theta
        k = np.array(POWERS, np.float64)
        slope = k * b ** (k - 1)
        # For k = 1 the factor k − 1 is zero; the exponent is kept from being negative.
        bend = k * (k - 1) * b ** np.maximum(k - 2, 0)
        residual = np.array(TARGETS) - a * (1 - b**k)
        jacobian = np.stack([b**k - 1, a * slope], axis=1)
        second = np.zeros((3, 2, 2))
        second[:, 0, 1] = second[:, 1, 0] = slope
        second[:, 1, 1] = a * bend
        return residual, jacobian, second
