"""Yogi: Adam whose mean of squares changes by addition, so that it cannot fall quickly."""

from typing import Any

import keras
from keras import ops

from benchmark.optimizers.base import Optimizer
from benchmark.optimizers.moments import corrected_update, running_mean
from benchmark.optimizers.registry import OPTIMIZERS
from benchmark.optimizers.tensors import State, Tensor


def yogi(state: State, gradient: Tensor, hyperparameters: State) -> tuple[State, Tensor]:
    """Return the new m, v and the update αₜ m / (√v + ε) of Yogi.

    Args:
        state: ``first_moment`` m, ``second_moment`` v, and ``step`` t from 1.
        gradient: g.
        hyperparameters: ``learning_rate`` α, ``beta_1``, ``beta_2``, ``epsilon`` ε and
            ``initial_accumulator_value`` v₀.
    """
    step, square = state["step"], ops.square(gradient)
    initial = hyperparameters["initial_accumulator_value"]
    # Once begun, v stays above 0: it falls by less than itself. A variable may begin late.
    before = ops.where(state["second_moment"] == 0, initial, state["second_moment"])
    first = running_mean(state["first_moment"], gradient, hyperparameters["beta_1"])
    second = before - (1 - hyperparameters["beta_2"]) * ops.sign(before - square) * square
    slots = {"first_moment": first, "second_moment": second}
    return slots, corrected_update(first, second, step, hyperparameters)


@keras.saving.register_keras_serializable(package="kappabench")
class Yogi(Optimizer):
    """Yogi.

        m ← β₁ m + (1 − β₁) g                      β₁ = ``beta_1``
        v ← v − (1 − β₂) sign(v − g²) g²           β₂ = ``beta_2``,
                                                   v₀ = ``initial_accumulator_value``
        αₜ = α √(1 − β₂ᵗ) / (1 − β₁ᵗ)              α = ``learning_rate``, t = 1, 2, …
        W ← W − αₜ m / (√v + ε)                    ε = ``epsilon``

    In Adam v falls by a share of itself when gradients become small, and the steps grow as
    fast; here it falls by a share of g², which is less.

    Keeps two numbers a weight, m and v.

    Departure from the paper: its algorithm 2 has no bias correction, and its v₀ is left to the
    user. Both are taken from TensorFlow Addons, whose steps are these. So the first step is

        α g / (√(g² + v₀ / (1 − β₂)) + ε / √(1 − β₂))

    at most α in size, and v₀ and ε count 1/(1 − β₂) = 1000 and 32 times what they are; the
    paper's is α (1 − β₁) g / (√(v₀ + (1 − β₂) g²) + ε), up to α (1 − β₁) / √(1 − β₂) = 3.2 α.
    optax starts m at v₀ too, and corrects v before ε is added. Keras has no such class.

    Args:
        learning_rate: α > 0, or a schedule. Default 0.01, as in TensorFlow Addons.
        beta_1: 0 ≤ β₁ < 1. Default 0.9, the paper's.
        beta_2: 0 ≤ β₂ < 1. Default 0.999, the paper's.
        epsilon: ε > 0, in units of the gradient. Default 1e-3, as in TensorFlow
            Addons.
        initial_accumulator_value: v₀ ≥ 0, in squared units of the gradient. Default 1e-6,
            as in TensorFlow Addons.
        arguments: clipping, ``weight_decay``, ``name`` and Keras's other arguments, see
            :class:`~benchmark.optimizers.base.Optimizer`.

    Raises:
        ValueError: a number is out of range, or two kinds of clipping are given.
        TypeError: a number is no number.

    Example:
        >>> import keras
        >>> weights = keras.Variable([1.0])
        >>> Yogi(learning_rate=0.1).apply([weights.value], [weights])
        >>> round(float(weights[0]), 4)     # Adam's 0.9, but for ε and v₀
        0.903

    References:
        Zaheer, Reddi, Sachan, Kale, Kumar, Adaptive methods for nonconvex optimization,
        NeurIPS 2018, algorithm 2.
    """

    hyperparameter_table = OPTIMIZERS["yogi"].hyperparameters
    slot_names = ("first_moment", "second_moment")

    def __init__(
        self,
        learning_rate: Any = 0.01,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-3,
        initial_accumulator_value: float = 1e-6,
        **arguments: Any,
    ) -> None:
        numbers = {"beta_1": beta_1, "beta_2": beta_2, "epsilon": epsilon}
        numbers["initial_accumulator_value"] = initial_accumulator_value
        super().__init__(learning_rate, numbers, **arguments)

    def rule(self, state: State, gradient: Tensor, hyperparameters: State) -> tuple[State, Tensor]:
        """Apply :func:`yogi`."""
        return yogi(state, gradient, hyperparameters)
