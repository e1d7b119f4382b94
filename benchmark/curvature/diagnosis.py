"""What the spectrum of a Hessian says, and what it does not."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmark.curvature import verdicts
from benchmark.curvature.exact import exact_eigenvalues, exact_plan
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


@dataclass(frozen=True, slots=True, eq=False)
class Surroundings:
    """What is known around the weights besides the Hessian; each part may be missing.

    Args:
        loss_at: the loss at the weights + a flat vector; measures what the best step gains.
        rule: how the optimizer steps; compares η·λmax with its limit. Or a sentence on why
            it has none.
        batch_gradients: gradients of disjoint mini-batches, shape (batches, n); gives the
            gradient noise scale.
        batch_size: examples in each of these, ≥ 1.
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
    alignment_steps: int = 10,
) -> Curvature:
    """Measure the curvature of a loss: spectrum, kind of point, best step, limits of steps.

    The full Hessian is formed if the parameters are few (or no more than the products of
    Lanczos' method, which would cost the same); otherwise Lanczos' method finds the ends of the
    spectrum, and what it cannot resolve is given as a bound or left out.

    The optimal step minimises the quadratic model along −g (descent is W − αg here):

        f(W − α g) ≈ f(W) − α gᵀg + ½ α² gᵀHg    is smallest at    α* = gᵀg / gᵀHg

    if gᵀHg > 0; otherwise the model has no minimum along −g.

    Args:
        operator: the Hessian at given weights.
        exact_limit: the largest number of parameters whose full Hessian is formed, ≥ 0. The
            default costs about a second for a digits network on two CPU cores.
        lanczos_steps: products beyond that size, ≥ 1; 34 resolved the ten largest eigenvalues
            of a digits network of 4,810 parameters.
        seed: of Lanczos' start vector.
        surroundings: what else is known, for the findings that need it.
        gradient_tolerance: ‖g‖ up to this counts as zero, ≥ 0; the default is that of
            ``scipy.optimize.minimize(method="BFGS")``.
        alignment_steps: products from the gradient beyond the exact size, ≥ 1; the first one
            gives gᵀHg.

    Returns:
        A diagnosis; where the gradient or products are not finite, one that says so and holds no
        spectrum.

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
    hessian: Array | None = None
    plan, wanted = exact_plan(size), size <= max(exact_limit, lanczos_steps)
    try:
        if not np.isfinite(gradient).all():
            # Products may be finite all the same: those of a quadratic know no weights.
            raise FloatingPointError("the gradient must be finite. Received NaN or infinity.")
        if wanted and plan.fits:
            spectrum = exact_eigenvalues(operator, plan.available_bytes)
            hessian = spectrum.hessian
            known = verdicts.from_exact(spectrum, size * operator.epsilon)
        else:
            found = lanczos(operator, lanczos_steps, seed)
            known = verdicts.from_lanczos(found, size * operator.epsilon)
        bend, shares = _along_gradient(operator, gradient, hessian, known, alignment_steps)
        norm = float(np.linalg.norm(gradient))
        stable = _stability(operator, around.rule, known, hessian, (lanczos_steps, seed, norm))
    except FloatingPointError as error:
        spent = {"products": float(operator.products - before)}
        findings = {"definiteness": str(error)}
        return Curvature(spent, np.empty(0), "undetermined", "undetermined", findings)
    kind, sentence = verdicts.kind_of_point(norm, gradient_tolerance, known.definiteness)
    value = operator.value() if around.loss_at else 0.0
    parts = [
        ({}, {"critical_point": sentence, **known.findings}),
        best_step(
            gradient,
            bend,
            known.quantities["tolerance"],
            around.loss_at,
            value,
            operator.epsilon,
        ),
        stable,
        (shares, alignment_sentence(shares)),
    ]
    if around.batch_gradients is not None:
        parts.append(gradient_noise(around.batch_gradients, around.batch_size))
    quantities = {
        **known.quantities,
        "gradient_norm": norm,
        "gradient_tolerance": gradient_tolerance,
        **{name: value for numbers, _ in parts for name, value in numbers.items()},
        "products": float(operator.products - before),
    }
    findings = {topic: text for _, sentences in parts for topic, text in sentences.items()}
    if wanted and not plan.fits:
        findings["exact"] = f"{plan.sentence} That does not fit, so Lanczos steps stand in for it."
    return Curvature(quantities, known.eigenvalues, known.definiteness, kind, findings)


def _along_gradient(
    operator: HessianOperator,
    gradient: Array,
    hessian: Array | None,
    known: verdicts.Verdict,
    steps: int,
) -> tuple[float, dict[str, float]]:
    """gᵀHg, and how much of the gradient lies in the sharpest directions."""
    numbers = known.quantities
    if not gradient.any():
        return 0.0, {}
    if hessian is None:
        return lanczos_alignment(operator, gradient, steps, numbers["lambda_max"])
    bend = float(gradient @ hessian @ gradient)
    # Where all eigenvalues are zero to what is known of them, no direction is the sharpest.
    is_flat = numbers["lambda_abs_max"] <= numbers["tolerance"]
    return bend, {} if is_flat else exact_alignment(hessian, gradient, known.eigenvalues)


def _stability(
    operator: HessianOperator,
    rule: StepRule | str | None,
    known: verdicts.Verdict,
    hessian: Array | None,
    method: tuple[int, int, float],
) -> tuple[dict[str, float], dict[str, str]]:
    if rule is None:
        return {}, {}
    if isinstance(rule, str):
        return {}, {"stability": rule}
    residual = known.quantities.get("lambda_max_residual", 0.0)
    numbers = known.quantities
    # What rounding may have made of zero is no negative curvature.
    low = numbers["lambda_min"] if numbers["lambda_min"] < -numbers["tolerance"] else 0.0
    return stability(
        operator, rule, numbers["lambda_max"], hessian, *method, residual=residual, lambda_min=low
    )
