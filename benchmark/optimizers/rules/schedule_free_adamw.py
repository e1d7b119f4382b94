"""Schedule-free AdamW."""

from typing import Any

import keras
from keras import ops

from benchmark.optimizers.registry import OPTIMIZERS
from benchmark.optimizers.schedule_free import ScheduleFree, schedule_free_step
from benchmark.optimizers.steps import with_decay
from benchmark.optimizers.tensors import State, Tensor


def schedule_free_adam(
    state: State, gradient: Tensor, hyperparameters: State
) -> tuple[State, Tensor]:
    """Return the new slots and the update of y after z ← z − γₜ·(g / (√v̂ + ε) + λ·y).

    Args:
        state: ``second_moment`` v, and what
            :func:`~benchmark.optimizers.schedule_free.schedule_free_step` needs.
        gradient: g, at y.
        hyperparameters: ``learning_rate`` γ, ``beta_1``, ``beta_2``, ``epsilon`` ε,
            ``warmup_steps``, and ``weight_decay`` λ where there is one.
    """
    beta_2, old = hyperparameters["beta_2"], state["second_moment"]
    second = old + (1 - beta_2) * (ops.square(gradient) - old)
    unbiased = second / (1 - ops.power(beta_2, state["step"]))
    scaled = gradient / (ops.sqrt(unbiased) + hyperparameters["epsilon"])
    direction = with_decay(scaled, state, hyperparameters)
    displacement, update = schedule_free_step(
        state, direction, hyperparameters["beta_1"], hyperparameters
    )
    return {"displacement": displacement, "second_moment": second}, update


@keras.saving.register_keras_serializable(package="kappabench")
class ScheduleFreeAdamW(ScheduleFree):
    """Schedule-free AdamW, with the arguments and defaults of Keras's ``ScheduleFreeAdamW``.

        γₜ = γ min(1, t / T)                γ = ``learning_rate``, T = ``warmup_steps``
        y = (1 − β₁) z + β₁ x               β₁ = ``beta_1``
        v ← β₂ v + (1 − β₂) g(y)²           β₂ = ``beta_2``,  v̂ = v / (1 − β₂ᵗ)
        z ← z − γₜ (g / (√v̂ + ε) + λ y)     ε = ``epsilon``, λ = ``weight_decay``
        x ← (1 − c) x + c z                 c = γₜ² / Σᵢ γᵢ²

    x, y and z begin at the weights. The weights of the model are y while it trains, where
    gradients are taken; it is evaluated at x, see
    :class:`~benchmark.optimizers.averaging.Averaging`. The averaging takes the place of
    the first moment of Adam.

    Departures from Keras 3.15, whose steps it takes on JAX with a constant γ, without
    warm-up and decay (on TensorFlow Keras recovers x from the new z for the old):

    - c weighs by γₜ², as the paper does, where Keras has 1 / t;
    - λ y moves z, as in the paper, where Keras lets y decay before the step;
    - ``fit`` ends at x, and the engines evaluate at x, where Keras stays at y;
    - ``beta_1`` may be 0: nothing is divided by it.

    Departure from the paper's first version: there √(1 − β₂ᵗ) is a factor of γₜ, and so
    enters c; here v is corrected instead, as in Keras and in the authors' code.

    Keeps two numbers a weight.

    Args:
        learning_rate: γ > 0, or a schedule. Default 0.0025, as in Keras and the authors' code.
        beta_1: 0 ≤ β₁ < 1. Default 0.9, the paper's section 2.
        beta_2: 0 ≤ β₂ < 1. Default 0.999, as in Adam.
        epsilon: ε > 0, in units of the gradient. Default 1e-8, as in Keras.
        warmup_steps: T ≥ 0, a number of updates. Default 0, as in Keras.
        arguments: clipping, ``weight_decay``, ``name`` and Keras's other arguments, see
            :class:`~benchmark.optimizers.base.Optimizer`.

    Raises:
        ValueError: a number is out of range, or two kinds of clipping are given.
        TypeError: a number is no number.

    Example:
        >>> import keras
        >>> weights = keras.Variable([1.0])
        >>> ScheduleFreeAdamW(learning_rate=0.1).apply([weights.value], [weights])
        >>> round(float(weights[0]), 4)     # the first step has length γ
        0.9

    References:
        Defazio, Yang, Mehta, Mishchenko, Khaled, Cutkosky, The road less scheduled,
        NeurIPS 2024, algorithm 1.
    """

    hyperparameter_table = OPTIMIZERS["schedule_free_adamw"].hyperparameters
    departure_from_keras = "Keras 3.15 on TensorFlow finds the average from the new z for the old."
    slot_names = ("displacement", "second_moment")

    def __init__(
        self,
        learning_rate: Any = 0.0025,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        warmup_steps: int = 0,
        **arguments: Any,
    ) -> None:
        numbers = {
            "beta_1": beta_1,
            "beta_2": beta_2,
            "epsilon": epsilon,
            "warmup_steps": warmup_steps,
        }
        super().__init__(learning_rate, numbers, **arguments)

    @property
    def interpolation(self) -> Any:
        """β₁."""
        return self._adjustable["beta_1"]

    def rule(self, state: State, gradient: Tensor, hyperparameters: State) -> tuple[State, Tensor]:
        """Apply :func:`schedule_free_adam`."""
        return schedule_free_adam(state, gradient, hyperparameters)
