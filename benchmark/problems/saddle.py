"""A strict saddle point."""

import numpy as np
from keras import ops

from benchmark.problems.base import Array, Problem, Tensor, same_for_all


class Saddle(Problem):
    """A strict saddle point between two minima.

        f(a, b) = ½ p a² − ½ n b² + ¼ b⁴

    with p = ``positive_curvature`` and n = ``negative_curvature``. At the origin the gradient
    is zero and the Hessian is diag(p, −n): gradient descent with a learning rate η below 2/p
    first falls towards the origin along a, then leaves it along b by a factor of 1 + ηn a step.
    The minima are (0, ±√n), where the Hessian is diag(p, 2n) and f = −n²/4; the fourth power
    is what keeps f bounded below.

    Args:
        positive_curvature: p > 0.
        negative_curvature: n > 0.
        offset: b at the start (1, b), > 0; the smaller, the longer the stay at the saddle.

    Raises:
        ValueError: an option is not positive.

    Example:
        >>> saddle = Saddle(negative_curvature=4.0)
        >>> np.diag(saddle.hessian(saddle.saddle_point)).tolist()
        [1.0, -4.0]
        >>> saddle.minimum.tolist(), saddle.optimum
        ([0.0, 2.0], -4.0)
    """

    name = "saddle"

    def __init__(
        self,
        positive_curvature: float = 1.0,
        negative_curvature: float = 1.0,
        offset: float = 1e-3,
    ) -> None:
        super().__init__(
            positive_curvature=positive_curvature,
            negative_curvature=negative_curvature,
            offset=offset,
        )
        self._positive, self._negative = positive_curvature, negative_curvature
        self.start = np.array([1.0, offset])
        self.saddle_point: Array = np.zeros(2)
        """Where the gradient is zero and the Hessian indefinite."""
        self.minimum = np.array([0.0, np.sqrt(negative_curvature)])
        self.optimum = -(negative_curvature**2) / 4

    def value(self, theta: Tensor, x: Tensor) -> Tensor:
        """See :meth:`Problem.value`."""
        a, b = theta[0], theta[1]
        bowl = self._positive * ops.square(a) / 2 - self._negative * ops.square(b) / 2
        return same_for_all(bowl + b**4 / 4, x)

    def gradient(self, theta: Array) -> Array:
        """See :meth:`Problem.gradient`."""
        a, b = theta
        return np.array([self._positive * a, b**3 - self._negative * b])

    def hessian(self, theta: Array) -> Array:
        """See :meth:`Problem.hessian`."""
        return np.diag([self._positive, 3 * theta[1] ** 2 - self._negative])
