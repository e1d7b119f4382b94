"""RMSprop: the gradient divided by the root of the running mean of its square."""

from dataclasses import replace

import keras
import numpy as np
from keras import ops

from benchmark.optimizers.base import Optimizer
from benchmark.optimizers.entry import OptimizerEntry
from benchmark.optimizers.rule_parts import running_mean
from benchmark.optimizers.shared_hyperparameters import (
    MOMENTUM,
    adam_rate,
    decay_rate,
    small_number,
)
from benchmark.optimizers.stability import (
    MomentumRecurrence,
    Snapshot,
    Stability,
    Stepping,
    diagonal,
    held_fixed,
)
from benchmark.optimizers.tensors import State, Tensor, zeros


def stepping(at: Snapshot) -> Stepping:
    """Return the stepping of b ← μ b + η g / √(v + ε), W ← W − b; centered v − m² for v."""
    square, formula = at.flat("second_moment"), "√(v + ε)"
    if at.has("first_moment"):
        square = np.maximum(square - at.flat("first_moment") ** 2, 0)
        formula = "√(v − m² + ε)"
    root = np.sqrt(square + at.numbers["epsilon"])
    recurrence = MomentumRecurrence(at.numbers["momentum"], decay=at.decay())
    return Stepping(recurrence, at.learning_rate, diagonal(root), note=held_fixed(formula))


ENTRY = OptimizerEntry(
    summary="the gradient divided by the root of its mean square, with momentum",
    hyperparameters={
        "learning_rate": adam_rate(0.001, "keras.optimizers.RMSprop"),
        "rho": decay_rate(0.9, "Tieleman, Hinton 2012, lecture 6.5"),
        "momentum": replace(
            MOMENTUM,
            default=0.0,
            source="default: keras.optimizers.RMSprop; space: that of the heavy ball",
        ),
        "epsilon": small_number(1e-7, "keras.optimizers.RMSprop"),
    },
    options={"centered": False},
    advice="Start with learning_rate = 0.001; momentum = 0 gives plain RMSprop (Tieleman, Hinton"
    " 2012)",
    stability=Stability(stepping, "2 (1 + μ)", "√(v + ε); centered √(v − m² + ε)"),
)


def rmsprop(state: State, gradient: Tensor, hyperparameters: State) -> tuple[State, Tensor]:
    """Return the new v and b, and b as the update: b ← μ b + η g / √(v + ε).

    Args:
        state: ``second_moment`` v and ``velocity`` b.
        gradient: g.
        hyperparameters: ``learning_rate`` η, ``rho``, ``momentum`` μ and ``epsilon`` ε.
    """
    second = running_mean(state["second_moment"], ops.square(gradient), hyperparameters["rho"])
    velocity = _velocity(state, gradient, second, hyperparameters)
    return {"second_moment": second, "velocity": velocity}, velocity


def centered(state: State, gradient: Tensor, hyperparameters: State) -> tuple[State, Tensor]:
    """Return :func:`rmsprop` with the variance v − m² for v; m is ``first_moment``."""
    rho = hyperparameters["rho"]
    first = running_mean(state["first_moment"], gradient, rho)
    second = running_mean(state["second_moment"], ops.square(gradient), rho)
    # Rounding may leave less than nothing of a gradient that stays the same.
    variance = ops.maximum(second - ops.square(first), 0)
    velocity = _velocity(state, gradient, variance, hyperparameters)
    new_state = {"first_moment": first, "second_moment": second, "velocity": velocity}
    return new_state, velocity


def _velocity(state: State, gradient: Tensor, square: Tensor, hyperparameters: State) -> Tensor:
    root = ops.sqrt(square + hyperparameters["epsilon"])
    step = hyperparameters["learning_rate"] * gradient / root
    return hyperparameters["momentum"] * state["velocity"] + step


@keras.saving.register_keras_serializable(package="kappabench")
class RMSprop(Optimizer):
    """RMSprop, with the arguments, defaults and steps of Keras's ``RMSprop``.

        v ← ρ v + (1 − ρ) g²                ρ = ``rho``
        m ← ρ m + (1 − ρ) g                 only where ``centered``; m = 0 elsewhere
        b ← μ b + η g / √(v − m² + ε)       η = ``learning_rate``, ε = ``epsilon``,
        W ← W − b                           μ = ``momentum``

    At μ = 0 this is Hinton's RMSprop. ``centered`` divides by the deviation of the
    gradient instead of its size, and so takes longer steps where it hardly varies.

    Stores two numbers per weight, v and b; three where ``centered``.

    Departures from Keras: μ is a number like any other and may be set to 0 and back, for
    which b is always kept (Keras keeps it only where μ > 0 at construction); and a variance
    that rounding makes negative counts as zero, where Keras's step becomes NaN.

    Args:
        epsilon: in squared units of the gradient.
        centered: whether the mean of the gradient is taken off.
        arguments: clipping, ``weight_decay``, ``name`` and Keras's other arguments, see
            :class:`~benchmark.optimizers.base.Optimizer`.

    Raises:
        ValueError: a number is out of range, or two kinds of clipping are given.
        TypeError: a number is no number.

    Example:
        >>> import keras
        >>> weights = keras.Variable([1.0])
        >>> RMSprop(learning_rate=0.1, rho=0.75).apply([weights.value], [weights])
        >>> round(float(weights[0]), 4)     # 1 − 0.1 / √0.25
        0.8

    References:
        Tieleman, Hinton, Lecture 6.5 of Neural networks for machine learning, 2012.
        Graves, Generating sequences with recurrent neural networks, arXiv:1308.0850, 2013,
        section 4.2 (centered, with momentum).
    """

    entry = ENTRY
    centered: bool
    """Whether the mean of the gradient is taken off."""

    def initial_state(self, weights: Tensor) -> State:
        """Return the means and the velocity before the first step."""
        mean = ("first_moment",) if self.centered else ()
        return zeros((*mean, "second_moment", "velocity"), weights)

    def rule(self, state: State, gradient: Tensor, hyperparameters: State) -> tuple[State, Tensor]:
        """Apply :func:`rmsprop` or :func:`centered`."""
        chosen = centered if self.centered else rmsprop
        return chosen(state, gradient, hyperparameters)
