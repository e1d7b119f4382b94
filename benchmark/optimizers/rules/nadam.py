"""NAdam: Adam with Nesterov's look ahead."""

import keras
import numpy as np
from keras import ops

from benchmark.optimizers.base import Optimizer
from benchmark.optimizers.entry import OptimizerEntry
from benchmark.optimizers.rule_parts import first_and_second
from benchmark.optimizers.shared_hyperparameters import ADAM, adam_rate
from benchmark.optimizers.stability import (
    MomentumRecurrence,
    Snapshot,
    Stability,
    Stepping,
    diagonal,
    held_fixed,
)
from benchmark.optimizers.tensors import State, Tensor, precision


def stepping(at: Snapshot) -> Stepping:
    """Return the stepping of η (μₜ₊₁ m / (1 − π μₜ₊₁) + (1 − μₜ) g / (1 − π)) / (√v̂ + ε).

    In the letters of :class:`~benchmark.optimizers.stability.MomentumRecurrence`, with
    m = (1 − β₁) v: a = (1 − β₁) μₜ₊₁ / (1 − π μₜ₊₁) and b = (1 − μₜ) / (1 − π).
    """
    beta_1 = at.numbers["beta_1"]
    now, ahead = (beta_1 * (1 - 0.5 * _WARM_UP**step) for step in (at.step, at.step + 1))
    product = float(at.states[0]["momentum_product"])
    recurrence = MomentumRecurrence(
        beta_1,
        velocity=(1 - beta_1) * ahead / (1 - product * ahead),
        gradient=(1 - now) / (1 - product),
        decay=at.decay(),
    )
    root = np.sqrt(at.flat("second_moment") / at.uncorrected("beta_2")) + at.numbers["epsilon"]
    return Stepping(recurrence, at.learning_rate, diagonal(root), note=held_fixed("√v̂ + ε"))


ENTRY = OptimizerEntry(
    summary="Adam with Nesterov's look-ahead",
    hyperparameters={
        **ADAM,
        "learning_rate": adam_rate(0.001, "keras.optimizers.Nadam (the paper has 0.002)"),
    },
    advice="Start with adam's values (Dozat 2016)",
    stability=Stability(
        stepping,
        "2 (1 + β₁) / ((1 − β₁) (1 + 2 β₁)) after its warm-up, exact before",
        "√v̂ + ε",
    ),
)


_WARM_UP = 0.96
"""How fast the momentum approaches β₁; fixed in the paper and in Keras."""


def nadam(state: State, gradient: Tensor, hyperparameters: State) -> tuple[State, Tensor]:
    """Return the new m, v, π and the update η n / (√v̂ + ε) of NAdam.

    Args:
        state: ``first_moment`` m, ``second_moment`` v, ``momentum_product`` π (a scalar,
            1 before the first step), and ``step`` t from 1.
        gradient: g.
        hyperparameters: ``learning_rate`` η, ``beta_1``, ``beta_2``, ``epsilon`` ε.
    """
    step, beta_1 = state["step"], hyperparameters["beta_1"]
    now = beta_1 * (1 - 0.5 * _WARM_UP**step)
    ahead = beta_1 * (1 - 0.5 * _WARM_UP ** (step + 1))
    product = state["momentum_product"] * now
    moments = first_and_second(state, gradient, hyperparameters)
    seen = ahead * moments["first_moment"] / (1 - product * ahead)
    mixed = seen + (1 - now) * gradient / (1 - product)
    unbiased = moments["second_moment"] / (1 - ops.power(hyperparameters["beta_2"], step))
    below = ops.sqrt(unbiased) + hyperparameters["epsilon"]
    update = hyperparameters["learning_rate"] * mixed / below
    return {**moments, "momentum_product": product}, update


@keras.saving.register_keras_serializable(package="kappabench")
class Nadam(Optimizer):
    """NAdam, with the arguments, defaults and steps of Keras's ``Nadam``.

        m ← β₁ m + (1 − β₁) g                      β₁ = ``beta_1``
        v ← β₂ v + (1 − β₂) g²                     β₂ = ``beta_2``
        μₜ = β₁ (1 − 0.96ᵗ / 2)                    t = 1, 2, …
        π ← π μₜ                                   π = 1 before the first step
        n = μₜ₊₁ m / (1 − π μₜ₊₁) + (1 − μₜ) g / (1 − π)
        W ← W − η n / (√(v / (1 − β₂ᵗ)) + ε)       η = ``learning_rate``, ε = ``epsilon``

    Where Adam steps along the mean of the gradients so far, this steps along what that mean
    will be after the next one, as Nesterov's momentum does.

    Stores two numbers per weight, m and v, and one per variable, π.

    Departure from Keras: π is kept for each variable, in the type of its step; Keras keeps
    one for all, in the type of the first. (On TensorFlow Keras also rounds 0.96 to float32.)
    Departures from the paper, both Keras's: m is averaged with β₁, not with μₜ; and the
    warm-up of μₜ is 0.96ᵗ where the paper has 0.96^(t / 250), so that it is over after a
    hundred steps.

    Args:
        beta_1: the paper has 0.975.
        epsilon: in units of the gradient; the paper has 1e-8.
        arguments: clipping, ``weight_decay``, ``name`` and Keras's other arguments, see
            :class:`~benchmark.optimizers.base.Optimizer`.

    Raises:
        ValueError: a number is out of range, or two kinds of clipping are given.
        TypeError: a number is no number.

    Example:
        >>> import keras
        >>> weights = keras.Variable([1.0])
        >>> Nadam(learning_rate=0.1, beta_1=0.5).apply([weights.value], [weights])
        >>> round(float(weights[0]), 4)     # μ₁ = 0.26, μ₂ = 0.2696, n = 1.145
        0.8855

    References:
        Dozat, Incorporating Nesterov momentum into Adam, ICLR 2016 workshop, algorithm 2.
    """

    entry = ENTRY
    state_names = ("first_moment", "second_moment")

    def initial_state(self, weights: Tensor) -> State:
        """Return the state of one variable before the first step: zeros, and the product 1."""
        product = ops.ones((), dtype=precision(weights))
        return {**super().initial_state(weights), "momentum_product": product}

    def rule(self, state: State, gradient: Tensor, hyperparameters: State) -> tuple[State, Tensor]:
        """Apply :func:`nadam`."""
        return nadam(state, gradient, hyperparameters)
