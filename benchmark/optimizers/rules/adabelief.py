"""AdaBelief: Adam whose steps are long where the gradient is as its mean predicted."""

import keras
import numpy as np
from keras import ops

from benchmark.optimizers.base import Optimizer
from benchmark.optimizers.entry import OptimizerEntry
from benchmark.optimizers.rule_parts import corrected_update, running_mean
from benchmark.optimizers.shared_hyperparameters import ADAM, small_number
from benchmark.optimizers.stability import RUNNING_MEAN, Snapshot, Stability, Stepping, mean_steps
from benchmark.optimizers.tensors import State, Tensor


def stepping(at: Snapshot) -> Stepping:
    """Return the stepping of η m̂ / (√ŝ + ε)."""
    root = np.sqrt(at.flat("variance") / at.uncorrected("beta_2")) + at.numbers["epsilon"]
    return mean_steps(at, at.uncorrected("beta_1") * root, "(1 − β₁ᵗ)(√ŝ + ε)")


ENTRY = OptimizerEntry(
    summary="Adam with the variance of the gradient in place of its mean square",
    hyperparameters={
        **ADAM,
        "epsilon": small_number(
            1e-16,
            "the authors' package",
            low=1e-16,
            high=1e-4,
            space_source="our choice: it is added to the variance in every step, where "
            "1e-4 sums up to 0.1 at beta_2 = 0.999",
        ),
    },
    advice="Start with adam's values; epsilon = 1e-8 where SGD does better than Adam (Zhuang et "
    "al. 2020, notes of the authors' package)",
    stability=Stability(stepping, RUNNING_MEAN, "(1 − β₁ᵗ) (√ŝ + ε)"),
)


def adabelief(state: State, gradient: Tensor, hyperparameters: State) -> tuple[State, Tensor]:
    """Return the new m, s and the update η m̂ / (√ŝ + ε) of AdaBelief.

    Args:
        state: ``first_moment`` m, ``variance`` s, and ``step`` t from 1.
        gradient: g.
        hyperparameters: ``learning_rate`` η, ``beta_1``, ``beta_2``, ``epsilon`` ε.
    """
    step, beta_2, epsilon = state["step"], hyperparameters["beta_2"], hyperparameters["epsilon"]
    first = running_mean(state["first_moment"], gradient, hyperparameters["beta_1"])
    variance = running_mean(state["variance"], ops.square(gradient - first), beta_2) + epsilon
    # The same as m̂ / (√ŝ + ε), with that ε in the units of the uncorrected s.
    below = epsilon * ops.sqrt(1 - ops.power(beta_2, step))
    update = corrected_update(first, variance, step, {**hyperparameters, "epsilon": below})
    return {"first_moment": first, "variance": variance}, update


@keras.saving.register_keras_serializable(package="kappabench")
class AdaBelief(Optimizer):
    """AdaBelief.

        m ← β₁ m + (1 − β₁) g               β₁ = ``beta_1``
        s ← β₂ s + (1 − β₂)(g − m)² + ε     β₂ = ``beta_2``
        m̂ = m / (1 − β₁ᵗ)                   t = 1, 2, …
        ŝ = s / (1 − β₂ᵗ)
        W ← W − η m̂ / (√ŝ + ε)              η = ``learning_rate``, ε = ``epsilon``

    Adam divides by the size of the gradient, this by how far it strays from its own mean:
    where gradients agree steps are long, and where they contradict each other short.

    Stores two numbers per weight, m and s.

    Departure from the paper: none. (The authors' package also rectifies as
    :class:`~benchmark.optimizers.rules.radam.RAdam` does, unless told not to.) Keras has no such
    class.

    Args:
        epsilon: added to squares and to their root; the authors' experiments on images have
            1e-8.
        arguments: clipping, ``weight_decay``, ``name`` and Keras's other arguments, see
            :class:`~benchmark.optimizers.base.Optimizer`.

    Raises:
        ValueError: a number is out of range, or two kinds of clipping are given.
        TypeError: a number is no number.

    Example:
        >>> import keras
        >>> weights = keras.Variable([1.0])
        >>> AdaBelief(learning_rate=0.1, beta_1=0.5).apply([weights.value], [weights])
        >>> round(float(weights[0]), 4)     # m̂ = 1, ŝ = (1 − 0.5)²
        0.8

    References:
        Zhuang, Tang, Ding, Tatikonda, Dvornek, Papademetris, Duncan, AdaBelief optimizer:
        adapting stepsizes by the belief in observed gradients, NeurIPS 2020, algorithm 2.
    """

    entry = ENTRY
    state_names = ("first_moment", "variance")

    def rule(self, state: State, gradient: Tensor, hyperparameters: State) -> tuple[State, Tensor]:
        """Apply :func:`adabelief`."""
        return adabelief(state, gradient, hyperparameters)
