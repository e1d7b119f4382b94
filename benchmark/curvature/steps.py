"""What curvature tells about steps: the best one along the gradient, and stability limits."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmark.curvature.exact import symmetrise
from benchmark.curvature.lanczos import LanczosBasis, grow
from benchmark.curvature.operators import Array, SymmetricOperator, epsilon_of
from benchmark.curvature.recurrence import Steps
from benchmark.optimizers.stability import Scaling

Finding = tuple[dict[str, float], dict[str, str]]
"""Quantities by name, and sentences by topic."""
MODEL = "so on the quadratic model steps"
STABLE = "so steps are stable"
GROW = f"{MODEL} grow along the sharpest direction"
MEASURABLE = 1000
"""A decrease must be this many machine epsilons of the loss, so that its share is right to 1 %."""
SHOWN = 1e-4
"""A residual below this share of an eigenvalue changes none of the three digits that are shown."""
STEPS_AT_ONCE = 4
"""Steps of Lanczos' method between two looks at the residual."""
Root = Callable[[Array], Array]


@dataclass(frozen=True, slots=True, eq=False)
class StepRule:
    """How a method steps, as far as its stability goes.

    Args:
        learning_rate: η > 0 of the next step or the last.
        limit: η·λmax must stay below it on a quadratic; 2 for gradient descent.
        root: for a method that steps along P⁻¹ g: P^(-1/2) V for the columns of V, shape (n, k),
            symmetric and positive definite. λmax is then that of P^(-1/2) H P^(-1/2), which has
            the eigenvalues of P⁻¹ H. Without it P is the identity.
        radius: ρ ≥ 0, for a method that takes the gradient at W + ρ g / ‖g‖; it lowers the limit,
            see :func:`ascended`.
        note: a sentence about the limit.
    """

    learning_rate: float
    limit: float
    root: Root | None = None
    radius: float = 0.0
    note: str = ""


class SteppedOperator:
    """The operator P^(-1/2) H P^(-1/2) of a step rule, which is symmetric like H.

    Args:
        operator: H, n × n.
        root: that of the rule: P^(-1/2) V for the columns of V.

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
        """Return the product with a vector of shape (n,)."""
        product = self._operator.matvec(self._root(vector[:, None])[:, 0])
        return self._root(product[:, None])[:, 0]

    def matmat(self, matrix: Array) -> Array:
        """Return the products with the columns of a matrix of shape (n, k)."""
        return self._root(self._operator.matmat(self._root(matrix)))

    def lanczos_steps(self, basis: Array, steps: int, capacity: int) -> Steps | None:
        """Take steps of Lanczos' method in one call, where H can and P is diagonal."""
        take_steps = getattr(self._operator, "lanczos_steps", None)
        if take_steps is None or not isinstance(self._root, Scaling):
            return None
        taken: Steps | None = take_steps(basis, steps, capacity, self._root.scale)
        return taken

    def of_matrix(self, hessian: Array) -> Array:
        """Return the whole matrix, given that of H."""
        whole = self._root(self._root(hessian).T)
        symmetrise(whole)  # in place, because the matrix may be large
        return whole


def ascended(rule: StepRule, gradient_norm: float) -> float:
    """Return the limit of η·λmax of a rule whose gradient is taken at W + ρ g / ‖g‖.

    On a quadratic that gradient is (H + ρ H² / ‖g‖) W. While ‖g‖ is held fixed, η λ (1 + ρ λ / ‖g‖)
    must stay below the limit ℓ of the method without ascent, so that

        η·λmax < η ‖g‖ / (2 ρ) · (√(1 + 4 ℓ ρ / (η ‖g‖)) − 1)

    The limit falls with ‖g‖: on a quadratic the weights approach the minimum only until they reach
    the limit.

    Args:
        rule: holds η, ℓ, and ρ, which may be 0.
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
    # The same formula, rearranged so that nothing cancels if ρ is small.
    ascent = rule.radius / (rule.learning_rate * gradient_norm)
    return 2 * rule.limit / (1 + math.sqrt(1 + 4 * rule.limit * ascent))


def best_step(
    gradient: Array,
    bend: float,
    tolerance: float,
    loss_at: Callable[[Array], float] | None = None,
    loss: float = 0.0,
    epsilon: float = float(np.finfo(np.float64).eps),
) -> Finding:
    """Find the best step along −g on the quadratic model, and how much it lowers the loss.

        f(W − η g) ≈ f(W) − η gᵀg + ½ η² gᵀHg    is smallest at    η = α* = gᵀg / gᵀHg,
        where the model is lower by ½ (gᵀg)² / gᵀHg

    Args:
        gradient: g, shape (n,).
        bend: gᵀHg.
        tolerance: the error of gᵀHg / gᵀg.
        loss_at: the loss at W plus a vector of shape (n,); without it nothing is measured.
        loss: f(W), used with ``loss_at``.
        epsilon: machine epsilon of the arithmetic of the losses.

    Returns:
        ``optimal_step``, ``predicted_decrease`` and ``measured_decrease`` as far as they exist,
        and a sentence. A decrease below the rounding of the loss is not measured.

    Example:
        >>> quantities, _ = best_step(np.array([2.0]), 8.0, 1e-12, lambda shift: 0.0, 1.0)
        >>> quantities
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
    # square² would overflow float64 long before the quotient does.
    step = square / bend
    predicted = step * square / 2
    quantities = {"optimal_step": step, "predicted_decrease": predicted}
    sentence = f"α* = {step:.3g} along −g should lower the loss by {predicted:.3g}"
    if loss_at is None:
        return quantities, {topic: f"{sentence}."}
    measured, words = _measured(predicted, loss, loss_at, -step * gradient, epsilon)
    return quantities | measured, {topic: f"{sentence}{words}"}


def _measured(
    predicted: float,
    loss: float,
    loss_at: Callable[[Array], float],
    shift: Array,
    epsilon: float,
) -> tuple[dict[str, float], str]:
    """Return the measured decrease, if it can be measured, and the end of the sentence."""
    if not predicted > MEASURABLE * epsilon * abs(loss):
        return {}, f": too little to measure in a loss of {loss:.3g}."
    measured = loss - loss_at(shift)
    if not np.isfinite(measured):
        return {}, ", but the loss is not finite there."
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
) -> Finding:
    """Compare η·λmax with the limit of a method.

    A Ritz value θ is no larger than λmax, and an eigenvalue lies within its residual r. So steps
    grow if θ is above the limit, and they are stable only if θ + r is below it; in between there
    is no verdict. The limit applies to directions in which the loss curves upwards. Along negative
    curvature steps grow for every η, as they should in a descent.

    Args:
        operator: the Hessian H.
        rule: how the method steps.
        lambda_max: the largest eigenvalue of H, or the largest Ritz value.
        hessian: the matrix of H if it is known; its preconditioned eigenvalue is then exact.
        steps: the most products of Lanczos' method for a preconditioned Hessian otherwise.
        seed: of its start vector.
        gradient_norm: ‖g‖, for a rule with a radius.
        residual: that of the largest Ritz value of H.
        lambda_min: the smallest eigenvalue of H, or the smallest Ritz value; 0 if none is known
            to be negative.

    Returns:
        ``scaled_sharpness`` η·λmax, ``stability_limit``, with a preconditioner
        ``preconditioned_lambda_max``, and a sentence.

    References:
        Cohen et al., Gradient descent on neural networks typically occurs at the edge of
        stability, 2021; Adaptive gradient methods at the edge of stability, 2022. Long, Bartlett,
        Sharpness-aware minimization and the edge of stability, 2024.
    """
    if rule.radius and not gradient_norm > 0:
        return {}, {"stability": "‖g‖ is zero, so the limit of an ascent along g is not known."}
    quantities: dict[str, float] = {}
    limit, name = ascended(rule, gradient_norm), "λ_max"
    if rule.root is not None:
        name = "λ_max(P⁻¹H)"
        stepped = SteppedOperator(operator, rule.root)
        rounding = operator.shape[0] * epsilon_of(operator)
        edge = limit / rule.learning_rate
        lambda_max, residual = _largest_eigenvalue(stepped, hessian, rounding, steps, seed, edge)
        quantities["preconditioned_lambda_max"] = lambda_max
    sharpness = rule.learning_rate * lambda_max
    if not np.isfinite([sharpness, limit]).all():
        reason = f"η = {rule.learning_rate:.3g} and {name} = {lambda_max:.3g}"
        return {}, {"stability": f"η·{name} is not known: {reason}."}
    quantities |= {"scaled_sharpness": sharpness, "stability_limit": limit}
    if hessian is not None:
        sign, rounding = "=", operator.shape[0] * epsilon_of(operator)
        verdict = f": {_exact_verdict(sharpness, limit, rounding)}"
    else:
        sign = "≥"
        verdict = _bounded_verdict(sharpness, sharpness + rule.learning_rate * residual, limit)
    if lambda_min < 0:
        verdict = verdict.replace(STABLE, f"{STABLE} where the loss curves upwards")
    if _swings_below(rule, lambda_min, gradient_norm):
        verdict = (
            f", and the limit is {limit:.3g}; but along λ_min = {lambda_min:.3g} the ascent "
            f"reverses g and exceeds the limit too, {MODEL} grow there"
        )
    sentence = f"η·{name} {sign} {sharpness:.3g}{verdict}. {rule.note}".strip()
    return quantities, {"stability": sentence}


def _largest_eigenvalue(
    stepped: SteppedOperator,
    hessian: Array | None,
    rounding: float,
    steps: int,
    seed: int,
    edge: float,
) -> tuple[float, float]:
    """Return λmax of the preconditioned matrix, or its largest Ritz value, and the residual.

    Lanczos' method ends before its last step if the residual is below every digit that is shown,
    and tells on which side of the edge the eigenvalue is. The error of an isolated eigenvalue is of
    the order of the square of the residual.
    """
    if hessian is not None:
        return float(np.linalg.eigvalsh(stepped.of_matrix(hessian))[-1]), 0.0
    size, generator = stepped.shape[0], np.random.default_rng(seed)
    basis = LanczosBasis(generator.standard_normal((1, size)), min(steps, size), generator)
    while True:
        grow(basis, stepped, min(STEPS_AT_ONCE, len(basis.projection) - basis.dimension))
        values, weights = basis.tridiagonal_ritz()
        residual = float(basis.residuals(weights[:, -1:])[0] + rounding * np.abs(values).max())
        largest = float(values[-1])
        is_resolved = residual <= SHOWN * largest and not largest <= edge <= largest + residual
        if is_resolved or basis.is_full or basis.is_complete:
            return largest, residual


def _swings_below(rule: StepRule, lambda_min: float, gradient_norm: float) -> bool:
    """Return whether η λ (1 + ρ λ / ‖g‖) exceeds the limit at a negative λ.

    It is positive there if |λ| is large, and falls with λ, so an upper bound of λmin is enough.
    """
    if not rule.radius or lambda_min >= 0:
        return False
    ascent = 1 + rule.radius * lambda_min / gradient_norm
    return rule.learning_rate * lambda_min * ascent > rule.limit


def _exact_verdict(sharpness: float, limit: float, rounding: float) -> str:
    if sharpness <= 0:
        return "the loss curves upwards in no direction, so no learning rate is too large"
    if abs(sharpness - limit) <= rounding * limit:
        return f"at the limit, {MODEL} neither shrink nor grow along the sharpest direction"
    if sharpness < limit:
        return f"{100 * sharpness / limit:.3g} % of the limit {limit:.3g}, {STABLE}"
    return f"above the limit {limit:.3g}, {GROW}"


def _bounded_verdict(sharpness: float, upper: float, limit: float) -> str:
    """Return the verdict from a lower bound and an upper bound, which includes the residual."""
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
