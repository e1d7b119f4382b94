"""What curvature says of a step: the best one along the gradient, and the limit of a method's."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmark.curvature.lanczos import lanczos
from benchmark.curvature.operators import Array, SymmetricOperator

Found = tuple[dict[str, float], dict[str, str]]


@dataclass(frozen=True, slots=True, eq=False)
class StepRule:
    """How a method steps, as far as its stability goes.

    Args:
        learning_rate: η > 0, of the next step or the last.
        limit: what η·λmax must stay below on a quadratic: 2 for gradient descent.
        preconditioner: p > 0, one number a parameter, where the method steps along g / p: λmax is
            then that of P^(-1/2) H P^(-1/2) with P = diag(p), which has the eigenvalues of
            P⁻¹ H. Without it P is the identity.
    """

    learning_rate: float
    limit: float
    preconditioner: Array | None = None


class PreconditionedOperator:
    """P^(-1/2) H P^(-1/2) for a diagonal P > 0, symmetric as H is.

    Args:
        operator: H, n × n.
        preconditioner: the diagonal of P, shape (n,), > 0.

    Raises:
        ValueError: the diagonal has another length, or an entry that is not positive.

    Example:
        >>> from scipy.sparse.linalg import aslinearoperator
        >>> scaled = PreconditionedOperator(aslinearoperator(np.diag([4.0, 9.0])), np.full(2, 4.0))
        >>> scaled.matvec(np.ones(2)).tolist()
        [1.0, 2.25]
    """

    def __init__(self, operator: SymmetricOperator, preconditioner: Array) -> None:
        size = operator.shape[0]
        if preconditioner.shape != (size,) or not (preconditioner > 0).all():
            raise ValueError(
                f"a preconditioner must have {size} entries > 0. Received the shape "
                f"{preconditioner.shape}, the smallest {preconditioner.min():g}."
            )
        self._operator = operator
        self._scale = 1 / np.sqrt(preconditioner)

    @property
    def shape(self) -> tuple[int, int]:
        """(n, n)."""
        return self._operator.shape

    def matvec(self, vector: Array) -> Array:
        """The product with a vector of shape (n,)."""
        return self._scale * self._operator.matvec(self._scale * vector)

    def matmat(self, matrix: Array) -> Array:
        """The products with the columns of a matrix of shape (n, k)."""
        scale = self._scale[:, None]
        return scale * self._operator.matmat(scale * matrix)


def best_step(
    gradient: Array,
    bend: float,
    tolerance: float,
    loss_at: Callable[[Array], float] | None = None,
    loss: float = 0.0,
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

    Returns:
        ``optimal_step``, ``predicted_decrease`` and ``measured_decrease`` as far as there are
        any, and a sentence.

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
    step, predicted = square / bend, square**2 / bend / 2
    found = {"optimal_step": step, "predicted_decrease": predicted}
    sentence = f"α* = {step:.3g} along −g should lower the loss by {predicted:.3g}"
    if loss_at is None:
        return found, {topic: f"{sentence}."}
    measured = loss - loss_at(-step * gradient)
    found["measured_decrease"] = measured
    word = "lowers it by" if measured >= 0 else "raises it by"
    share = 100 * measured / predicted
    return found, {
        topic: f"{sentence}, and {word} {abs(measured):.3g}: {share:.0f} % of what the quadratic "
        "model predicts."
    }


def stability(
    operator: SymmetricOperator,
    rule: StepRule,
    lambda_max: float,
    hessian: Array | None,
    steps: int,
    seed: int,
) -> Found:
    """Compare η·λmax with the limit of a method.

    Args:
        operator: the Hessian H.
        rule: how the method steps.
        lambda_max: of H, or the largest Ritz value.
        hessian: the matrix of H where it is known; its preconditioned eigenvalue is exact then.
        steps: of Lanczos' method for a preconditioned Hessian otherwise.
        seed: of its start vector.

    Returns:
        ``scaled_sharpness`` η·λmax, ``stability_limit``, with a preconditioner
        ``preconditioned_lambda_max``, and a sentence.

    References:
        Cohen et al., Gradient descent on neural networks typically occurs at the edge of
        stability, 2021; Adaptive gradient methods at the edge of stability, 2022.
    """
    found: dict[str, float] = {}
    name = "λ_max"
    if rule.preconditioner is not None:
        name = "λ_max(P⁻¹H)"
        if hessian is not None:
            scale = 1 / np.sqrt(rule.preconditioner)
            lambda_max = float(np.linalg.eigvalsh(scale[:, None] * hessian * scale)[-1])
        else:
            scaled = PreconditionedOperator(operator, rule.preconditioner)
            lambda_max = float(lanczos(scaled, steps, seed).ritz_values[-1])
        found["preconditioned_lambda_max"] = lambda_max
    sharpness = rule.learning_rate * lambda_max
    found |= {"scaled_sharpness": sharpness, "stability_limit": rule.limit}
    share = sharpness / rule.limit
    if share <= 0:
        verdict = "the loss curves upwards nowhere, so no rate is too large for it"
    elif share < 1:
        verdict = f"{100 * share:.3g} % of the limit {rule.limit:.3g}, so steps are stable"
    else:
        verdict = (
            f"above the limit {rule.limit:.3g}, so on the quadratic model steps grow along the "
            "sharpest direction"
        )
    return found, {"stability": f"η·{name} = {sharpness:.3g}: {verdict}."}
