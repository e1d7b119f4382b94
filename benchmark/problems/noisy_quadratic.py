"""The stochastic quadratic of DeepOBS."""

import numpy as np
from keras import ops

from benchmark.problems.base import Array, Problem, Tensor


class NoisyQuadratic(Problem):
    """A stochastic quadratic whose spectrum resembles that of a deep network.

        f(θ; x) = ½ (θ − x)ᵀ H (θ − x),    x ~ N(0, noise² I)

    Nine tenths of the eigenvalues of H are uniform in (0, 1), one tenth in (30, 60). With the
    defaults this is ``quadratic_deep`` of DeepOBS, random numbers included: κ = 9621. The mean
    over the training data is smallest at their mean, where it is not zero.

    Args:
        dimension: number of parameters, ≥ 10.
        samples: training examples, and test examples, ≥ 1.
        noise: standard deviation of x, > 0.
        seed: of H and the training data, ≥ 0; the test data have ``seed + 1``.

    Raises:
        ValueError: an option is out of range.

    Example:
        >>> problem = NoisyQuadratic()
        >>> smallest, *_, largest = np.linalg.eigvalsh(problem.hessian(problem.start))
        >>> round(float(largest), 4), round(float(largest / smallest), 1)
        (53.129, 9621.1)

    References:
        Schneider, Balles, Hennig, DeepOBS: a deep learning optimizer benchmark suite, 2019,
        problem ``quadratic_deep``; the spectrum follows Chaudhari et al., Entropy-SGD, 2017.
    """

    name = "noisy_quadratic"

    def __init__(
        self, dimension: int = 100, samples: int = 1000, noise: float = 0.6, seed: int = 42
    ) -> None:
        super().__init__(dimension=dimension, samples=samples, noise=noise, seed=seed)
        # RandomState, not default_rng: the published problem is defined by its stream.
        random = np.random.RandomState(seed)
        large = dimension // 10
        self.eigenvalues: Array = np.concatenate(
            [random.uniform(0, 1, dimension - large), random.uniform(30, 60, large)]
        )
        """The spectrum of H in the order in which it was drawn."""
        rotation = subgroup_rotation(dimension, random)
        matrix = (rotation.T * self.eigenvalues) @ rotation
        self._matrix = (matrix + matrix.T) / 2
        self.data = self._draw(seed, samples, dimension, noise)
        self.test_data = self._draw(seed + 1, samples, dimension, noise)
        self.start = np.ones(dimension)
        self.minimum = self.data.astype(np.float64).mean(axis=0)
        spread = self.data.astype(np.float64) - self.minimum
        self.optimum = float(np.sum((spread @ self._matrix) * spread) / samples / 2)

    @staticmethod
    def _draw(seed: int, samples: int, dimension: int, noise: float) -> np.ndarray:
        draws = np.random.RandomState(seed).normal(0.0, noise, (samples, dimension))
        return draws.astype(np.float32)

    def value(self, theta: Tensor, x: Tensor) -> Tensor:
        """See :meth:`Problem.value`; x has shape (batch, dimension)."""
        offset = theta - ops.cast(x, theta.dtype)
        matrix = ops.convert_to_tensor(self._matrix, dtype=theta.dtype)
        return ops.sum(offset * ops.matmul(offset, matrix), axis=1) / 2

    def gradient(self, theta: Array) -> Array:
        """See :meth:`Problem.gradient`."""
        return self._matrix @ (theta - self.minimum)

    def hessian(self, theta: Array) -> Array:
        """See :meth:`Problem.hessian`."""
        return self._matrix.copy()


def subgroup_rotation(dimension: int, random: np.random.RandomState) -> Array:
    """Draw a rotation uniformly (Haar measure), one dimension after another.

    A rotation of d dimensions, embedded in d + 1 with a fixed first axis, is reflected by the
    Householder matrix that takes the first axis to a random direction. The result is negated,
    as in DeepOBS, which leaves R diag(λ) Rᵀ as it is.

    References:
        Diaconis, Shahshahani, The subgroup algorithm for generating uniform random variables,
        1987.
    """
    angle = 2 * np.pi * random.uniform()
    rotation = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    for size in range(3, dimension + 1):
        direction = random.normal(size=size)
        normal = -direction / np.linalg.norm(direction)
        normal[0] += 1
        normal /= np.linalg.norm(normal)
        embedded = np.eye(size)
        embedded[1:, 1:] = rotation
        rotation = embedded - 2 * np.outer(normal, normal @ embedded)
    return -rotation
