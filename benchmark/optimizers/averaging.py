"""Optimizers that are evaluated at an average of their iterates; schedule-free ones among them."""

from collections.abc import Sequence
from typing import Any

from keras import ops

from benchmark.backend import keras_internals
from benchmark.optimizers.base import Optimizer
from benchmark.optimizers.rule_parts import in_type_of
from benchmark.optimizers.tensors import State, Tensor, number_dtype


def interpolated(
    displacement: Tensor, step: Tensor, share: Tensor, interpolation: Tensor | float
) -> tuple[Tensor, Tensor]:
    """Move z, average it into x, and interpolate the trained weights y between the two.

        z ← z − s
        x ← (1 − c) x + c z           c = ``share`` of the new point in the average
        y ← (1 − β) z + β x           β = ``interpolation``

    Only y, which are the weights, and d = z − x = ``displacement`` are kept; z is y + β d and
    x is y − (1 − β) d. In these, the three lines above are

        d ← (1 − c) (d − s)
        y ← y − (1 − β + β c) s + β c d       with the old d

    so that d begins at zero wherever the weights begin, and nothing is divided by β.

    Args:
        displacement: d.
        step: s, in the units of the weights.
        share: c, in [0, 1].
        interpolation: β, in [0, 1].

    Returns:
        The new d, and the update u of y ← y − u.

    Example:
        >>> interpolated(0.5, 0.25, 0.5, 0.0)       # y = z: a plain step
        (0.125, 0.25)
        >>> interpolated(0.5, 0.25, 0.5, 1.0)       # y = x: an eighth of the way to z
        (0.125, -0.125)
    """
    moved = displacement - step
    update = (1 - interpolation * (1 - share)) * step - interpolation * share * displacement
    return (1 - share) * moved, update


def polynomial_share(step: Tensor, power: Tensor) -> Tensor:
    """Return the share (p + 1) / (t + p) of the newest of t points in their average.

    With p = 0 it is 1 / t, the share in the plain mean; the larger p is, the sooner early
    points are forgotten, the i-th of t having a weight of about (i / t)^p.

    Args:
        step: t, from 1.
        power: p ≥ 0.

    Example:
        >>> polynomial_share(1.0, 3.0), polynomial_share(4.0, 0.0), polynomial_share(5.0, 3.0)
        (1.0, 0.25, 0.5)

    References:
        Shamir, Zhang, Stochastic gradient descent for non-smooth optimization, ICML 2013,
        section 4.
    """
    return (power + 1) / (step + power)


class Averaging(Optimizer):
    """An optimizer whose weights are trained in one place and evaluated in another.

    A subclass moves a sequence z and averages it into x, by :func:`interpolated`. The
    model's weights while it trains are y = (1 − β) z + β x; what it is evaluated by is x
    (``evaluation_weights``). In ``fit`` Keras puts x in their place after the last epoch,
    and an optimizer that goes on from there goes on from z = y = x. With ``use_ema`` the
    average of Keras counts instead, as in Keras.

    Moving averages of BatchNormalization are those that were met at y.
    """

    state_names: tuple[str, ...] = ("displacement",)
    decays_in_rule = True

    @property
    def interpolation(self) -> Any:
        """β, the share of x in the weights that are trained: a number or a variable."""
        return 0.0

    def finalize_variable_values(self, var_list: Sequence[Any]) -> None:
        """Put the weights where the model is evaluated; Keras calls it at the end of ``fit``."""
        if self.use_ema:
            super().finalize_variable_values(var_list)
            return
        for variable in var_list:
            index = keras_internals.variable_index(self, variable)
            displacement = self._states[index]["displacement"]
            share = 1 - ops.cast(self.interpolation, displacement.dtype)
            evaluated = ops.cast(variable, displacement.dtype) - share * displacement
            variable.assign(ops.cast(evaluated, variable.dtype))
            displacement.assign(ops.zeros_like(displacement.value))


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
    # Rates of zero so far: z has not moved, so the share does not matter.
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
