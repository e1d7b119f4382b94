"""What follows from eigenvalues, or from Ritz values and their residuals."""

from dataclasses import dataclass

import numpy as np

from benchmark.curvature.exact import ExactSpectrum
from benchmark.curvature.lanczos import LanczosResult
from benchmark.curvature.operators import Array

VISIBLE = 1e-3
"""A relative error above this is visible in a number with three digits."""


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """The part of :class:`benchmark.curvature.Curvature` that follows from the spectrum."""

    quantities: dict[str, float]
    eigenvalues: Array
    definiteness: str
    findings: dict[str, str]


def from_exact(spectrum: ExactSpectrum, relative_tolerance: float) -> Verdict:
    """Evaluate a full spectrum.

    Args:
        spectrum: all n eigenvalues.
        relative_tolerance: a share of max |λ| that counts as zero: n × machine epsilon. If the
            products are less symmetric than that, their asymmetry counts instead.
    """
    values = spectrum.eigenvalues
    quantities = _extremes(values, relative_tolerance) | {"exact": 1.0}
    largest, rounding = quantities["lambda_abs_max"], quantities["tolerance"]
    # The error of an eigenvalue from asymmetric products is no sign of curvature.
    tolerance = quantities["tolerance"] = max(rounding, spectrum.asymmetry)
    for name in ("lambda_max", "lambda_min"):
        if abs(quantities[name]) <= tolerance:  # what rounding made of zero has no digits
            quantities[name] = 0.0
    smallest = float(np.abs(values).min())
    negative, positive = int((values < -tolerance).sum()), int((values > tolerance).sum())
    zero = values.size - negative - positive
    if smallest > tolerance:
        quantities["lambda_abs_min"] = smallest
    else:  # a zero with rounding is no value
        quantities["lambda_abs_min_upper_bound"] = smallest + tolerance
    quantities |= {
        "negative": float(negative),
        "zero": float(zero),
        "positive": float(positive),
        "asymmetry": spectrum.asymmetry,
    }
    definiteness = _definiteness(negative, zero, positive)
    findings = {
        "extremes": f"{_shown('λ_max', values[-1], tolerance)}, "
        f"{_shown('λ_min', values[0], tolerance)} and the smallest "
        f"{_shown('|λ|', smallest, tolerance, 3)}, from all {values.size} eigenvalues.",
        "definiteness": f"The Hessian is {definiteness}: {negative} negative, {zero} zero, "
        f"{positive} positive eigenvalues (zero: |λ| ≤ {tolerance:.2g}).",
    }
    if smallest > tolerance:
        quantities["condition_number"] = largest / smallest
        findings["condition_number"] = _exact_condition(largest, smallest, tolerance)
    elif largest > tolerance:
        # Each eigenvalue is known up to the tolerance.
        bound = max(1.0, (largest - tolerance) / (smallest + tolerance))
        quantities["condition_number_lower_bound"] = bound
        findings["condition_number"] = (
            f"κ ≥ {bound:.2g}: the smallest |λ| cannot be told from zero."
        )
    if spectrum.asymmetry > rounding:
        findings["symmetry"] = (
            f"The products are symmetric only to {spectrum.asymmetry:.2g}: eigenvalues are "
            "uncertain by as much, and smaller ones are not resolved."
        )
    return Verdict(quantities, values, definiteness, findings)


def from_lanczos(ritz: LanczosResult, relative_tolerance: float) -> Verdict:
    """Evaluate Ritz values: extremes with residuals, bounds for κ and for the counts.

    Ritz values lie inside the spectrum, so max |θ| ≤ max |λ|. Each θᵢ has an eigenvalue within its
    residual rᵢ (plus the tolerance for rounding). Hence κ ≥ max |θ| / min (|θᵢ| + rᵢ).

    Args:
        ritz: fewer Ritz values than there are eigenvalues.
        relative_tolerance: a share of max |θ| that counts as zero: n × machine epsilon.
    """
    values = ritz.ritz_values
    quantities = _extremes(values, relative_tolerance)
    largest, tolerance = quantities["lambda_abs_max"], quantities["tolerance"]
    # A residual of 1e-30 shows that the method converged, not that products are that exact.
    residuals = ritz.residuals + tolerance
    quantities |= {
        "exact": 0.0,
        "lambda_max_residual": float(residuals[-1]),
        "lambda_min_residual": float(residuals[0]),
    }
    steps = f"{ritz.steps} Lanczos steps"
    if not values.any() and not residuals.any():
        # A random vector almost surely lies in no null space except that of the zero matrix.
        sentence = f"The Hessian is zero: {steps} from random vectors found nothing else."
        return Verdict(quantities, values, "zero", {"definiteness": sentence})
    negative, positive = int((values < -tolerance).sum()), int((values > tolerance).sum())
    smallest = float((np.abs(values) + residuals).min())
    bound = max(1.0, largest / smallest)
    quantities |= {
        "lambda_abs_min_upper_bound": smallest,
        "condition_number_lower_bound": bound,
        "negative_at_least": float(negative),
        "positive_at_least": float(positive),
    }
    indefinite = negative > 0 and positive > 0
    counts = f"at least {negative} negative and {positive} positive eigenvalues"
    findings = {
        "extremes": f"{_shown_within('λ_max', values[-1], residuals[-1], tolerance)} and "
        f"{_shown_within('λ_min', values[0], residuals[0], tolerance)}: an eigenvalue lies in each "
        f"interval; one further out is improbable, but not excluded by {steps}.",
        "definiteness": f"The Hessian is indefinite: {counts} (zero: |λ| ≤ {tolerance:.2g})."
        if indefinite
        else f"{steps} found {counts}: definiteness cannot be determined.",
        "condition_number": f"κ ≥ {bound:.3g}, since the smallest |λ| ≤ {smallest:.2g}: it cannot "
        f"be resolved by {steps}.",
    }
    definiteness = "indefinite" if indefinite else "undetermined"
    return Verdict(quantities, values, definiteness, findings)


def _shown_within(symbol: str, value: float, residual: float, tolerance: float) -> str:
    """Return a value with its residual, or a bound if the value itself is only rounding."""
    if abs(value) > tolerance or not tolerance:
        return f"{symbol} = {value:.4g} ± {residual:.1g}"
    return f"|{symbol}| ≤ {abs(value) + residual:.1g}"


def _exact_condition(largest: float, smallest: float, tolerance: float) -> str:
    """State κ, with its range if rounding is visible in the digits shown."""
    sentence = f"κ = {largest / smallest:.3g}, from all eigenvalues"
    if tolerance < VISIBLE * smallest:
        return f"{sentence}."
    low = (largest - tolerance) / (smallest + tolerance)
    high = (largest + tolerance) / (smallest - tolerance)
    return (
        f"{sentence}; the smallest |λ| is hardly more than rounding, which allows κ from "
        f"{low:.2g} to {high:.2g}."
    )


def _shown(name: str, value: float, tolerance: float, digits: int = 4) -> str:
    """Return a value if it is resolved, otherwise its bound, because its digits are noise.

    Example:
        >>> _shown("λ_min", 0.5, 1e-15), _shown("|λ|", 4e-18, 1e-15)
        ('λ_min = 0.5', '|λ| ≤ 1e-15')
    """
    if abs(value) > tolerance:
        return f"{name} = {value:.{digits}g}"
    return f"{name if name.startswith('|') else f'|{name}|'} ≤ {tolerance:.2g}"


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


KINDS = {
    "positive definite": "minimum",
    "negative definite": "maximum",
    "indefinite": "saddle",
    "positive semidefinite": "degenerate",
    "negative semidefinite": "degenerate",
    "zero": "degenerate",
    "undetermined": "undetermined",
}
"""The kind of a critical point, by the definiteness of the Hessian."""
_MEANINGS = {
    "minimum": "the loss rises in every direction.",
    "maximum": "the loss falls in every direction.",
    "saddle": "the loss rises in some directions and falls in others.",
    "degenerate": "some direction is flat to second order, so that higher orders decide.",
    "undetermined": "too little of the spectrum is known to tell what kind.",
}


def kind_of_point(norm: float, tolerance: float, definiteness: str) -> tuple[str, str]:
    """Return what kind of point the weights are at; the gradient is tested first.

    Args:
        norm: ‖g‖, the Euclidean norm of the gradient.
        tolerance: up to this, ‖g‖ counts as zero.
        definiteness: that of the Hessian.

    Returns:
        ``"minimum"``, ``"maximum"``, ``"saddle"``, ``"degenerate"``, ``"undetermined"`` or ``"not
        a critical point"``, and a sentence.

    Example:
        >>> kind_of_point(1e-9, 1e-5, "indefinite")[0], kind_of_point(0.1, 1e-5, "indefinite")[0]
        ('saddle', 'not a critical point')

    References:
        Nocedal and Wright, Numerical Optimization, 2006, theorems 2.3 and 2.4.
    """
    if not norm <= tolerance:
        verdict = "not a critical point"
        return verdict, f"Not a critical point: ‖g‖ = {norm:.3g} > {tolerance:.1g}."
    verdict = KINDS[definiteness]
    shown = "A critical point" if verdict == "undetermined" else f"A {verdict}"
    reason = f"‖g‖ = {norm:.2g} ≤ {tolerance:.1g}, and the Hessian is {definiteness}"
    if verdict == "undetermined":
        reason = f"‖g‖ = {norm:.2g} ≤ {tolerance:.1g}"
    return verdict, f"{shown}: {reason}; {_MEANINGS[verdict]}"
