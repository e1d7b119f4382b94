"""The density of a large spectrum by stochastic Lanczos quadrature."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from benchmark.curvature.lanczos import LanczosBasis, extend
from benchmark.curvature.moments import (
    Estimate,
    jackknife_estimate,
    mean_estimate,
    t_quantile,
)
from benchmark.curvature.operators import Array, SymmetricOperator
from benchmark.curvature.threads import OneThread

BASIS_BYTES = 2**29
"""Memory for the bases of probes that run side by side."""


@dataclass(frozen=True, slots=True, eq=False)
class SpectralDensity:
    """An estimate of a spectrum by random probes.

    Probe l represents the spectrum by m nodes θ_lj, whose weights w_lj sum to 1:

        (1/n) Σ_i f(λᵢ) ≈ (1/probes) Σ_l Σ_j w_lj f(θ_lj)

    Args:
        nodes: θ, shape (probes, m), ascending in each row.
        weights: w, of the same shape; 0 for nodes that a probe lacks.
        size: n.
        products: products made.
    """

    nodes: Array
    weights: Array
    size: int
    products: int = field(default=0)

    def mean(self, function: Callable[[Array], Array]) -> Estimate:
        """Estimate (1/n) Σ f(λᵢ).

        Args:
            function: f, for an array of any shape. Each probe is unbiased for a polynomial of
                degree 2 m − 1, so f should be close to one between the ends of the spectrum.
        """
        return mean_estimate(np.sum(self.weights * function(self.nodes), axis=1))

    def moment(self, order: int) -> Estimate:
        """Estimate (1/n) Σ λᵢᵏ, unbiased for k < 2 m.

        Args:
            order: k ≥ 0.
        """
        return self.mean(lambda nodes: nodes**order)

    def density(
        self, grid: Array, bandwidth: float | None = None, confidence: float = 0.95
    ) -> tuple[Array, Array, Array]:
        """Estimate the density of the spectrum, smoothed by a normal density.

            φ(t) = (1/n) Σᵢ N(t; λᵢ, σ²)

        Its integral is 1; n times the integral over an interval counts the eigenvalues there.

        Args:
            grid: the points t, shape (k,).
            bandwidth: σ > 0. By default the width of the spectrum divided by m, which is about
                what m nodes resolve.
            confidence: of the band at each single point, within (0, 1), by Student's t over the
                probes. It covers the randomness of the probes, not what m nodes cannot resolve.

        Returns:
            The estimate, and the lower and upper end of the band, each of shape (k,).

        Raises:
            ValueError: the bandwidth or the confidence is out of range.
        """
        sigma = self.bandwidth if bandwidth is None else bandwidth
        if not sigma > 0:
            raise ValueError(f"bandwidth must be > 0. Received {sigma} in SpectralDensity.density.")
        probes = zip(self.nodes, self.weights, strict=True)
        curves = np.stack([self._smoothed(*probe, grid, sigma) for probe in probes])
        estimate = curves.mean(axis=0)
        count = len(curves)
        error = curves.std(axis=0, ddof=1) / np.sqrt(count)
        reach = t_quantile(confidence, count - 1) * error
        return estimate, np.maximum(estimate - reach, 0.0), estimate + reach

    @property
    def bandwidth(self) -> float:
        """The default σ: the width of the nodes divided by their number, and always above 0."""
        nodes = self.nodes[self.weights > 0]
        width = float(nodes.max() - nodes.min())
        return max(width / self.nodes.shape[1], 1e-12 * float(np.abs(nodes).max()), 1e-300)

    def count(self, low: float = -np.inf, high: float = np.inf) -> Estimate:
        """Estimate how many eigenvalues lie within [low, high].

        Args:
            low: the lower end; no eigenvalue should be close to it.
            high: the upper end, likewise.
        """
        inside = np.sum(self.weights * ((self.nodes >= low) & (self.nodes <= high)), axis=1)
        return mean_estimate(self.size * inside)

    def trace(self) -> Estimate:
        """Estimate Σ λᵢ."""
        return mean_estimate(self.size * np.sum(self.weights * self.nodes, axis=1))

    def effective_rank(self) -> Estimate:
        r"""Estimate (Σ \|λ\|)² / Σ λ², the number of equal eigenvalues with the same sums."""
        sizes = np.sum(self.weights * np.abs(self.nodes), axis=1)
        squares = np.sum(self.weights * self.nodes**2, axis=1)
        if not squares.any():
            return Estimate(0.0, 0.0, len(squares) - 1)
        leave_one_out = [(sums.sum() - sums) / (sums.size - 1) for sums in (sizes, squares)]
        value = self.size * float(sizes.mean() ** 2 / squares.mean())
        return jackknife_estimate(value, self.size * leave_one_out[0] ** 2 / leave_one_out[1])

    @staticmethod
    def _smoothed(nodes: Array, weights: Array, grid: Array, sigma: float) -> Array:
        distance = (np.asarray(grid, np.float64)[:, None] - nodes) / sigma
        return np.exp(-(distance**2) / 2) @ weights / (sigma * np.sqrt(2 * np.pi))


@OneThread()
def spectral_density(
    operator: SymmetricOperator, probes: int = 10, steps: int = 60, seed: int = 0
) -> SpectralDensity:
    """Estimate the density of a spectrum by stochastic Lanczos quadrature.

    If v is uniform on the unit sphere, E vᵀf(H)v = tr f(H) / n. From v, m steps of Lanczos' method
    give a tridiagonal T with eigenvalues θ_j and unit eigenvectors s_j, and

        vᵀf(H)v ≈ Σ_j w_j f(θ_j),    w_j = (first entry of s_j)²

    This is Gauss quadrature, which is exact for polynomials of degree 2 m − 1.

    Args:
        operator: n × n, symmetric.
        probes: independent random vectors, ≥ 2; the error falls like 1/√probes.
        steps: m ≥ 1, products of each probe, at most n. Ghorbani et al. find 80 ample for
            networks.
        seed: ≥ 0.

    Raises:
        ValueError: there are fewer than 2 probes or 1 step.
        FloatingPointError: a product is not finite.

    Example:
        >>> from scipy.sparse.linalg import aslinearoperator
        >>> density = spectral_density(aslinearoperator(np.diag(np.arange(100.0))), probes=8)
        >>> low, high = density.moment(1).interval()
        >>> low < 49.5 < high
        True

    References:
        Golub and Meurant, Matrices, moments and quadrature, 1994; Lin, Saad and Yang,
        Approximating spectral densities of large matrices, 2016; Ghorbani, Krishnan and Xiao,
        An investigation into neural net optimization via Hessian eigenvalue density, 2019.
    """
    if probes < 2 or steps < 1:
        raise ValueError(
            f"probes must be ≥ 2 and steps ≥ 1. Received {probes} and {steps} in spectral_density."
        )
    size = operator.shape[0]
    steps = min(steps, size)
    starts = np.random.default_rng(seed).standard_normal((probes, size))
    together = max(1, min(probes, BASIS_BYTES // (8 * size * (steps + 1))))
    groups = [
        _tridiagonals(operator, starts[first : first + together], steps)
        for first in range(0, probes, together)
    ]
    nodes, vectors = np.linalg.eigh(np.concatenate([matrices for matrices, _ in groups]))
    products = sum(count for _, count in groups)
    return SpectralDensity(nodes, vectors[:, 0, :] ** 2, size, products)


def _tridiagonals(operator: SymmetricOperator, starts: Array, steps: int) -> tuple[Array, int]:
    """Return T for each start vector, and how many products all took together."""
    bases = [LanczosBasis(start[None], steps) for start in starts]
    for _ in range(steps):
        # A complete basis is invariant: its quadrature is exact, the rest of T zero.
        if growing := [basis for basis in bases if not basis.is_complete]:
            extend(growing, operator)
    matrices = np.stack([np.diag(np.diagonal(basis.projection)) for basis in bases])
    for matrix, basis in zip(matrices, bases, strict=True):
        rows = np.arange(1, basis.dimension)
        matrix[rows, rows - 1] = matrix[rows - 1, rows] = basis.subdiagonal[:-1]
    return matrices, sum(basis.products for basis in bases)
