"""The gradient beside the spectrum: how it lies to the sharpest directions, and its noise."""

import numpy as np
from scipy.linalg import eigh

from benchmark.curvature.lanczos import LanczosBasis, extend
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


def lanczos_alignment(
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
        >>> bend, found = lanczos_alignment(
        ...     aslinearoperator(np.diag([1.0, 2.0, 50.0])), np.array([3.0, 0.0, 4.0]), 3, 50.0
        ... )
        >>> bend, round(found["alignment_top_1"], 12)
        (809.0, 0.64)

    References:
        Golub, Meurant, Matrices, moments and quadrature, 2010, ch. 6.
    """
    basis = LanczosBasis(gradient[None], min(steps, gradient.size))
    while not basis.is_complete and not basis.is_full:
        extend([basis], operator)
    values, weights = basis.tridiagonal_ritz()
    residual, largest = float(basis.residuals(weights[:, -1:])[0]), float(values[-1])
    is_top = largest > 0 and max(residual, lambda_max - largest) <= RESOLVED * largest
    found = {"alignment_top_1": float(weights[0, -1] ** 2)} if is_top else {}
    return float(basis.projection[0, 0] * (gradient @ gradient)), found


def alignment_sentence(shares: dict[str, float]) -> dict[str, str]:
    """Say how much of the gradient lies in the sharpest directions, where that is known.

    Args:
        shares: from :func:`exact_alignment` or :func:`lanczos_alignment`.
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


def gradient_noise(gradients: Array, batch_size: int) -> tuple[dict[str, float], dict[str, str]]:
    """Estimate the gradient noise scale from the gradients of several mini-batches.

        B_noise = tr Σ / ‖G‖²

    with the true gradient G and the covariance Σ of the gradient of one example. The gradients
    g₁ … g_K of K disjoint batches of b examples, with the mean ḡ, give unbiased estimates

        tr Σ ≈ b · Σₖ ‖gₖ − ḡ‖² / (K − 1),    ‖G‖² ≈ ‖ḡ‖² − tr Σ / (b K)

    The ratio is uncertain as far as ‖G‖² is; its standard error is that of the jackknife over
    batches. B_noise predicts the critical batch size: at that size training needs twice the
    steps of full batches and twice the examples of single ones; larger batches save few steps.
    For the next update only: it grows as training proceeds.

    Args:
        gradients: shape (K, n), K ≥ 2.
        batch_size: b ≥ 1, the same for all.

    Returns:
        ``gradient_noise_trace`` tr Σ, ``gradient_square`` the estimate of ‖G‖², and, where that
        is positive, ``gradient_noise_scale`` with ``gradient_noise_scale_error`` (unknown where
        without one of the batches it is not positive); and a sentence.

    Raises:
        ValueError: there are fewer than two gradients.

    Example:
        >>> found, _ = gradient_noise(np.array([[1.0, 3.0], [1.0, 1.0], [1.0, 2.0]]), 4)
        >>> found["gradient_noise_trace"], round(found["gradient_square"], 6)
        (4.0, 4.666667)
        >>> round(found["gradient_noise_scale"], 6)
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
    found = {"gradient_noise_trace": trace, "gradient_square": square}
    if square <= 0:
        return found, {
            "gradient_noise": f"The gradient cannot be told from its noise by {count} batches of "
            f"{batch_size}: the critical batch size is probably larger than all of them together, "
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
    found["gradient_noise_scale"] = scale
    if np.isfinite(error):
        found["gradient_noise_scale_error"] = error
    shown = f" ± {error:.1g}" if np.isfinite(error) else " with an unknown error"
    return found, {
        "gradient_noise": f"Gradient noise scale {scale:.3g}{shown}, the critical batch size: "
        "beyond it larger batches save few steps, and well below it they cost no more examples "
        f"({count} batches of {batch_size})."
    }


def _trace_and_square(gradients: Array, batch_size: int) -> tuple[float, float]:
    """The estimates of tr Σ and ‖G‖²."""
    count = len(gradients)
    with np.errstate(over="ignore", invalid="ignore"):
        mean = gradients.mean(axis=0)
        trace = batch_size * float(((gradients - mean) ** 2).sum()) / (count - 1)
        return trace, float(mean @ mean) - trace / (batch_size * count)
