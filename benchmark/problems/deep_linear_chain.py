"""A deep linear network with equal symmetric layers."""

import numpy as np
from keras import ops

from benchmark.problems.base import Array, Problem, Tensor, same_for_all
from benchmark.problems.spectra import random_rotation, rotated


class DeepLinearChain(Problem):
    """A chain of linear layers that learns the identity; its gradients vanish or explode.

        f(W₁ … Wₙ) = ½ ‖Wₙ ⋯ W₁ − I‖²    (Frobenius norm)

    All layers start as the same symmetric matrix W = Q Λ Qᵀ, so the end-to-end matrix is
    Q Λⁿ Qᵀ and the gradient of every layer is

        ∂f/∂Wₖ = Q Λⁿ⁻¹ (Λⁿ − I) Qᵀ

    An eigenvalue λ of a layer becomes λⁿ end to end: below 1 it vanishes with depth, above 1 it
    explodes, and so does its gradient with λⁿ⁻¹. The minimum stored here is Wₖ = I; any chain
    whose product is I is one too, so the Hessian there has n−1 zero eigenvalues for each of
    the ``width``² directions, the others being n.

    Args:
        layers: n ≥ 2.
        width: rows and columns of a layer, ≥ 1.
        smallest_eigenvalue: of Λ, > 0; the eigenvalues are spaced evenly.
        largest_eigenvalue: of Λ, ≥ ``smallest_eigenvalue``.
        seed: of the rotation Q, ≥ 0.

    Raises:
        ValueError: an option is out of range.

    Example:
        >>> chain = DeepLinearChain(layers=3, width=2)
        >>> np.linalg.eigvalsh(chain.end_to_end(chain.start)).round(3).tolist()
        [0.125, 3.375]

    References:
        Saxe, McClelland, Ganguli, Exact solutions to the nonlinear dynamics of learning in
        deep linear neural networks, 2014, §1; Goodfellow, Bengio, Courville, Deep Learning,
        2016, §8.2.5.
    """

    name = "deep_linear_chain"

    def __init__(
        self,
        layers: int = 4,
        width: int = 3,
        smallest_eigenvalue: float = 0.5,
        largest_eigenvalue: float = 1.5,
        seed: int = 0,
    ) -> None:
        super().__init__(
            layers=layers,
            width=width,
            smallest_eigenvalue=smallest_eigenvalue,
            largest_eigenvalue=largest_eigenvalue,
            seed=seed,
        )
        self._shape = (layers, width, width)
        self.eigenvalues: Array = np.linspace(smallest_eigenvalue, largest_eigenvalue, width)
        """The eigenvalues of each layer at the start, ascending."""
        self.rotation: Array = random_rotation(width, np.random.default_rng(seed))
        """Q, whose columns are the eigenvectors of each layer at the start."""
        layer = rotated(self.eigenvalues, self.rotation)
        self.start = np.tile(layer.ravel(), layers)
        self.minimum = np.tile(np.eye(width).ravel(), layers)

    def end_to_end(self, theta: Array) -> Array:
        """Return Wₙ ⋯ W₁, shape (width, width)."""
        weights = np.reshape(theta, self._shape)
        return self._product(weights, 0, len(weights))

    def value(self, theta: Tensor, x: Tensor) -> Tensor:
        """See :meth:`Problem.value`; θ holds W₁ … Wₙ, each row by row."""
        layers, width, _ = self._shape
        weights = ops.reshape(theta, self._shape)
        product = weights[0]
        for index in range(1, layers):
            product = ops.matmul(weights[index], product)
        residual = product - ops.eye(width, dtype=theta.dtype)
        return same_for_all(ops.sum(ops.square(residual)) / 2, x)

    def gradient(self, theta: Array) -> Array:
        """See :meth:`Problem.gradient`."""
        weights = np.reshape(theta, self._shape)
        layers, width, _ = self._shape
        residual = self.end_to_end(theta) - np.eye(width)
        above = [self._product(weights, index + 1, layers) for index in range(layers)]
        below = [self._product(weights, 0, index) for index in range(layers)]
        parts = [a.T @ residual @ b.T for a, b in zip(above, below, strict=True)]
        return np.concatenate([part.ravel() for part in parts])

    def hessian(self, theta: Array) -> Array:
        """See :meth:`Problem.hessian`.

        With A and B the products above and below a layer, and R the residual, the Jacobian of
        the product for Wₖ is A ⊗ Bᵀ (row-major), and for j < k the second derivative of the
        product adds the block  (AₖᵀRBⱼᵀ)[a, d] · (Wₖ₋₁ ⋯ Wⱼ₊₁)[b, c]  at (Wₖ[a, b], Wⱼ[c, d]).
        """
        weights = np.reshape(theta, self._shape)
        layers, width, _ = self._shape
        size = width * width
        residual = self.end_to_end(theta) - np.eye(width)
        above = [self._product(weights, index + 1, layers) for index in range(layers)]
        below = [self._product(weights, 0, index) for index in range(layers)]
        jacobian = np.hstack([np.kron(a, b.T) for a, b in zip(above, below, strict=True)])
        hessian = jacobian.T @ jacobian
        for upper in range(layers):
            for lower in range(upper):
                outer = above[upper].T @ residual @ below[lower].T
                middle = self._product(weights, lower + 1, upper)
                block = np.einsum("ad,bc->abcd", outer, middle).reshape(size, size)
                rows = slice(upper * size, (upper + 1) * size)
                columns = slice(lower * size, (lower + 1) * size)
                hessian[rows, columns] += block
                hessian[columns, rows] += block.T
        return hessian

    @staticmethod
    def _product(weights: Array, first: int, end: int) -> Array:
        """W[end-1] ⋯ W[first]; the identity where there is no layer between."""
        product = np.eye(weights.shape[-1])
        for index in range(first, end):
            product = weights[index] @ product
        return product
