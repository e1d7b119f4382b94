"""RMSprop: the gradient divided by the root of the running mean of its square."""

from typing import Any

import keras
from keras import ops

from benchmark.optimizers.base import Optimizer
from benchmark.optimizers.moments import running_mean
from benchmark.optimizers.registry import OPTIMIZERS
from benchmark.optimizers.tensors import State, Tensor


def rmsprop(state: State, gradient: Tensor, hyperparameters: State) -> tuple[State, Tensor]:
    """Return the new v and b, and b as the update: b ← μ b + α g / √(v + ε).

    Args:
        state: ``second_moment`` v and ``velocity`` b.
        gradient: g.
        hyperparameters: ``learning_rate`` α, ``rho``, ``momentum`` μ and ``epsilon`` ε.
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
    slots = {"first_moment": first, "second_moment": second, "velocity": velocity}
    return slots, velocity


def _velocity(state: State, gradient: Tensor, square: Tensor, hyperparameters: State) -> Tensor:
    root = ops.sqrt(square + hyperparameters["epsilon"])
    step = hyperparameters["learning_rate"] * gradient / root
    return hyperparameters["momentum"] * state["velocity"] + step


@keras.saving.register_keras_serializable(package="kappabench")
class RMSprop(Optimizer):
    """RMSprop, with the arguments, defaults and steps of Keras's ``RMSprop``.

        v ← ρ v + (1 − ρ) g²                ρ = ``rho``
        m ← ρ m + (1 − ρ) g                 only where ``centered``; m = 0 elsewhere
        b ← μ b + α g / √(v − m² + ε)       α = ``learning_rate``, ε = ``epsilon``,
        W ← W − b                           μ = ``momentum``

    At μ = 0 this is Hinton's RMSprop. ``centered`` divides by the deviation of the
    gradient instead of its size, and so takes longer steps where it hardly varies.

    Keeps two numbers a weight, v and b; three where ``centered``.

    Departures from Keras: μ is a number like any other and may be set to 0 and back, for
    which b is always kept (Keras keeps it only where μ > 0 at construction); and a variance
    that rounding makes negative counts as zero, where Keras's step becomes NaN.

    Args:
        learning_rate: α > 0, or a schedule. Default 0.001, as in Keras.
        rho: 0 ≤ ρ < 1. Default 0.9, as in Keras and on Hinton's slide.
        momentum: 0 ≤ μ < 1. Default 0, as in Keras.
        epsilon: ε > 0, in squared units of the gradient. Default 1e-7, as in Keras.
        centered: whether the mean of the gradient is taken off (structural). Default
            ``False``.
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

    hyperparameter_table = OPTIMIZERS["rmsprop"].hyperparameters

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
        **arguments: Any,
    ) -> None:
        numbers = {"rho": rho, "momentum": momentum, "epsilon": epsilon}
        super().__init__(learning_rate, numbers, **arguments)
        self.centered = bool(centered)
        mean = ("first_moment",) if self.centered else ()
        self.slot_names = (*mean, "second_moment", "velocity")

    def rule(self, state: State, gradient: Tensor, hyperparameters: State) -> tuple[State, Tensor]:
        """Apply :func:`rmsprop` or :func:`centered`."""
        chosen = centered if self.centered else rmsprop
        return chosen(state, gradient, hyperparameters)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments as plain values."""
        return {**super().get_config(), "centered": self.centered}
