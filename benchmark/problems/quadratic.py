"""The quadratic bowl."""

import numpy as np
from keras import ops

from benchmark.problems.base import Array, Problem, Tensor, same_for_all
from benchmark.problems.spectra import eigenvalues, random_rotation, rotated


class Quadratic(Problem):
    """A rotated quadratic with a chosen condition number, spectrum and noise.

        f(θ) = ½ (θ − θ*)ᵀ H (θ − θ*),    H = R diag(μ … L) Rᵀ,    κ = L / μ

    The start is θ* + R·1: one unit along every eigenvector, so that no eigenvalue is spared.

    With ``noise`` σ > 0 there are examples x whose values are f(θ; x) = f(θ) + σ xᵀ(θ − θ*):
    to the gradient of one example the noise σ x is added, of the covariance σ² I wherever θ is.
    The x are drawn in pairs x, −x from N(0, I), so that their mean is zero and the function over
    all examples is f itself.

    Args:
        dimension: number of parameters, ≥ 1.
        condition_number: κ ≥ 1; must be 1 in one dimension.
        largest_eigenvalue: L > 0.
        spectrum: how the eigenvalues lie between μ and L, a name in
            :data:`benchmark.problems.spectra.SPECTRA`.
        noise: σ ≥ 0, in units of the gradient.
        samples: number of examples, ≥ 1; even with noise.
        seed: of the rotation R, and of the examples, ≥ 0.

    Raises:
        ValueError: an option is out of range.

    Example:
        >>> bowl = Quadratic(dimension=3, condition_number=100.0, largest_eigenvalue=10.0)
        >>> np.linalg.eigvalsh(bowl.hessian(bowl.start)).round(6).tolist()
        [0.1, 1.0, 10.0]

    References:
        Additive noise of this kind is that of Bach, Moulines, Non-strongly-convex smooth
        stochastic approximation with convergence rate O(1/n), 2013, for a known Hessian.
    """

    name = "quadratic"

    def __init__(
        self,
        dimension: int = 10,
        condition_number: float = 100.0,
        largest_eigenvalue: float = 1.0,
        spectrum: str = "geometric",
        noise: float = 0.0,
        samples: int = 1,
        seed: int = 0,
    ) -> None:
        super().__init__(
            dimension=dimension,
            condition_number=condition_number,
            largest_eigenvalue=largest_eigenvalue,
            spectrum=spectrum,
            noise=noise,
            samples=samples,
            seed=seed,
        )
        smallest = largest_eigenvalue / condition_number
        self.eigenvalues: Array = eigenvalues(spectrum, smallest, largest_eigenvalue, dimension)
        """The spectrum of the Hessian, ascending."""
        rotation = random_rotation(dimension, np.random.default_rng(seed))
        self._matrix = rotated(self.eigenvalues, rotation)
        self._noise = noise
        self.data = self._draw(samples, dimension, seed) if noise else np.zeros((samples, 1), "f4")
        # Not zero: weight decay or a small initialisation would start half-way to the answer.
        self.minimum = np.ones(dimension)
        self.start = self.minimum + rotation.sum(axis=1)

    @staticmethod
    def _draw(samples: int, dimension: int, seed: int) -> np.ndarray:
        generator = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(1,)))
        half = generator.standard_normal((samples // 2, dimension)).astype(np.float32)
        return np.concatenate([half, -half])

    def value(self, theta: Tensor, x: Tensor) -> Tensor:
        """See :meth:`Problem.value`."""
        offset = theta - ops.convert_to_tensor(self.minimum, dtype=theta.dtype)
        matrix = ops.convert_to_tensor(self._matrix, dtype=theta.dtype)
        value = same_for_all(ops.sum(offset * ops.matmul(matrix, offset)) / 2, x)
        # Structural: without noise the examples are dummies that must not enter the value.
        return (
            value + self._noise * ops.matmul(ops.cast(x, theta.dtype), offset)
            if self._noise
            else value
        )

    def gradient(self, theta: Array) -> Array:
        """See :meth:`Problem.gradient`."""
        return self._matrix @ (theta - self.minimum)

    def hessian(self, theta: Array) -> Array:
        """See :meth:`Problem.hessian`."""
        return self._matrix.copy()
