"""How much of the gradient lies in the sharpest directions."""

import numpy as np
from scipy.linalg import eigh, eigh_tridiagonal

from benchmark.curvature.operators import Array, SymmetricOperator

TOP = (1, 10)
"""Over how many of the largest eigenvalues the share is taken."""
RESOLVED = 0.01
"""A Ritz value counts as an eigenvalue where its residual is within this share of it."""


def exact_alignment(
    hessian: Array, gradient: Array, eigenvalues: Array | None = None
) -> dict[str, float]:
    """Return the share of ‖g‖² in the span of the sharpest eigenvectors, from the matrix.

        ‖V_kᵀ g‖² / ‖g‖²    with the eigenvectors V_k of the k largest eigenvalues

    Eigenvalues that equal the k-th to rounding are taken with it: a space spanned by some of
    their eigenvectors only would be arbitrary. No more than half of all eigenvectors are made,
    those within the space or those outside, for all of them take three times the matrix.

    Args:
        hessian: shape (n, n).
        gradient: g, shape (n,).
        eigenvalues: of it, ascending, where they are known.

    Returns:
        ``alignment_top_1`` and, from eleven parameters on, ``alignment_top_10``; nothing for a
        gradient of zero, and where all eigenvalues are equal, so that none is the sharpest.

    Example:
        >>> exact_alignment(np.diag([1.0, 5.0]), np.array([3.0, 4.0]))
        {'alignment_top_1': 0.64}

    References:
        Gur-Ari, Roberts, Dyer, Gradient descent happens in a tiny subspace, 2018.
    """
    square = float(gradient @ gradient)
    if square == 0:
        return {}
    values = np.linalg.eigvalsh(hessian) if eigenvalues is None else eigenvalues
    size = len(values)
    rounding = size * np.finfo(np.float64).eps * np.abs(values).max()
    if values[0] >= values[-1] - rounding:
        return {}
    counts = {
        f"alignment_top_{count}": int((values >= values[-count] - rounding).sum())
        for count in TOP
        if count < size
    }
    return {name: _share(hessian, gradient, count) for name, count in counts.items()}


def _share(hessian: Array, gradient: Array, count: int) -> float:
    """The share of ‖g‖² in the span of the eigenvectors of the n largest eigenvalues."""
    size = len(gradient)
    if count == size:
        return 1.0
    is_within = count <= size // 2
    ends = (size - count, size - 1) if is_within else (0, size - count - 1)
    _, vectors = eigh(hessian, subset_by_index=ends, check_finite=False)
    part = float(np.sum((vectors.T @ gradient) ** 2) / (gradient @ gradient))
    return part if is_within else 1 - part


def krylov_alignment(
    operator: SymmetricOperator, gradient: Array, steps: int, lambda_max: float
) -> tuple[float, dict[str, float]]:
    """Return gᵀHg, and ``alignment_top_1`` of :func:`exact_alignment` where products resolve it.

    Lanczos' method from g gives Ritz values θᵢ with weights (first component of the i-th
    eigenvector of T)², which are the shares of ‖g‖² along the Ritz vectors: a Gauss quadrature
    of the gradient's own spectral measure. The share is left out where the largest Ritz value
    has a residual above 1 % of it, or is that much below the known largest eigenvalue.

    Args:
        operator: H, n × n.
        gradient: g, shape (n,), not zero.
        steps: products, ≥ 1.
        lambda_max: the largest eigenvalue, or a lower bound of it, found from elsewhere.

    Raises:
        FloatingPointError: a product is not finite.

    Example:
        >>> from scipy.sparse.linalg import aslinearoperator
        >>> bend, found = krylov_alignment(
        ...     aslinearoperator(np.diag([1.0, 2.0, 50.0])), np.array([3.0, 0.0, 4.0]), 3, 50.0
        ... )
        >>> bend, round(found["alignment_top_1"], 12)
        (809.0, 0.64)

    References:
        Golub, Meurant, Matrices, moments and quadrature, 2010, ch. 6.
    """
    size = gradient.size
    steps = min(steps, size)
    basis = np.empty((steps, size))
    alpha, beta = np.empty(steps), np.zeros(steps)
    vector = gradient / np.linalg.norm(gradient)
    made = steps
    for step in range(steps):
        basis[step] = vector
        product = operator.matvec(vector)
        if not np.isfinite(product).all():
            raise FloatingPointError("a product must be finite. Received NaN or infinity.")
        alpha[step] = vector @ product
        rest = product
        for _ in range(2):  # once leaves rounding behind, see lanczos
            rest = rest - basis[: step + 1].T @ (basis[: step + 1] @ rest)
        beta[step] = np.linalg.norm(rest)
        if beta[step] <= 10 * np.sqrt(size) * np.finfo(np.float64).eps * np.linalg.norm(product):
            made, beta[step] = step + 1, 0.0
            break
        vector = rest / beta[step]
    values, vectors = eigh_tridiagonal(alpha[:made], beta[: made - 1])
    residual, largest = abs(beta[made - 1] * vectors[-1, -1]), float(values[-1])
    is_top = largest > 0 and max(residual, lambda_max - largest) <= RESOLVED * largest
    found = {"alignment_top_1": float(vectors[0, -1] ** 2)} if is_top else {}
    return float(alpha[0] * (gradient @ gradient)), found


def alignment_sentence(shares: dict[str, float]) -> dict[str, str]:
    """Say how much of the gradient lies in the sharpest directions, where that is known.

    Args:
        shares: from :func:`exact_alignment` or :func:`krylov_alignment`.
    """
    if not shares:
        return {}
    words = [
        f"{_percent(share)} % along the sharpest direction"
        if name.endswith("_1")
        else f"{_percent(share)} % within the {name.split('_')[-1]} sharpest"
        for name, share in shares.items()
    ]
    return {"alignment": f"The gradient's squared length lies {' and '.join(words)}."}


def _percent(share: float) -> str:
    """A share in percent: whole, and below one with two digits, so that little is not nothing."""
    percent = 100 * share
    return f"{percent:.0f}" if percent >= 1 or percent == 0 else f"{percent:.2g}"
