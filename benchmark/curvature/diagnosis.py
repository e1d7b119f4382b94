"""The diagnosis at one point: numbers, and sentences on what is exact, bounded or unknown."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmark.curvature import verdicts
from benchmark.curvature.exact import ExactPlan, exact_eigenvalues, exact_plan
from benchmark.curvature.gradient import (
    alignment_sentence,
    exact_alignment,
    gradient_noise,
    lanczos_alignment,
)
from benchmark.curvature.lanczos import lanczos
from benchmark.curvature.operators import Array, HessianOperator
from benchmark.curvature.results import Curvature
from benchmark.curvature.steps import StepRule, best_step, stability
from benchmark.curvature.threads import OneThread

ALIGNMENT_STEPS = 10


@dataclass(frozen=True, slots=True, eq=False)
class Surroundings:
    """What is known at the weights besides the Hessian; each part may be missing.

    Args:
        loss_at: the loss at the weights plus a flat vector; it measures what the best step gains.
        rule: how the optimizer steps, to compare η·λmax with its limit; or a sentence that says
            why it has no limit.
        batch_gradients: gradients of disjoint mini-batches, shape (batches, n), for the gradient
            noise scale.
        batch_size: examples in each of these batches, ≥ 1.
    """

    loss_at: Callable[[Array], float] | None = None
    rule: StepRule | str | None = None
    batch_gradients: Array | None = None
    batch_size: int = 1


@OneThread()
def diagnose(
    operator: HessianOperator,
    exact_limit: int = 1000,
    lanczos_steps: int = 40,
    seed: int = 0,
    *,
    surroundings: Surroundings | None = None,
    gradient_tolerance: float = 1e-5,
    alignment_steps: int = ALIGNMENT_STEPS,
) -> Curvature:
    """Measure the curvature of a loss: spectrum, kind of point, best step, limits of steps.

    The full Hessian is formed if there are few parameters, or no more than Lanczos' method would
    take products. Otherwise Lanczos' method finds the ends of the spectrum; what it cannot resolve
    is bounded or left out.

    The optimal step minimises the quadratic model along −g:

        f(W − η g) ≈ f(W) − η gᵀg + ½ η² gᵀHg    is smallest at    η = α* = gᵀg / gᵀHg

    if gᵀHg > 0; otherwise the model has no minimum along −g.

    Args:
        operator: the Hessian at given weights.
        exact_limit: the largest number of parameters whose full Hessian is formed, ≥ 0. The
            default costs about a second for a digits network on two CPU cores.
        lanczos_steps: products of Lanczos' method above that size, ≥ 1; 34 resolved the ten
            largest eigenvalues of a digits network of 4,810 parameters.
        seed: of Lanczos' start vector.
        surroundings: what else is known; some findings need it.
        gradient_tolerance: ‖g‖ up to this counts as zero, ≥ 0; the default is that of
            ``scipy.optimize.minimize(method="BFGS")``.
        alignment_steps: Lanczos steps from the gradient above the exact size, ≥ 1; the first
            step gives gᵀHg.

    Returns:
        A diagnosis. If the gradient or a product is not finite, it says so and has no spectrum.

    Example:
        >>> from keras import ops
        >>> from benchmark.curvature import HessianProgram
        >>> def loss(parameters, x, y):
        ...     return ops.sum(x[0] * parameters[0] ** 2) / 2
        >>> x, theta = np.array([[1.0, 50.0, 200.0]]), np.ones(3)
        >>> curvature = diagnose(HessianProgram(loss).at([theta], x, np.zeros(1)))
        >>> curvature.definiteness, curvature.quantities["condition_number"]
        ('positive definite', 200.0)
        >>> curvature.findings["critical_point"]
        'Not a critical point: ‖g‖ = 206 > 1e-05.'

    References:
        Cauchy, step along the gradient, 1847; Nocedal and Wright, Numerical Optimization, 2006,
        eq. 3.26 (α*), §3.3 (κ and the speed of descent). The tolerance is that of
        ``numpy.linalg.matrix_rank`` (Golub and Van Loan, Matrix Computations, 1996, §5.5.8).
    """
    around = surroundings or Surroundings()
    size, before = operator.shape[0], operator.products
    gradient = operator.gradient()
    plan, is_wanted = exact_plan(size), size <= max(exact_limit, lanczos_steps)
    try:
        if not np.isfinite(gradient).all():
            # Products may be finite nevertheless: those of a quadratic do not depend on weights.
            raise FloatingPointError("the gradient must be finite. Received NaN or infinity.")
        exact = plan if is_wanted and plan.fits else None
        verdict, hessian = _spectrum(operator, exact, lanczos_steps, seed)
        bend, shares = _along_gradient(operator, gradient, hessian, verdict, alignment_steps)
        norm = float(np.linalg.norm(gradient))
        stable = _stability(operator, around.rule, verdict, hessian, (lanczos_steps, seed, norm))
    except FloatingPointError as error:
        products = {"products": float(operator.products - before)}
        findings = {"definiteness": str(error)}
        return Curvature(products, np.empty(0), "undetermined", "undetermined", findings)
    kind, sentence = verdicts.kind_of_point(norm, gradient_tolerance, verdict.definiteness)
    loss = operator.value() if around.loss_at else 0.0
    tolerance = verdict.quantities["tolerance"]
    parts = [
        ({}, {"critical_point": sentence, **verdict.findings}),
        best_step(gradient, bend, tolerance, around.loss_at, loss, operator.epsilon),
        stable,
        (shares, alignment_sentence(shares)),
    ]
    if around.batch_gradients is not None:
        parts.append(gradient_noise(around.batch_gradients, around.batch_size))
    quantities = {
        **verdict.quantities,
        "gradient_norm": norm,
        "gradient_tolerance": gradient_tolerance,
        **{name: value for numbers, _ in parts for name, value in numbers.items()},
        "products": float(operator.products - before),
    }
    findings = {topic: text for _, sentences in parts for topic, text in sentences.items()}
    if is_wanted and not plan.fits:
        findings["exact"] = f"{plan.sentence} That does not fit, so Lanczos steps stand in for it."
    return Curvature(quantities, verdict.eigenvalues, verdict.definiteness, kind, findings)


def warm_up_lanczos(operator: HessianOperator, lanczos_steps: int) -> None:
    """Compile the steps of Lanczos' method that :func:`diagnose` will take.

    Args:
        operator: at any weights.
        lanczos_steps: as of :func:`diagnose`.
    """
    nothing = np.zeros((1, operator.shape[0]))
    for capacity in (lanczos_steps, ALIGNMENT_STEPS):
        if operator.lanczos_steps(nothing, 0, capacity) is None:
            operator.matvec(nothing[0])


def _spectrum(
    operator: HessianOperator, plan: ExactPlan | None, steps: int, seed: int
) -> tuple[verdicts.Verdict, Array | None]:
    """Return what the spectrum tells, exact where there is a plan for it, and the full Hessian."""
    relative_tolerance = operator.shape[0] * operator.epsilon
    if plan is None:
        return verdicts.from_lanczos(lanczos(operator, steps, seed), relative_tolerance), None
    spectrum = exact_eigenvalues(operator, plan.available_bytes)
    return verdicts.from_exact(spectrum, relative_tolerance), spectrum.hessian


def _along_gradient(
    operator: HessianOperator,
    gradient: Array,
    hessian: Array | None,
    verdict: verdicts.Verdict,
    steps: int,
) -> tuple[float, dict[str, float]]:
    """Return gᵀHg, and how much of the gradient lies in the sharpest directions."""
    numbers = verdict.quantities
    if not gradient.any():
        return 0.0, {}
    if hessian is None:
        return lanczos_alignment(operator, gradient, steps, numbers["lambda_max"])
    bend = float(gradient @ hessian @ gradient)
    # If all eigenvalues are zero within their tolerance, no direction is the sharpest.
    is_flat = numbers["lambda_abs_max"] <= numbers["tolerance"]
    return bend, {} if is_flat else exact_alignment(hessian, gradient, verdict.eigenvalues)


def _stability(
    operator: HessianOperator,
    rule: StepRule | str | None,
    verdict: verdicts.Verdict,
    hessian: Array | None,
    method: tuple[int, int, float],
) -> tuple[dict[str, float], dict[str, str]]:
    if rule is None:
        return {}, {}
    if isinstance(rule, str):
        return {}, {"stability": rule}
    residual = verdict.quantities.get("lambda_max_residual", 0.0)
    numbers = verdict.quantities
    # A zero that rounding made negative is no negative curvature.
    low = numbers["lambda_min"] if numbers["lambda_min"] < -numbers["tolerance"] else 0.0
    return stability(
        operator, rule, numbers["lambda_max"], hessian, *method, residual=residual, lambda_min=low
    )
