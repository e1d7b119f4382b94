"""What schedule-free optimizers share: warm-up, and a weighted average of the iterates."""

from typing import Any

from keras import ops

from benchmark.optimizers.averaging import Averaging, interpolated
from benchmark.optimizers.products import in_type_of
from benchmark.optimizers.tensors import State, Tensor
from benchmark.optimizers.variables import number_dtype


def warmed_up(step: Tensor, hyperparameters: State) -> Tensor:
    """Return γₜ = γ · min(1, t / T): γ is ``learning_rate`` and T is ``warmup_steps``.

    Example:
        >>> from keras import ops
        >>> numbers = {"learning_rate": 8.0, "warmup_steps": 4.0}
        >>> [float(warmed_up(step, numbers)) for step in (1.0, 3.0, 9.0)]
        [2.0, 6.0, 8.0]
    """
    length = ops.maximum(hyperparameters["warmup_steps"], 1.0)  # none: the first step is whole
    return hyperparameters["learning_rate"] * ops.minimum(step / length, 1.0)


def schedule_free_step(
    state: State, direction: Tensor, interpolation: Tensor, hyperparameters: State
) -> tuple[Tensor, Tensor]:
    """Return the new displacement and the update of y after z ← z − γₜ · ``direction``.

    Args:
        state: ``displacement``, ``step`` and ``weight_sum``, Σ γᵢ² with this step's.
        direction: along which z moves.
        interpolation: β.
        hyperparameters: ``learning_rate`` and ``warmup_steps``.
    """
    rate = warmed_up(state["step"], hyperparameters)
    total = ops.cast(state["weight_sum"], direction.dtype)
    # Rates of zero so far: z has not moved, so the share is of no account.
    share = ops.where(total > 0, ops.square(rate) / ops.where(total > 0, total, 1.0), 1.0)
    return interpolated(state["displacement"], rate * direction, share, interpolation)


class ScheduleFree(Averaging):
    """A schedule-free optimizer: x averages z with weights γₜ², and gradients are at y.

        c = γₜ² / Σᵢ γᵢ²,  i = 1 … t

    A subclass says along which direction z moves and what β is.
    """

    is_elementwise = False  # one share for all variables

    def initial_shared(self) -> State:
        """Return the state before the first step: no weight in the average."""
        return {"weight_sum": ops.zeros((), dtype=number_dtype())}

    def shared_rule(
        self,
        shared: State,
        states: list[State],
        gradients: list[Tensor],
        hyperparameters: State,
    ) -> State:
        """Add the weight of this step."""
        numbers = in_type_of(gradients, {**hyperparameters, **shared})
        step: Any = ops.cast(states[0]["step"], numbers["weight_sum"].dtype)
        return {"weight_sum": numbers["weight_sum"] + ops.square(warmed_up(step, numbers))}
