"""Schedule-free SGD."""

from typing import Any

import keras

from benchmark.optimizers.registry import OPTIMIZERS
from benchmark.optimizers.schedule_free import ScheduleFree, schedule_free_step
from benchmark.optimizers.steps import with_decay
from benchmark.optimizers.tensors import State, Tensor


def schedule_free_descent(
    state: State, gradient: Tensor, hyperparameters: State
) -> tuple[State, Tensor]:
    """Return the new displacement and the update of y after z ← z − γₜ·(g + λ·y).

    Args:
        state: see :func:`~benchmark.optimizers.schedule_free.schedule_free_step`.
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
    γₜ² here unless a schedule lowers γ. Keeps one number a weight.

    Args:
        learning_rate: γ > 0, or a schedule. Default 1, as in the authors' code.
        momentum: β, 0 ≤ β < 1. Default 0.9, the paper's section 2 and the authors' code.
        warmup_steps: T ≥ 0, a number of updates. Default 0, as in the authors' code.
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

    hyperparameter_table = OPTIMIZERS["schedule_free_sgd"].hyperparameters

    def __init__(
        self,
        learning_rate: Any = 1.0,
        momentum: float = 0.9,
        warmup_steps: int = 0,
        **arguments: Any,
    ) -> None:
        numbers = {"momentum": momentum, "warmup_steps": warmup_steps}
        super().__init__(learning_rate, numbers, **arguments)

    @property
    def interpolation(self) -> Any:
        """β."""
        return self._adjustable["momentum"]

    def rule(self, state: State, gradient: Tensor, hyperparameters: State) -> tuple[State, Tensor]:
        """Apply :func:`schedule_free_descent`."""
        return schedule_free_descent(state, gradient, hyperparameters)
