"""From eigenvalues, or Ritz values and their residuals, to what may be claimed."""

from dataclasses import dataclass

import numpy as np

from benchmark.curvature.exact import ExactSpectrum
from benchmark.curvature.lanczos import LanczosResult
from benchmark.curvature.operators import Array


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """The part of :class:`benchmark.curvature.Curvature` that the spectrum decides."""

    quantities: dict[str, float]
    eigenvalues: Array
    definiteness: str
    sentences: tuple[str, ...]


def from_exact(spectrum: ExactSpectrum, relative_tolerance: float) -> Verdict:
    """Judge a full spectrum.

    Args:
        spectrum: all n eigenvalues.
        relative_tolerance: what counts as zero, as a share of max |λ|: n × machine epsilon.
    """
    values = spectrum.eigenvalues
    quantities = _extremes(values, relative_tolerance) | {"exact": 1.0}
    largest, tolerance = quantities["lambda_abs_max"], quantities["tolerance"]
    smallest = float(np.abs(values).min())
    negative, positive = int((values < -tolerance).sum()), int((values > tolerance).sum())
    zero = values.size - negative - positive
    quantities |= {
        "lambda_abs_min": smallest,
        "negative": float(negative),
        "zero": float(zero),
        "positive": float(positive),
        "asymmetry": spectrum.asymmetry,
    }
    definiteness = _definiteness(negative, zero, positive)
    sentences = [
        f"The Hessian is {definiteness}: {negative} negative, {zero} zero, {positive} positive "
        f"eigenvalues (zero: |λ| ≤ {tolerance:.2g})."
    ]
    if smallest > tolerance:
        quantities["condition_number"] = largest / smallest
        sentences.append(f"κ = {largest / smallest:.3g}, from all {values.size} eigenvalues.")
    elif largest > 0:
        # An eigenvalue is known to within the tolerance, so |λ|min is at most their sum.
        bound = largest / (smallest + tolerance)
        quantities["condition_number_lower_bound"] = bound
        sentences.append(f"κ ≥ {bound:.2g}: the smallest |λ| cannot be told from zero.")
    if spectrum.asymmetry > tolerance:
        sentences.append(
            f"The products are symmetric only to {spectrum.asymmetry:.2g}: eigenvalues are "
            "uncertain by as much, and smaller ones are not resolved."
        )
    return Verdict(quantities, values, definiteness, tuple(sentences))


def from_lanczos(found: LanczosResult, relative_tolerance: float) -> Verdict:
    """Judge Ritz values: extremes with residuals, bounds for κ and for the counts.

    Ritz values lie inside the spectrum, so max |θ| ≤ max |λ|, and each θᵢ has an eigenvalue
    within its residual rᵢ (with the tolerance for rounding); hence κ ≥ max |θ| / min (|θᵢ| + rᵢ).

    Args:
        found: fewer Ritz values than there are eigenvalues.
        relative_tolerance: what counts as zero, as a share of max |θ|: n × machine epsilon.
    """
    values = found.ritz_values
    quantities = _extremes(values, relative_tolerance)
    largest, tolerance = quantities["lambda_abs_max"], quantities["tolerance"]
    # A residual of 1e-30 says that the method has converged, not that products are so exact.
    residuals = found.residuals + tolerance
    quantities |= {
        "exact": 0.0,
        "lambda_max_residual": float(residuals[-1]),
        "lambda_min_residual": float(residuals[0]),
    }
    steps = f"{found.steps} Lanczos steps"
    if not values.any() and not residuals.any():
        # A random vector is almost surely in no null space but that of the zero matrix.
        sentence = f"The Hessian is zero: {steps} from random vectors found nothing else."
        return Verdict(quantities, values, "zero", (sentence,))
    negative, positive = int((values < -tolerance).sum()), int((values > tolerance).sum())
    bound = max(1.0, largest / float((np.abs(values) + residuals).min()))
    quantities |= {
        "condition_number_lower_bound": bound,
        "negative_at_least": float(negative),
        "positive_at_least": float(positive),
    }
    indefinite = negative > 0 and positive > 0
    counts = f"at least {negative} negative and {positive} positive eigenvalues"
    sentences = (
        f"λ_max = {values[-1]:.4g} ± {residuals[-1]:.1g} and λ_min = {values[0]:.4g} ± "
        f"{residuals[0]:.1g}: an eigenvalue lies in each interval; one further out is improbable, "
        f"but not excluded by {steps}.",
        f"The Hessian is indefinite: {counts}."
        if indefinite
        else f"{steps} found {counts}: definiteness cannot be determined.",
        f"κ ≥ {bound:.2g}: the smallest eigenvalue cannot be resolved by {steps}.",
    )
    definiteness = "indefinite" if indefinite else "undetermined"
    return Verdict(quantities, values, definiteness, sentences)


def _extremes(values: Array, relative_tolerance: float) -> dict[str, float]:
    largest = float(np.abs(values).max())
    return {
        "lambda_max": float(values[-1]),
        "lambda_min": float(values[0]),
        "lambda_abs_max": largest,
        "tolerance": relative_tolerance * largest,
    }


def _definiteness(negative: int, zero: int, positive: int) -> str:
    if negative and positive:
        return "indefinite"
    if not negative and not positive:
        return "zero"
    sign = "negative" if negative else "positive"
    return f"{sign} semidefinite" if zero else f"{sign} definite"
