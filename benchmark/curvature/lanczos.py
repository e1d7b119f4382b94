"""The ends of a large spectrum by Lanczos' method."""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh_tridiagonal

from benchmark.curvature.operators import Array, SymmetricOperator
from benchmark.curvature.threads import OneThread


@dataclass(frozen=True, slots=True, eq=False)
class LanczosResult:
    """What m steps of Lanczos' method found.

    Args:
        ritz_values: θ₁ ≤ … ≤ θₘ, the eigenvalues of QᵀHQ for orthonormal Q. By Cauchy's
            interlacing theorem H has at least as many eigenvalues below (above) any number as
            there are Ritz values.
        residuals: rᵢ = |βₘ sₘᵢ| = ‖H yᵢ − θᵢ yᵢ‖ for the Ritz vectors yᵢ; H has an eigenvalue
            within rᵢ of θᵢ.
        restarts: how often the vectors found spanned an invariant subspace and the method went
            on from a new random vector.
    """

    ritz_values: Array
    residuals: Array
    restarts: int

    @property
    def steps(self) -> int:
        """m, the number of products."""
        return int(self.ritz_values.size)


@OneThread()
def lanczos(
    operator: SymmetricOperator, steps: int, seed: int = 0, start: Array | None = None
) -> LanczosResult:
    """Approximate the ends of the spectrum of a symmetric operator.

        H Q = Q T + βₘ q eₘᵀ,    T tridiagonal with diagonal α and off-diagonal β

    Each new vector is orthogonalised twice against all earlier ones: without that, rounding
    lets converged eigenvalues appear again as ghosts, and every count would be wrong.

    Where β vanishes, the vectors span an invariant subspace, and the Ritz values so far are
    eigenvalues; the method then goes on from a new random vector orthogonal to them, which
    finds further copies of multiple eigenvalues.

    Args:
        operator: n × n, symmetric.
        steps: m ≥ 1, the number of products; at most n are made.
        seed: of the start vector, ≥ 0, drawn from the unit sphere uniformly.
        start: another start vector, shape (n,), not zero: a sum of eigenvectors at an earlier
            point, for instance, whose eigenvalues are then found first.

    Raises:
        ValueError: ``steps`` is below 1, or ``start`` is no direction.
        FloatingPointError: a product is not finite.

    Example:
        >>> from scipy.sparse.linalg import aslinearoperator
        >>> spectrum = np.array([-5.0, *np.linspace(0, 1, 97), 8.0, 20.0])
        >>> found = lanczos(aslinearoperator(np.diag(spectrum)), steps=30)
        >>> found.ritz_values[[0, -2, -1]].round(6).tolist()
        [-5.0, 8.0, 20.0]
        >>> bool(found.residuals[-1] < 1e-9)
        True

    References:
        Parlett, The Symmetric Eigenvalue Problem, 1998, ch. 13 (method and residuals), §6.9
        ("twice is enough"), §10.1 (interlacing).
    """
    if steps < 1:
        raise ValueError(f"steps must be ≥ 1. Received {steps} in lanczos.")
    size = operator.shape[0]
    steps = min(steps, size)
    generator = np.random.default_rng(seed)
    basis = np.empty((steps, size))
    alpha, beta = np.empty(steps), np.zeros(steps)
    restarts = 0
    vector = _start(generator.standard_normal(size) if start is None else start, size)
    for step in range(steps):
        basis[step] = vector
        product = operator.matvec(vector)
        if not np.isfinite(product).all():
            raise FloatingPointError("a product must be finite. Received NaN or infinity.")
        alpha[step] = vector @ product
        rest = _orthogonal(product, basis[: step + 1])
        beta[step] = np.linalg.norm(rest)
        # What rounding leaves of a product inside the subspace: a few epsilon of its length.
        if beta[step] > 10 * np.sqrt(size) * np.finfo(np.float64).eps * np.linalg.norm(product):
            vector = rest / beta[step]
            continue
        beta[step] = 0.0
        if step + 1 < steps:
            restarts += 1
            vector = _unit(_orthogonal(generator.standard_normal(size), basis[: step + 1]))
    if steps == size:
        beta[-1] = 0.0  # the whole space is invariant
    values, vectors = eigh_tridiagonal(alpha, beta[:-1])
    residuals = np.abs(beta[-1] * vectors[-1])
    return LanczosResult(np.asarray(values, np.float64), residuals, restarts)


def _start(vector: Array, size: int) -> Array:
    given = np.asarray(vector, np.float64)
    if given.shape != (size,) or not 0 < np.linalg.norm(given) < np.inf:
        raise ValueError(
            f"start must be a vector of {size} finite entries, not all zero. "
            f"Received the shape {given.shape} in lanczos."
        )
    return _unit(given)


def _unit(vector: Array) -> Array:
    return vector / np.linalg.norm(vector)


def _orthogonal(vector: Array, basis: Array) -> Array:
    for _ in range(2):
        vector = vector - basis.T @ (basis @ vector)
    return vector
