"""Schedule-free SGD."""

from dataclasses import replace
from typing import Any

import keras

from benchmark.optimizers.averaging import ScheduleFree, schedule_free_step
from benchmark.optimizers.entry import OptimizerEntry
from benchmark.optimizers.hyperparameter import Hyperparameter
from benchmark.optimizers.rule_parts import with_decay
from benchmark.optimizers.shared_hyperparameters import MOMENTUM, ROAD_LESS_SCHEDULED, WARMUP_STEPS
from benchmark.optimizers.stability import (
    AVERAGED_LIMIT,
    Snapshot,
    Stability,
    Stepping,
    schedule_free_steps,
)
from benchmark.optimizers.tensors import State, Tensor


def stepping(at: Snapshot) -> Stepping:
    """Return the stepping of z ← z − γ g(y), with y between z and its average."""
    return schedule_free_steps(at, at.numbers["momentum"])


ENTRY = OptimizerEntry(
    summary="SGD with averaging instead of a schedule: gradients between iterate and average",
    hyperparameters={
        "learning_rate": Hyperparameter(
            default=1.0,
            low=0.0,
            space={"low": 1e-3, "high": 10.0, "log": True},
            source="default: the authors' code; space: ten times that of sgd, for larger "
            f"rates are best here: {ROAD_LESS_SCHEDULED}, section 4",
        ),
        "momentum": replace(
            MOMENTUM,
            space={"low": 0.5, "high": 0.99, "log": False},
            source=f"default: {ROAD_LESS_SCHEDULED}, section 2; space: around the 0.9 to 0.98 "
            "found there",
        ),
        "warmup_steps": WARMUP_STEPS,
    },
    advice="Use momentum = 0.9, a larger learning_rate than sgd's, and no schedule "
    f"({ROAD_LESS_SCHEDULED}, section 4)",
    stability=Stability(stepping, AVERAGED_LIMIT, rate="γₜ"),
)


def schedule_free_descent(
    state: State, gradient: Tensor, hyperparameters: State
) -> tuple[State, Tensor]:
    """Return the new displacement and the update of y after z ← z − γₜ·(g + λ·y).

    Args:
        state: see :func:`~benchmark.optimizers.averaging.schedule_free_step`.
        gradient: g, at y.
        hyperparameters: ``learning_rate`` γ, ``momentum`` β, ``warmup_steps``, and
            ``weight_decay`` λ where there is one.
    """
    direction = with_decay(gradient, state, hyperparameters)
    momentum = hyperparameters["momentum"]
    displacement, update = schedule_free_step(state, direction, momentum, hyperparameters)
    return {"displacement": displacement}, update


@keras.saving.register_keras_serializable(package="kappabench")
class ScheduleFreeSGD(ScheduleFree):
    """Schedule-free SGD: averaging in place of a falling learning rate.

        γₜ = γ min(1, t / T)                γ = ``learning_rate``, T = ``warmup_steps``
        y = (1 − β) z + β x                 β = ``momentum``
        z ← z − γₜ (g(y) + λ y)             λ = ``weight_decay``
        x ← (1 − c) x + c z                 c = γₜ² / Σᵢ γᵢ²

    All three begin at the weights. The weights of the model are y while it trains, where
    gradients are taken; it is evaluated at x, see
    :class:`~benchmark.optimizers.averaging.Averaging`. With β = 0 it is Polyak–Ruppert
    averaging, with β = 1 primal averaging. γ is best larger than that of SGD with a
    schedule.

    Departures: the authors' code weighs by the square of the largest rate so far, which is
    γₜ² here unless a schedule lowers γ. Stores one number per weight.

    Args:
        warmup_steps: a number of updates.
        arguments: clipping, ``weight_decay``, ``name`` and Keras's other arguments, see
            :class:`~benchmark.optimizers.base.Optimizer`.

    Raises:
        ValueError: a number is out of range, or two kinds of clipping are given.
        TypeError: a number is no number.

    Example:
        >>> import keras
        >>> weights = keras.Variable([4.0])
        >>> optimizer = ScheduleFreeSGD(learning_rate=0.5, momentum=0.5)
        >>> for _ in range(2):
        ...     optimizer.apply([weights.value], [weights])     # J = W²/2
        >>> float(weights[0])                   # z = 2, then 1; x = 2, then 1.5; y between
        1.25
        >>> optimizer.finalize_variable_values([weights])       # what `fit` does at its end
        >>> float(weights[0])
        1.5

    References:
        Defazio, Yang, Mehta, Mishchenko, Khaled, Cutkosky, The road less scheduled,
        NeurIPS 2024, equations 3 to 5, and algorithm 1 for warm-up and c.
    """

    entry = ENTRY

    @property
    def interpolation(self) -> Any:
        """β."""
        return self._adjustable["momentum"]

    def rule(self, state: State, gradient: Tensor, hyperparameters: State) -> tuple[State, Tensor]:
        """Apply :func:`schedule_free_descent`."""
        return schedule_free_descent(state, gradient, hyperparameters)
