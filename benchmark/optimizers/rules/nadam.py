"""NAdam: Adam with Nesterov's look ahead."""

from typing import Any

import keras
from keras import ops

from benchmark.optimizers.base import Optimizer
from benchmark.optimizers.moments import first_and_second
from benchmark.optimizers.registry import OPTIMIZERS
from benchmark.optimizers.tensors import State, Tensor, precision

_WARM_UP = 0.96
"""How fast the momentum approaches β₁; fixed in the paper and in Keras."""


def nadam(state: State, gradient: Tensor, hyperparameters: State) -> tuple[State, Tensor]:
    """Return the new m, v, π and the update α n / (√v̂ + ε) of NAdam.

    Args:
        state: ``first_moment`` m, ``second_moment`` v, ``momentum_product`` π (a scalar,
            1 before the first step), and ``step`` t from 1.
        gradient: g.
        hyperparameters: ``learning_rate`` α, ``beta_1``, ``beta_2``, ``epsilon`` ε.
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
        W ← W − α n / (√(v / (1 − β₂ᵗ)) + ε)       α = ``learning_rate``, ε = ``epsilon``

    Where Adam steps along the mean of the gradients so far, this steps along what that mean
    will be after the next one, as Nesterov's momentum does.

    Keeps two numbers a weight, m and v, and one a variable, π.

    Departure from Keras: π is kept for each variable, in the type of its step; Keras keeps
    one for all, in the type of the first. (On TensorFlow Keras also rounds 0.96 to float32.)
    Departures from the paper, both Keras's: m is averaged with β₁, not with μₜ; and the
    warm-up of μₜ is 0.96ᵗ where the paper has 0.96^(t / 250), so that it is over after a
    hundred steps.

    Args:
        learning_rate: α > 0, or a schedule. Default 0.001, as in Keras; the paper
            has 0.002.
        beta_1: 0 ≤ β₁ < 1. Default 0.9, as in Keras; the paper has 0.975.
        beta_2: 0 ≤ β₂ < 1. Default 0.999, the paper's.
        epsilon: ε > 0, in units of the gradient. Default 1e-7, as in Keras; the paper
            has 1e-8.
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

    hyperparameter_table = OPTIMIZERS["nadam"].hyperparameters
    slot_names = ("first_moment", "second_moment")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **arguments: Any,
    ) -> None:
        numbers = {"beta_1": beta_1, "beta_2": beta_2, "epsilon": epsilon}
        super().__init__(learning_rate, numbers, **arguments)

    def initial_slots(self, weights: Tensor) -> State:
        """Return the slots of one variable before the first step: zeros, and the product 1."""
        product = ops.ones((), dtype=precision(weights))
        return {**super().initial_slots(weights), "momentum_product": product}

    def rule(self, state: State, gradient: Tensor, hyperparameters: State) -> tuple[State, Tensor]:
        """Apply :func:`nadam`."""
        return nadam(state, gradient, hyperparameters)
