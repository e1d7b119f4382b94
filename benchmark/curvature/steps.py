"""What curvature says of a step: the best one along the gradient, and the limit of a method's."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmark.curvature.exact import symmetrise
from benchmark.curvature.lanczos import lanczos
from benchmark.curvature.operators import Array, SymmetricOperator, epsilon_of

Found = tuple[dict[str, float], dict[str, str]]
MODEL = "so on the quadratic model steps"
STABLE = "so steps are stable"
GROW = f"{MODEL} grow along the sharpest direction"
MEASURABLE = 1000
"""Of how many machine epsilons of the loss a decrease must be: its share is then right to 1 %."""
Root = Callable[[Array], Array]


@dataclass(frozen=True, slots=True, eq=False)
class StepRule:
    """How a method steps, as far as its stability goes.

    Args:
        learning_rate: η > 0, of the next step or the last.
        limit: what η·λmax must stay below on a quadratic: 2 for gradient descent.
        root: P^(-1/2) V for the columns of V, shape (n, k), symmetric and positive definite,
            where the method steps along P⁻¹ g: λmax is then that of P^(-1/2) H P^(-1/2), which
            has the eigenvalues of P⁻¹ H. Without it P is the identity.
        radius: ρ ≥ 0, where the gradient is taken at W + ρ g / ‖g‖; the limit is then lower,
            see :func:`ascended`.
        note: what is to be said of the limit.
    """

    learning_rate: float
    limit: float
    root: Root | None = None
    radius: float = 0.0
    note: str = ""


class SteppedOperator:
    """P^(-1/2) H P^(-1/2) of a rule of steps, symmetric as H is.

    Args:
        operator: H, n × n.
        root: of the rule: P^(-1/2) V for the columns of V.

    Example:
        >>> from scipy.sparse.linalg import aslinearoperator
        >>> stepped = SteppedOperator(aslinearoperator(np.diag([4.0, 9.0])), lambda v: v / 2)
        >>> stepped.matvec(np.ones(2)).tolist()
        [1.0, 2.25]
    """

    def __init__(self, operator: SymmetricOperator, root: Root) -> None:
        self._operator, self._root = operator, root

    @property
    def shape(self) -> tuple[int, int]:
        """(n, n)."""
        return self._operator.shape

    def matvec(self, vector: Array) -> Array:
        """The product with a vector of shape (n,)."""
        product = self._operator.matvec(self._root(vector[:, None])[:, 0])
        return self._root(product[:, None])[:, 0]

    def matmat(self, matrix: Array) -> Array:
        """The products with the columns of a matrix of shape (n, k)."""
        return self._root(self._operator.matmat(self._root(matrix)))

    def of_matrix(self, hessian: Array) -> Array:
        """The whole matrix, from that of H."""
        whole = self._root(self._root(hessian).T)
        symmetrise(whole)  # in place, for the matrix may be large
        return whole


def ascended(rule: StepRule, gradient_norm: float) -> float:
    """Return the limit of η·λmax of a rule whose gradient is taken at W + ρ g / ‖g‖.

    On a quadratic that gradient is (H + ρ H² / ‖g‖) W. With ‖g‖ held fixed, what must stay below
    the limit ℓ of the method without ascent is η λ (1 + ρ λ / ‖g‖), so that

        η·λmax < η ‖g‖ / (2 ρ) · (√(1 + 4 ℓ ρ / (η ‖g‖)) − 1)

    It falls with ‖g‖: on a quadratic the weights come no nearer to the minimum than where it is
    met.

    Args:
        rule: with η, ℓ, and ρ, which may be 0.
        gradient_norm: ‖g‖; > 0 where ρ > 0.

    Example:
        >>> ascended(StepRule(1.0, 2.0, radius=1.0), gradient_norm=1.0)
        1.0
        >>> ascended(StepRule(1.0, 2.0), gradient_norm=1.0)
        2.0

    References:
        Long, Bartlett, Sharpness-aware minimization and the edge of stability, 2024, for ℓ = 2.
    """
    if rule.radius == 0:
        return rule.limit
    # The formula without its cancellation where ρ is small.
    ascent = rule.radius / (rule.learning_rate * gradient_norm)
    return 2 * rule.limit / (1 + math.sqrt(1 + 4 * rule.limit * ascent))


def best_step(
    gradient: Array,
    bend: float,
    tolerance: float,
    loss_at: Callable[[Array], float] | None = None,
    loss: float = 0.0,
    epsilon: float = float(np.finfo(np.float64).eps),
) -> Found:
    """Find the step along −g that is best on the quadratic model, and what it really gains.

        f(W − α g) ≈ f(W) − α gᵀg + ½ α² gᵀHg    is smallest at    α* = gᵀg / gᵀHg,
        where the model has fallen by ½ (gᵀg)² / gᵀHg

    Args:
        gradient: g, shape (n,).
        bend: gᵀHg.
        tolerance: how exactly gᵀHg / gᵀg is known.
        loss_at: the loss at W + a vector of shape (n,); without it nothing is measured.
        loss: f(W), used with ``loss_at``.
        epsilon: machine epsilon of the arithmetic that the losses come from.

    Returns:
        ``optimal_step``, ``predicted_decrease`` and ``measured_decrease`` as far as there are
        any, and a sentence. A decrease that rounding of the loss would hide is not measured.

    Example:
        >>> found, _ = best_step(np.array([2.0]), 8.0, 1e-12, lambda shift: 0.0, 1.0)
        >>> found
        {'optimal_step': 0.5, 'predicted_decrease': 1.0, 'measured_decrease': 1.0}
    """
    topic = "optimal_step"
    square = float(gradient @ gradient)
    if square == 0:
        return {}, {topic: "The gradient is zero: every step along it is the same."}
    if not np.isfinite(square):
        return {}, {topic: "The gradient is not finite: no step along it is best."}
    if abs(bend) <= tolerance * square:
        return {}, {topic: "gᵀHg is zero to rounding: α* = gᵀg/gᵀHg cannot be resolved."}
    if bend < 0:
        return {}, {
            topic: "gᵀHg < 0: the quadratic model has no minimum along −g, so α* is absent."
        }
    # Not square², which leaves the range of float64 long before the quotient does.
    step = square / bend
    predicted = step * square / 2
    found = {"optimal_step": step, "predicted_decrease": predicted}
    sentence = f"α* = {step:.3g} along −g should lower the loss by {predicted:.3g}"
    if loss_at is None:
        return found, {topic: f"{sentence}."}
    measured, words = _measured(predicted, loss, loss_at, -step * gradient, epsilon)
    return found | measured, {topic: f"{sentence}{words}"}


def _measured(
    predicted: float,
    loss: float,
    loss_at: Callable[[Array], float],
    shift: Array,
    epsilon: float,
) -> tuple[dict[str, float], str]:
    """What the best step gains, as a number where that is known, and how a sentence ends."""
    if not predicted > MEASURABLE * epsilon * abs(loss):
        return {}, f": too little to be measured beside the loss, {loss:.3g}."
    measured = loss - loss_at(shift)
    if not np.isfinite(measured):
        return {}, ", and leads where the loss is not finite."
    word = "lowers it by" if measured >= 0 else "raises it by"
    share = 100 * measured / predicted
    return {"measured_decrease": measured}, (
        f", and {word} {abs(measured):.3g}: {share:.0f} % of what the quadratic model predicts."
    )


def stability(
    operator: SymmetricOperator,
    rule: StepRule,
    lambda_max: float,
    hessian: Array | None,
    steps: int,
    seed: int,
    gradient_norm: float = 0.0,
    residual: float = 0.0,
    lambda_min: float = 0.0,
) -> Found:
    """Compare η·λmax with the limit of a method.

    A Ritz value θ is no larger than λmax, and an eigenvalue lies within its residual r. So the
    verdict is that steps grow where θ is beyond the limit, and that they are stable only where
    θ + r is below it; between the two there is no verdict. The limit is about directions in which
    the loss curves upwards: along those of negative curvature steps grow whatever η is, as a
    descent should.

    Args:
        operator: the Hessian H.
        rule: how the method steps.
        lambda_max: of H, or the largest Ritz value.
        hessian: the matrix of H where it is known; its preconditioned eigenvalue is exact then.
        steps: of Lanczos' method for a preconditioned Hessian otherwise.
        seed: of its start vector.
        gradient_norm: ‖g‖, for a rule with a radius.
        residual: of the largest Ritz value of H.
        lambda_min: of H, or the smallest Ritz value; 0 where none is known to be negative.

    Returns:
        ``scaled_sharpness`` η·λmax, ``stability_limit``, with a preconditioner
        ``preconditioned_lambda_max``, and a sentence.

    References:
        Cohen et al., Gradient descent on neural networks typically occurs at the edge of
        stability, 2021; Adaptive gradient methods at the edge of stability, 2022. Long, Bartlett,
        Sharpness-aware minimization and the edge of stability, 2024.
    """
    if rule.radius and not gradient_norm > 0:
        return {}, {"stability": "‖g‖ is zero, where the limit of an ascent along g is not known."}
    found: dict[str, float] = {}
    name = "λ_max"
    if rule.root is not None:
        name = "λ_max(P⁻¹H)"
        stepped = SteppedOperator(operator, rule.root)
        if hessian is not None:
            lambda_max = float(np.linalg.eigvalsh(stepped.of_matrix(hessian))[-1])
        else:
            ritz = lanczos(stepped, steps, seed)
            lambda_max = float(ritz.ritz_values[-1])
            rounding = operator.shape[0] * epsilon_of(operator)
            residual = float(ritz.residuals[-1] + rounding * np.abs(ritz.ritz_values).max())
        found["preconditioned_lambda_max"] = lambda_max
    sharpness = rule.learning_rate * lambda_max
    limit = ascended(rule, gradient_norm)
    if not np.isfinite([sharpness, limit]).all():
        reason = f"η = {rule.learning_rate:.3g} and {name} = {lambda_max:.3g}"
        return {}, {"stability": f"η·{name} is not known: {reason}."}
    found |= {"scaled_sharpness": sharpness, "stability_limit": limit}
    sign = "=" if hessian is not None else "≥"
    if hessian is not None:
        verdict = f": {_exact_verdict(sharpness, limit, operator.shape[0] * epsilon_of(operator))}"
    else:
        verdict = _bounded_verdict(sharpness, sharpness + rule.learning_rate * residual, limit)
    if lambda_min < 0:
        verdict = verdict.replace(STABLE, f"{STABLE} where the loss curves upwards")
    if _swings_below(rule, lambda_min, gradient_norm):
        verdict = (
            f", of the limit {limit:.3g}; but the ascent turns g around along λ_min = "
            f"{lambda_min:.3g}, beyond the limit too, {MODEL} grow there"
        )
    sentence = f"η·{name} {sign} {sharpness:.3g}{verdict}. {rule.note}".strip()
    return found, {"stability": sentence}


def _swings_below(rule: StepRule, lambda_min: float, gradient_norm: float) -> bool:
    """Whether η λ (1 + ρ λ / ‖g‖) is beyond the limit at a negative λ, where it is positive again.

    It falls with λ there, so that an upper bound of λmin is enough.
    """
    if not rule.radius or lambda_min >= 0:
        return False
    ascent = 1 + rule.radius * lambda_min / gradient_norm
    return rule.learning_rate * lambda_min * ascent > rule.limit


def _exact_verdict(sharpness: float, limit: float, rounding: float) -> str:
    if sharpness <= 0:
        return "the loss curves upwards nowhere, so no rate is too large for it"
    if abs(sharpness - limit) <= rounding * limit:
        return f"at the limit, {MODEL} neither shrink nor grow along the sharpest direction"
    if sharpness < limit:
        return f"{100 * sharpness / limit:.3g} % of the limit {limit:.3g}, {STABLE}"
    return f"above the limit {limit:.3g}, {GROW}"


def _bounded_verdict(sharpness: float, upper: float, limit: float) -> str:
    """The same of a lower bound, and of what it reaches to with its residual."""
    if sharpness > limit:
        return f": above the limit {limit:.3g}, {GROW}"
    if upper >= limit:
        return (
            f", with its residual up to {upper:.3g}, and the limit is {limit:.3g}: whether steps "
            "are stable is not resolved"
        )
    return (
        f", with its residual up to {upper:.3g}: at most {100 * max(upper, 0) / limit:.3g} % of "
        f"the limit {limit:.3g}, {STABLE} unless Lanczos' method missed an eigenvalue"
    )
