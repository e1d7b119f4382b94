"""RAdam: Adam that waits until its running mean of squares can be trusted."""

import keras
import numpy as np
from keras import ops

from benchmark.optimizers.base import Optimizer
from benchmark.optimizers.entry import OptimizerEntry
from benchmark.optimizers.rule_parts import first_and_second
from benchmark.optimizers.shared_hyperparameters import ADAM, small_number
from benchmark.optimizers.stability import (
    RUNNING_MEAN,
    Snapshot,
    Stability,
    Stepping,
    bias_corrected,
    mean_steps,
)
from benchmark.optimizers.tensors import State, Tensor, precision


def stepping(at: Snapshot) -> Stepping:
    """Return the stepping of η m̂ r √(1 − β₂ᵗ) / (√v + ε) where ρₜ > 4, η m̂ before."""
    beta_2, filled = at.numbers["beta_2"], at.uncorrected("beta_2")
    longest = (1 + beta_2) / (1 - beta_2)
    length = longest - 2 * at.step * (1 - filled) / filled
    second = at.flat("second_moment")
    if length <= _TRACTABLE:
        bias = np.full_like(second, at.uncorrected("beta_1"))
        return mean_steps(at, bias, "1 − β₁ᵗ (for ρₜ ≤ 4)")
    above = (length - _TRACTABLE) * (length - 2) * longest
    factor = np.sqrt(above / ((longest - _TRACTABLE) * (longest - 2) * length))
    root = bias_corrected(at, np.sqrt(second) + at.numbers["epsilon"])
    return mean_steps(at, root / factor, "(1 − β₁ᵗ)(√v + ε)/(r √(1 − β₂ᵗ))")


ENTRY = OptimizerEntry(
    summary="Adam that takes momentum steps until its mean square can be trusted",
    hyperparameters={
        **ADAM,
        "epsilon": small_number(1e-8, "the authors' program"),
    },
    advice="Start with adam's values and schedule_warmup = 0, which it replaces (Liu et al. 2020)",
    stability=Stability(stepping, RUNNING_MEAN, "Adam's over r; 1 − β₁ᵗ while ρₜ ≤ 4"),
)


_TRACTABLE = 4
"""The variance of 1 / √v is finite for ρₜ above this (section 3.3 of the paper)."""


def radam(state: State, gradient: Tensor, hyperparameters: State) -> tuple[State, Tensor]:
    """Return the new moments and sums, and the update η m̂ r l of RAdam, η m̂ where ρₜ ≤ 4.

    Args:
        state: ``first_moment`` m, ``second_moment`` v, the scalars ``power_sum`` S and
            ``age_sum`` A, and ``step`` t from 1.
        gradient: g.
        hyperparameters: ``learning_rate`` η, ``beta_1``, ``beta_2``, ``epsilon`` ε.
    """
    beta_2 = hyperparameters["beta_2"]
    moments = first_and_second(state, gradient, hyperparameters)
    ages = beta_2 * (state["age_sum"] + state["power_sum"])
    powers = 1 + beta_2 * state["power_sum"]
    length = 1 + 2 * ages / powers
    # (1 − β₂) S is 1 − β₂ᵗ.
    root = ops.sqrt((1 - beta_2) * powers)
    adaptive = root / (ops.sqrt(moments["second_moment"]) + hyperparameters["epsilon"])
    factor = ops.where(length > _TRACTABLE, rectification(length, beta_2) * adaptive, 1)
    share = 1 - ops.power(hyperparameters["beta_1"], state["step"])
    update = hyperparameters["learning_rate"] * factor * moments["first_moment"] / share
    return {**moments, "power_sum": powers, "age_sum": ages}, update


def rectification(length: Tensor, beta_2: Tensor) -> Tensor:
    """Return r = √((ρₜ − 4)(ρₜ − 2) ρ∞ / ((ρ∞ − 4)(ρ∞ − 2) ρₜ)), 0 where ρₜ < 4.

    Args:
        length: ρₜ.
        beta_2: β₂, from which ρ∞ = (1 + β₂) / (1 − β₂).
    """
    longest = (1 + beta_2) / (1 - beta_2)
    above = ops.maximum(length - _TRACTABLE, 0) * (length - 2) * longest
    return ops.sqrt(above / ((longest - _TRACTABLE) * (longest - 2) * length))


@keras.saving.register_keras_serializable(package="kappabench")
class RAdam(Optimizer):
    """Rectified Adam.

        m ← β₁ m + (1 − β₁) g               β₁ = ``beta_1``
        v ← β₂ v + (1 − β₂) g²              β₂ = ``beta_2``
        m̂ = m / (1 − β₁ᵗ)                   t = 1, 2, …
        ρ∞ = 2 / (1 − β₂) − 1
        ρₜ = ρ∞ − 2 t β₂ᵗ / (1 − β₂ᵗ)
        W ← W − η m̂                                   where ρₜ ≤ 4, else
        W ← W − η m̂ r √(1 − β₂ᵗ) / (√v + ε)           η = ``learning_rate``, ε = ``epsilon``
            r² = (ρₜ − 4)(ρₜ − 2) ρ∞ / ((ρ∞ − 4)(ρ∞ − 2) ρₜ)

    v is the mean of few squares at first, so that Adam's first steps vary widely; this takes
    those of momentum for ρₜ ≤ 4 (four steps at β₂ = 0.999), and then grows into Adam's. It
    does what a warm-up of the learning rate does.

    ρₜ is the length of the plain mean whose values are as old on average as those of v: 1 +
    2 A / S with S = Σ β₂ⁱ and A = Σ i β₂ⁱ over the ages i < t. It is computed so, from
    S ← 1 + β₂ S and A ← β₂ (A + S): the formula above takes the difference of two numbers
    near 2000, in which float32 cannot tell ρ₄ = 3.9975 from 4.

    Stores two numbers per weight, m and v, and two per variable, S and A.

    Departure from the paper: it has no ε; the authors' program adds it there, and starts at
    ρₜ ≥ 5. Keras has no such class.

    Args:
        beta_2: below 0.6 every step is one of momentum.
        epsilon: in units of the gradient.
        arguments: clipping, ``weight_decay``, ``name`` and Keras's other arguments, see
            :class:`~benchmark.optimizers.base.Optimizer`.

    Raises:
        ValueError: a number is out of range, or two kinds of clipping are given.
        TypeError: a number is no number.

    Example:
        >>> import keras
        >>> weights = keras.Variable([0.5])
        >>> RAdam(learning_rate=0.1).apply([weights.value], [weights])
        >>> round(float(weights[0]), 4)     # gradient descent: 0.5 − 0.1 · 0.5
        0.45

    References:
        Liu, Jiang, He, Chen, Liu, Gao, Han, On the variance of the adaptive learning rate
        and beyond, ICLR 2020, algorithm 2.
    """

    entry = ENTRY
    state_names = ("first_moment", "second_moment")

    def initial_state(self, weights: Tensor) -> State:
        """Return the state of one variable before the first step: zeros."""
        nothing = ops.zeros((), dtype=precision(weights))
        return {**super().initial_state(weights), "power_sum": nothing, "age_sum": nothing}

    def rule(self, state: State, gradient: Tensor, hyperparameters: State) -> tuple[State, Tensor]:
        """Apply :func:`radam`."""
        return radam(state, gradient, hyperparameters)
