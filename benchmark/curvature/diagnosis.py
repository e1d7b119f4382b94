"""What the spectrum of a Hessian says, and what it does not."""

from dataclasses import dataclass, field

import numpy as np

from benchmark.curvature import verdicts
from benchmark.curvature.exact import exact_eigenvalues
from benchmark.curvature.lanczos import lanczos
from benchmark.curvature.operators import Array, HessianOperator


@dataclass(frozen=True, slots=True, eq=False)
class Curvature:
    """The curvature of a loss at given weights; n is the number of parameters.

    Args:
        quantities: numbers by name. A name is absent where its value is not known.

            - ``exact``: 1 if the full Hessian was formed, 0 for Lanczos' method.
            - ``products``: Hessian-vector products spent.
            - ``lambda_max``, ``lambda_min``: the algebraically largest and smallest eigenvalue,
              or the outermost Ritz values, which lie inside the spectrum.
            - ``lambda_max_residual``, ``lambda_min_residual`` (Lanczos): an eigenvalue lies
              within this distance of the Ritz value, rounding included.
            - ``lambda_abs_max``: max |λ|; ``lambda_abs_min`` (exact): min |λ|.
            - ``tolerance``: n × machine epsilon × ``lambda_abs_max``, within which an
              eigenvalue counts as zero.
            - ``condition_number``: κ = max |λ| / min |λ|, or where min |λ| is not resolved
              ``condition_number_lower_bound``.
            - ``negative``, ``zero``, ``positive`` (exact): counts of eigenvalues, or
              ``negative_at_least``, ``positive_at_least``.
            - ``asymmetry`` (exact): of the products, see ``ExactSpectrum``.
            - ``gradient_norm``: ‖g‖; ``optimal_step``: α* = gᵀg / gᵀHg.
        eigenvalues: all of them, or the Ritz values; ascending.
        definiteness: ``"positive definite"``, ``"positive semidefinite"``, ``"negative
            definite"``, ``"negative semidefinite"``, ``"indefinite"``, ``"zero"`` or
            ``"undetermined"``.
        sentences: what is exact, bound or unknown, for people.
    """

    quantities: dict[str, float]
    eigenvalues: Array = field(repr=False)
    definiteness: str
    sentences: tuple[str, ...]


def diagnose(
    operator: HessianOperator, exact_limit: int = 1000, lanczos_steps: int = 40, seed: int = 0
) -> Curvature:
    """Measure the curvature of a loss: spectrum, condition number, definiteness, best step.

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

    Returns:
        A diagnosis; where products are not finite, one that says so and holds no spectrum.

    Example:
        >>> from keras import ops
        >>> from benchmark.curvature import HessianProgram
        >>> def loss(parameters, x, y):
        ...     return ops.sum(x[0] * parameters[0] ** 2) / 2
        >>> x, theta = np.array([[1.0, 50.0, 200.0]]), np.ones(3)
        >>> curvature = diagnose(HessianProgram(loss).at([theta], x, np.zeros(1)))
        >>> curvature.definiteness, curvature.quantities["condition_number"]
        ('positive definite', 200.0)

    References:
        Cauchy, step along the gradient, 1847; Nocedal and Wright, Numerical Optimization, 2006,
        eq. 3.26 (α*), §3.3 (κ and the speed of descent). The tolerance is that of
        ``numpy.linalg.matrix_rank`` (Golub and Van Loan, Matrix Computations, 1996, §5.5.8).
    """
    size = operator.shape[0]
    before = operator.products
    gradient = operator.gradient()
    try:
        if size <= max(exact_limit, lanczos_steps):
            spectrum = exact_eigenvalues(operator)
            verdict = verdicts.from_exact(spectrum, size * operator.epsilon)
            bend = float(gradient @ spectrum.hessian @ gradient)
        else:
            found = lanczos(operator, lanczos_steps, seed)
            verdict = verdicts.from_lanczos(found, size * operator.epsilon)
            bend = float(gradient @ operator.matvec(gradient))
    except FloatingPointError as error:
        spent = {"products": float(operator.products - before)}
        return Curvature(spent, np.empty(0), "undetermined", (str(error),))
    step, remark = _optimal_step(gradient, bend, verdict.quantities["tolerance"])
    quantities = {
        **verdict.quantities,
        "gradient_norm": float(np.linalg.norm(gradient)),
        **step,
        "products": float(operator.products - before),
    }
    sentences = (*verdict.sentences, *remark)
    return Curvature(quantities, verdict.eigenvalues, verdict.definiteness, sentences)


def _optimal_step(
    gradient: Array, bend: float, tolerance: float
) -> tuple[dict[str, float], tuple[str, ...]]:
    """Return α* = gᵀg / gᵀHg as a quantity, or a sentence on why there is none."""
    square = float(gradient @ gradient)
    if square == 0:
        return {}, ("The gradient is zero: every step along it is the same.",)
    if not np.isfinite(square):
        return {}, ("The gradient is not finite: no step along it is best.",)
    if abs(bend) <= tolerance * square:
        return {}, ("gᵀHg is zero to rounding: α* = gᵀg/gᵀHg cannot be resolved.",)
    if bend < 0:
        return {}, ("gᵀHg < 0: the quadratic model has no minimum along −g, so α* is absent.",)
    return {"optimal_step": square / bend}, ()
