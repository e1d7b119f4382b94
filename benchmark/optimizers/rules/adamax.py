"""AdaMax: Adam with the largest recent gradient in place of the root of the mean square."""

import keras
from keras import ops

from benchmark.optimizers.base import Optimizer
from benchmark.optimizers.entry import OptimizerEntry
from benchmark.optimizers.rule_parts import running_mean
from benchmark.optimizers.shared_hyperparameters import ADAM, adam_rate
from benchmark.optimizers.stability import RUNNING_MEAN, Snapshot, Stability, Stepping, mean_steps
from benchmark.optimizers.tensors import State, Tensor


def stepping(at: Snapshot) -> Stepping:
    """Return the stepping of η m / ((1 − β₁ᵗ)(u + ε))."""
    largest = at.flat("infinity_norm") + at.numbers["epsilon"]
    return mean_steps(at, at.uncorrected("beta_1") * largest, "(1 − β₁ᵗ)(u + ε)")


ENTRY = OptimizerEntry(
    summary="Adam with the largest recent gradient in place of the root mean square",
    hyperparameters={
        **ADAM,
        "learning_rate": adam_rate(
            0.001, "keras.optimizers.Adamax (the paper has 0.002)", "that of Adam"
        ),
    },
    advice="Start with learning_rate = 0.002, twice adam's (Kingma, Ba 2015, algorithm 2)",
    stability=Stability(stepping, RUNNING_MEAN, "(1 − β₁ᵗ) (u + ε)"),
)


def adamax(state: State, gradient: Tensor, hyperparameters: State) -> tuple[State, Tensor]:
    """Return the new m, u and the update η m / ((1 − β₁ᵗ)(u + ε)) of AdaMax.

    Args:
        state: ``first_moment`` m, ``infinity_norm`` u, and ``step`` t from 1.
        gradient: g.
        hyperparameters: ``learning_rate`` η, ``beta_1``, ``beta_2``, ``epsilon`` ε.
    """
    beta_1 = hyperparameters["beta_1"]
    first = running_mean(state["first_moment"], gradient, beta_1)
    faded = hyperparameters["beta_2"] * state["infinity_norm"]
    largest = ops.maximum(faded, ops.abs(gradient))
    rate = hyperparameters["learning_rate"] / (1 - ops.power(beta_1, state["step"]))
    new_state = {"first_moment": first, "infinity_norm": largest}
    return new_state, rate * first / (largest + hyperparameters["epsilon"])


@keras.saving.register_keras_serializable(package="kappabench")
class Adamax(Optimizer):
    """AdaMax, with the arguments, defaults and steps of Keras's ``Adamax``.

        m ← β₁ m + (1 − β₁) g               β₁ = ``beta_1``
        u ← max(β₂ u, |g|)                  β₂ = ``beta_2``
        W ← W − η / (1 − β₁ᵗ) · m / (u + ε)   η = ``learning_rate``, ε = ``epsilon``,
                                            t = 1, 2, …

    u needs no bias correction, and no step is longer than about η.

    Stores two numbers per weight, m and u.

    Departure from Keras: 1 − β₁ is computed from the stored β₁, as in
    :class:`~benchmark.optimizers.rules.adam.Adam`. Departure from the paper, Keras's: it has no
    ε, and divides 0 by 0 where a gradient was always zero.

    Args:
        epsilon: in units of the gradient.
        arguments: clipping, ``weight_decay``, ``name`` and Keras's other arguments, see
            :class:`~benchmark.optimizers.base.Optimizer`.

    Raises:
        ValueError: a number is out of range, or two kinds of clipping are given.
        TypeError: a number is no number.

    Example:
        >>> import keras
        >>> weights = keras.Variable([1.0])
        >>> Adamax(learning_rate=0.1).apply([weights.value], [weights])
        >>> round(float(weights[0]), 4)     # the first step has length η
        0.9

    References:
        Kingma, Ba, Adam: a method for stochastic optimization, ICLR 2015, algorithm 2.
    """

    entry = ENTRY
    state_names = ("first_moment", "infinity_norm")

    def rule(self, state: State, gradient: Tensor, hyperparameters: State) -> tuple[State, Tensor]:
        """Apply :func:`adamax`."""
        return adamax(state, gradient, hyperparameters)
