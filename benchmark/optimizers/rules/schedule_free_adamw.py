"""Schedule-free AdamW."""

from dataclasses import replace
from typing import Any

import keras
import numpy as np
from keras import ops

from benchmark.optimizers.averaging import ScheduleFree, schedule_free_step
from benchmark.optimizers.entry import OptimizerEntry
from benchmark.optimizers.hyperparameter import Hyperparameter
from benchmark.optimizers.rule_parts import with_decay
from benchmark.optimizers.shared_hyperparameters import (
    ADAM,
    CROWDED_VALLEY,
    PAPER_EPSILON,
    ROAD_LESS_SCHEDULED,
    SEARCHED_RATES,
    WARMUP_STEPS,
)
from benchmark.optimizers.stability import (
    AVERAGED_LIMIT,
    Snapshot,
    Stability,
    Stepping,
    diagonal,
    held_fixed,
    schedule_free_steps,
)
from benchmark.optimizers.tensors import State, Tensor


def stepping(at: Snapshot) -> Stepping:
    """Return the stepping of z ← z − γ g(y) / (√v̂ + ε), with y between z and its average."""
    second = at.flat("second_moment") / at.uncorrected("beta_2")
    preconditioner = np.sqrt(second) + at.numbers["epsilon"]
    plain = schedule_free_steps(at, at.numbers["beta_1"])
    note = f"{held_fixed('√v̂ + ε')} {plain.note}"
    return Stepping(plain.recurrence, plain.rate, diagonal(preconditioner), note=note)


ENTRY = OptimizerEntry(
    summary="AdamW with averaging instead of a schedule: gradients between iterate and average",
    hyperparameters={
        "learning_rate": Hyperparameter(
            default=0.0025,
            low=0.0,
            space=SEARCHED_RATES,
            source=f"default: keras.optimizers.ScheduleFreeAdamW; space: {CROWDED_VALLEY}",
        ),
        "beta_1": replace(
            ADAM["beta_1"], source=f"default: {ROAD_LESS_SCHEDULED}, section 2; space: adam's"
        ),
        "beta_2": replace(
            ADAM["beta_2"], source=f"default: {ROAD_LESS_SCHEDULED}, section 4; space: adam's"
        ),
        "epsilon": PAPER_EPSILON,
        "warmup_steps": WARMUP_STEPS,
    },
    advice="Use one to ten times adamw's learning_rate, beta_1 = 0.9 or more, and no schedule "
    f"({ROAD_LESS_SCHEDULED}, section 4)",
    stability=Stability(stepping, f"{AVERAGED_LIMIT}; β₁ for β", "√v̂ + ε", "γₜ"),
)


def schedule_free_adam(
    state: State, gradient: Tensor, hyperparameters: State
) -> tuple[State, Tensor]:
    """Return the new state and the update of y after z ← z − γₜ·(g / (√v̂ + ε) + λ·y).

    Args:
        state: ``second_moment`` v, and what
            :func:`~benchmark.optimizers.averaging.schedule_free_step` needs.
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

    Stores two numbers per weight.

    Args:
        epsilon: in units of the gradient.
        warmup_steps: a number of updates.
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

    entry = ENTRY
    departure_from_keras = (
        "when Keras 3.15 recovers the average on TensorFlow, it uses the new z where the old "
        "one is needed."
    )
    state_names = ("displacement", "second_moment")

    @property
    def interpolation(self) -> Any:
        """β₁."""
        return self._adjustable["beta_1"]

    def rule(self, state: State, gradient: Tensor, hyperparameters: State) -> tuple[State, Tensor]:
        """Apply :func:`schedule_free_adam`."""
        return schedule_free_adam(state, gradient, hyperparameters)
