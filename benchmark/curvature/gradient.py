"""The gradient: its share along the sharpest directions, and its noise between mini-batches."""

import numpy as np
from scipy.linalg import eigh

from benchmark.curvature.lanczos import LanczosBasis, grow
from benchmark.curvature.operators import Array, SymmetricOperator

TOP = (1, 10)
"""The numbers of largest eigenvalues that the share is taken over."""
RESOLVED = 0.01
"""A Ritz value counts as an eigenvalue if its residual is within this share of it."""


def exact_alignment(
    hessian: Array, gradient: Array, eigenvalues: Array | None = None
) -> dict[str, float]:
    """Return the share of ‖g‖² in the span of the sharpest eigenvectors, from the matrix.

        ‖V_kᵀ g‖² / ‖g‖²    with the eigenvectors V_k of the k largest eigenvalues

    Eigenvalues that equal the k-th up to rounding count with it, because a choice among their
    eigenvectors would be arbitrary. At most half of all eigenvectors are computed, those within
    the space or those outside, because all of them take the memory of three matrices.

    Args:
        hessian: shape (n, n).
        gradient: g, shape (n,).
        eigenvalues: its eigenvalues, ascending, if they are known.

    Returns:
        ``alignment_top_1`` and, from eleven parameters on, ``alignment_top_10``. Nothing if the
        gradient is zero or all eigenvalues are equal, so that no direction is the sharpest.

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
    """Return the share of ‖g‖² in the span of eigenvectors of the largest eigenvalues."""
    size = len(gradient)
    if count == size:
        return 1.0
    is_within = count <= size // 2
    ends = (size - count, size - 1) if is_within else (0, size - count - 1)
    _, vectors = eigh(hessian, subset_by_index=ends, check_finite=False)
    share = float(np.sum((vectors.T @ gradient) ** 2) / (gradient @ gradient))
    return share if is_within else 1 - share


def lanczos_alignment(
    operator: SymmetricOperator, gradient: Array, steps: int, lambda_max: float
) -> tuple[float, dict[str, float]]:
    """Return gᵀHg, and ``alignment_top_1`` of :func:`exact_alignment` if products resolve it.

    Lanczos' method from g gives Ritz values θᵢ. Their weights, (first component of the i-th
    eigenvector of T)², are the shares of ‖g‖² along the Ritz vectors: a Gauss quadrature of the
    spectral measure of g. The share is left out if the largest Ritz value has a residual above
    1 % of it, or is that much below the known largest eigenvalue.

    Args:
        operator: H, n × n.
        gradient: g, shape (n,), not zero.
        steps: the number of products, ≥ 1.
        lambda_max: the largest eigenvalue, or a lower bound of it.

    Raises:
        FloatingPointError: a product is not finite.

    Example:
        >>> from scipy.sparse.linalg import aslinearoperator
        >>> bend, quantities = lanczos_alignment(
        ...     aslinearoperator(np.diag([1.0, 2.0, 50.0])), np.array([3.0, 0.0, 4.0]), 3, 50.0
        ... )
        >>> bend, round(quantities["alignment_top_1"], 12)
        (809.0, 0.64)

    References:
        Golub, Meurant, Matrices, moments and quadrature, 2010, ch. 6.
    """
    basis = LanczosBasis(gradient[None], min(steps, gradient.size))
    grow(basis, operator, len(basis.projection))
    values, weights = basis.tridiagonal_ritz()
    residual, largest = float(basis.residuals(weights[:, -1:])[0]), float(values[-1])
    is_top = largest > 0 and max(residual, lambda_max - largest) <= RESOLVED * largest
    shares = {"alignment_top_1": float(weights[0, -1] ** 2)} if is_top else {}
    return float(basis.projection[0, 0] * (gradient @ gradient)), shares


def alignment_sentence(shares: dict[str, float]) -> dict[str, str]:
    """Say how much of the gradient lies in the sharpest directions, if that is known.

    Args:
        shares: those of :func:`exact_alignment` or :func:`lanczos_alignment`.
    """
    if not shares:
        return {}
    words = [
        f"{_percent(share)} % lies along the sharpest direction"
        if name.endswith("_1")
        else f"{_percent(share)} % within the {name.split('_')[-1]} sharpest"
        for name, share in shares.items()
    ]
    return {"alignment": f"Of the gradient's squared length, {' and '.join(words)}."}


def _percent(share: float) -> str:
    """Format a share in percent: whole numbers, and below one two digits."""
    percent = 100 * share
    return f"{percent:.0f}" if percent >= 1 or percent == 0 else f"{percent:.2g}"


def gradient_noise(gradients: Array, batch_size: int) -> tuple[dict[str, float], dict[str, str]]:
    """Estimate the gradient noise scale from the gradients of several mini-batches.

        B_noise = tr Σ / ‖G‖²

    with the true gradient G and the covariance Σ of the gradient of one example. The gradients
    g₁ … g_K of K disjoint batches of b examples, with the mean ḡ, give unbiased estimates

        tr Σ ≈ b · Σₖ ‖gₖ − ḡ‖² / (K − 1),    ‖G‖² ≈ ‖ḡ‖² − tr Σ / (b K)

    The ratio is as uncertain as ‖G‖²; the jackknife over batches gives its standard error.
    B_noise predicts the critical batch size. At that size training needs twice the steps of full
    batches and twice the examples of single ones; larger batches save few steps. The prediction
    is for the next update, and B_noise grows as training proceeds.

    Args:
        gradients: shape (K, n), K ≥ 2.
        batch_size: b ≥ 1, the same for all batches.

    Returns:
        ``gradient_noise_trace`` tr Σ and ``gradient_square``, the estimate of ‖G‖². If the latter
        is positive, also ``gradient_noise_scale`` with ``gradient_noise_scale_error``, which is
        left out if the estimate is not positive without one of the batches. And a sentence.

    Raises:
        ValueError: there are fewer than two gradients.

    Example:
        >>> quantities, _ = gradient_noise(np.array([[1.0, 3.0], [1.0, 1.0], [1.0, 2.0]]), 4)
        >>> quantities["gradient_noise_trace"], round(quantities["gradient_square"], 6)
        (4.0, 4.666667)
        >>> round(quantities["gradient_noise_scale"], 6)
        0.857143

    References:
        McCandlish, Kaplan, Amodei et al., An empirical model of large-batch training, 2018, §2.2
        (B_simple) and appendix A.1 (unbiased estimates).
    """
    count = len(gradients)
    if count < 2:
        raise ValueError(f"gradients must be of at least 2 batches. Received {count}.")
    trace, square = _trace_and_square(gradients, batch_size)
    if not np.isfinite([trace, square]).all():
        return {}, {"gradient_noise": "The gradient's noise is not known: its square overflows."}
    quantities = {"gradient_noise_trace": trace, "gradient_square": square}
    if square <= 0:
        return quantities, {
            "gradient_noise": f"{count} batches of {batch_size} do not distinguish the gradient "
            "from its noise: the critical batch size is probably larger than all of them together, "
            f"{count * batch_size}, or the weights are at a critical point."
        }
    scale = trace / square
    parts = []
    for left_out in range(count if count > 2 else 0):
        some_trace, some_square = _trace_and_square(
            np.delete(gradients, left_out, axis=0), batch_size
        )
        parts.append(some_trace / some_square if some_square > 0 else np.inf)
    spread = np.array(parts)
    error = float("nan")
    if spread.size and np.isfinite(spread).all():
        error = float(np.sqrt((count - 1) / count * ((spread - spread.mean()) ** 2).sum()))
    quantities["gradient_noise_scale"] = scale
    if np.isfinite(error):
        quantities["gradient_noise_scale_error"] = error
    shown = f" ± {error:.1g}" if np.isfinite(error) else " with an unknown error"
    return quantities, {
        "gradient_noise": f"Gradient noise scale {scale:.3g}{shown}, the critical batch size: "
        "beyond it larger batches save few steps, and well below it they cost no more examples "
        f"({count} batches of {batch_size})."
    }


def _trace_and_square(gradients: Array, batch_size: int) -> tuple[float, float]:
    """Return the estimates of tr Σ and ‖G‖²."""
    count = len(gradients)
    with np.errstate(over="ignore", invalid="ignore"):
        mean = gradients.mean(axis=0)
        trace = batch_size * float(((gradients - mean) ** 2).sum()) / (count - 1)
        return trace, float(mean @ mean) - trace / (batch_size * count)
