"""AdaMax: Adam with the largest recent gradient in place of the root of the mean square."""

from typing import Any

import keras
from keras import ops

from benchmark.optimizers.base import Optimizer
from benchmark.optimizers.moments import running_mean
from benchmark.optimizers.registry import OPTIMIZERS
from benchmark.optimizers.tensors import State, Tensor


def adamax(state: State, gradient: Tensor, hyperparameters: State) -> tuple[State, Tensor]:
    """Return the new m, u and the update α m / ((1 − β₁ᵗ)(u + ε)) of AdaMax.

    Args:
        state: ``first_moment`` m, ``infinity_norm`` u, and ``step`` t from 1.
        gradient: g.
        hyperparameters: ``learning_rate`` α, ``beta_1``, ``beta_2``, ``epsilon`` ε.
    """
    beta_1 = hyperparameters["beta_1"]
    first = running_mean(state["first_moment"], gradient, beta_1)
    faded = hyperparameters["beta_2"] * state["infinity_norm"]
    largest = ops.maximum(faded, ops.abs(gradient))
    rate = hyperparameters["learning_rate"] / (1 - ops.power(beta_1, state["step"]))
    slots = {"first_moment": first, "infinity_norm": largest}
    return slots, rate * first / (largest + hyperparameters["epsilon"])


@keras.saving.register_keras_serializable(package="kappabench")
class Adamax(Optimizer):
    """AdaMax, with the arguments, defaults and steps of Keras's ``Adamax``.

        m ← β₁ m + (1 − β₁) g               β₁ = ``beta_1``
        u ← max(β₂ u, |g|)                  β₂ = ``beta_2``
        W ← W − α / (1 − β₁ᵗ) · m / (u + ε)   α = ``learning_rate``, ε = ``epsilon``,
                                            t = 1, 2, …

    u needs no bias correction, and no step is longer than about α.

    Keeps two numbers a weight, m and u.

    Departure from Keras: 1 − β₁ is computed from the stored β₁, as in
    :class:`~benchmark.optimizers.rules.adam.Adam`. Departure from the paper, Keras's: it has no
    ε, and divides 0 by 0 where a gradient was always zero.

    Args:
        learning_rate: α > 0, or a schedule. Default 0.001, as in Keras; the paper
            has 0.002.
        beta_1: 0 ≤ β₁ < 1. Default 0.9, algorithm 2.
        beta_2: 0 ≤ β₂ < 1. Default 0.999, algorithm 2.
        epsilon: ε > 0, in units of the gradient. Default 1e-7, as in Keras.
        arguments: clipping, ``weight_decay``, ``name`` and Keras's other arguments, see
            :class:`~benchmark.optimizers.base.Optimizer`.

    Raises:
        ValueError: a number is out of range, or two kinds of clipping are given.
        TypeError: a number is no number.

    Example:
        >>> import keras
        >>> weights = keras.Variable([1.0])
        >>> Adamax(learning_rate=0.1).apply([weights.value], [weights])
        >>> round(float(weights[0]), 4)     # the first step has length α
        0.9

    References:
        Kingma, Ba, Adam: a method for stochastic optimization, ICLR 2015, algorithm 2.
    """

    hyperparameter_table = OPTIMIZERS["adamax"].hyperparameters
    slot_names = ("first_moment", "infinity_norm")

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

    def rule(self, state: State, gradient: Tensor, hyperparameters: State) -> tuple[State, Tensor]:
        """Apply :func:`adamax`."""
        return adamax(state, gradient, hyperparameters)
