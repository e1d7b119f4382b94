"""Methods with a step size for each weight: a diagonal preconditioner, read from their slots.

A step divides by P = diag(p), p after the last step. It changes slowly, as running means do, and
is held fixed.
"""

import numpy as np

from benchmark.curvature.stability.recurrence import Momentum
from benchmark.curvature.stability.snapshot import Array, Snapshot, Stepping, diagonal

_WARM_UP = 0.96  # as in benchmark/optimizers/nadam.py, which imports Keras
_TRACTABLE = 4  # as in benchmark/optimizers/radam.py


def adam(at: Snapshot) -> Stepping:
    """αₜ m / (√v + ε) = α m / p with p = (1 − β₁ᵗ) (√v + ε) / √(1 − β₂ᵗ); AMSGrad's u for v."""
    largest = "largest_second_moment"
    second = at.flat(largest if at.has(largest) else "second_moment")
    root = np.sqrt(second) + at.numbers["epsilon"]
    return _mean(at, _corrected(at, root), "(1 − β₁ᵗ)(√v + ε)/√(1 − β₂ᵗ)")


def adamax(at: Snapshot) -> Stepping:
    """α m / ((1 − β₁ᵗ)(u + ε))."""
    largest = at.flat("infinity_norm") + at.numbers["epsilon"]
    return _mean(at, at.uncorrected("beta_1") * largest, "(1 − β₁ᵗ)(u + ε)")


def adabelief(at: Snapshot) -> Stepping:
    """α m̂ / (√ŝ + ε)."""
    root = np.sqrt(at.flat("variance") / at.uncorrected("beta_2")) + at.numbers["epsilon"]
    return _mean(at, at.uncorrected("beta_1") * root, "(1 − β₁ᵗ)(√ŝ + ε)")


def radam(at: Snapshot) -> Stepping:
    """α m̂ r √(1 − β₂ᵗ) / (√v + ε) where ρₜ > 4, α m̂ before."""
    beta_2, filled = at.numbers["beta_2"], at.uncorrected("beta_2")
    longest = (1 + beta_2) / (1 - beta_2)
    length = longest - 2 * at.step * (1 - filled) / filled
    second = at.flat("second_moment")
    if length <= _TRACTABLE:
        bias = np.full_like(second, at.uncorrected("beta_1"))
        return _mean(at, bias, "1 − β₁ᵗ (for ρₜ ≤ 4)")
    above = (length - _TRACTABLE) * (length - 2) * longest
    rectification = np.sqrt(above / ((longest - _TRACTABLE) * (longest - 2) * length))
    root = _corrected(at, np.sqrt(second) + at.numbers["epsilon"])
    return _mean(at, root / rectification, "(1 − β₁ᵗ)(√v + ε)/(r √(1 − β₂ᵗ))")


def nadam(at: Snapshot) -> Stepping:
    """α (μₜ₊₁ m / (1 − π μₜ₊₁) + (1 − μₜ) g / (1 − π)) / (√v̂ + ε), a running mean looked ahead of.

    In the letters of :class:`~benchmark.curvature.stability.recurrence.Momentum`, with
    m = (1 − β₁) v: a = (1 − β₁) μₜ₊₁ / (1 − π μₜ₊₁) and b = (1 − μₜ) / (1 − π).
    """
    beta_1 = at.numbers["beta_1"]
    now, ahead = (beta_1 * (1 - 0.5 * _WARM_UP**step) for step in (at.step, at.step + 1))
    product = float(at.slots[0]["momentum_product"])
    recurrence = Momentum(
        beta_1,
        velocity=(1 - beta_1) * ahead / (1 - product * ahead),
        gradient=(1 - now) / (1 - product),
        decay=at.decay(),
    )
    root = np.sqrt(at.flat("second_moment") / at.uncorrected("beta_2")) + at.numbers["epsilon"]
    return Stepping(recurrence, at.learning_rate, diagonal(root), note=_sentence("√v̂ + ε"))


def adagrad(at: Snapshot) -> Stepping:
    """α g / √(A₀ + A + ε)."""
    initial = at.numbers["initial_accumulator_value"]
    root = np.sqrt(initial + at.flat("accumulator") + at.numbers["epsilon"])
    recurrence = Momentum(decay=at.decay())
    return Stepping(recurrence, at.learning_rate, diagonal(root), note=_sentence("√(A₀ + A + ε)"))


def adadelta(at: Snapshot) -> Stepping:
    """α g √(d + ε) / √(v + ε), with the d of the next step."""
    epsilon = at.numbers["epsilon"]
    ratio = np.sqrt((at.flat("second_moment") + epsilon) / (at.flat("squared_update") + epsilon))
    recurrence = Momentum(decay=at.decay())
    return Stepping(
        recurrence, at.learning_rate, diagonal(ratio), note=_sentence("√(v + ε)/√(d + ε)")
    )


def rmsprop(at: Snapshot) -> Stepping:
    """Steps b ← μ b + α g / √(v + ε), W ← W − b; centered v − m² for v."""
    square, formula = at.flat("second_moment"), "√(v + ε)"
    if at.has("first_moment"):
        square = np.maximum(square - at.flat("first_moment") ** 2, 0)
        formula = "√(v − m² + ε)"
    root = np.sqrt(square + at.numbers["epsilon"])
    recurrence = Momentum(at.numbers["momentum"], decay=at.decay())
    return Stepping(recurrence, at.learning_rate, diagonal(root), note=_sentence(formula))


def prodigy(at: Snapshot) -> Stepping:
    """γ d m / (√v + d ε) with moments of d g: the step of Adam without correction, of rate γ d."""
    distance, beta_1 = at.number("distance"), at.numbers["beta_1"]
    rate = at.learning_rate * distance
    root = np.sqrt(at.flat("second_moment")) / distance + at.numbers["epsilon"]
    recurrence = Momentum(beta_1, 1 - beta_1, decay=at.decay(rate))
    note = f"{_sentence('√v/d + ε')} η = γ·d = {rate:.3g}, with the present estimate d."
    return Stepping(recurrence, rate, diagonal(root), note=note)


def _mean(at: Snapshot, preconditioner: Array, formula: str) -> Stepping:
    """W ← W − α m / p along the running mean m of the gradients."""
    beta_1 = at.numbers["beta_1"]
    recurrence = Momentum(beta_1, 1 - beta_1, decay=at.decay())
    return Stepping(recurrence, at.learning_rate, diagonal(preconditioner), note=_sentence(formula))


def _corrected(at: Snapshot, root: Array) -> Array:
    """Adam's bias corrections, seen as a part of p."""
    return at.uncorrected("beta_1") / np.sqrt(at.uncorrected("beta_2")) * root


def _sentence(formula: str) -> str:
    return f"P = {formula} of the last step, held fixed."
