"""The gradient noise scale, and the batch size beyond which larger ones stop to pay."""

import numpy as np

from benchmark.curvature.operators import Array


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
    trace, square = _moments(gradients, batch_size)
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
        some_trace, some_square = _moments(np.delete(gradients, left_out, axis=0), batch_size)
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


def _moments(gradients: Array, batch_size: int) -> tuple[float, float]:
    """The estimates of tr Σ and ‖G‖²."""
    count = len(gradients)
    with np.errstate(over="ignore", invalid="ignore"):
        mean = gradients.mean(axis=0)
        trace = batch_size * float(((gradients - mean) ** 2).sum()) / (count - 1)
        return trace, float(mean @ mean) - trace / (batch_size * count)
