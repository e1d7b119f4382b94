"""Line searches with a fixed number of trials."""

from dataclasses import dataclass
from typing import Any

from keras import ops
from keras.backend import standardize_dtype

from benchmark.optimizers.objective import Objective
from benchmark.optimizers.vectors import Tensor, Vector, chosen, dot, moved

SUFFICIENT_DECREASE = 1e-4
"""c₁ of Armijo's condition, as in Nocedal and Wright, section 3.1."""
CURVATURE = 0.9
"""c₂ of Wolfe's condition for quasi-Newton directions, as there."""
_EPSILON = {"float32": 2.0**-23, "float64": 2.0**-52}


@dataclass(frozen=True, slots=True)
class Line:
    """From where, in which direction, and how the objective falls there.

    Args:
        weights: where it begins.
        direction: d.
        value: f there.
        slope: ∇fᵀd there, below 0.
        gradient: there.
    """

    weights: Vector
    direction: Vector
    value: Tensor
    slope: Tensor
    gradient: Vector


@dataclass(frozen=True, slots=True)
class Found:
    """What a line search found.

    Args:
        length: t of W + t d; 0 where no trial went down far enough.
        gradient: there.
        evaluations: how many trials were made.
    """

    length: Tensor
    gradient: Vector
    evaluations: Tensor


def rounding(value: Tensor) -> Tensor:
    """Return by how much two values of an objective may differ by rounding alone.

    Ten roundings, as Conn, Gould, Toint 2000 take in section 17.4.2.
    """
    return 10 * _EPSILON[standardize_dtype(value.dtype)] * ops.abs(value)


def wolfe(objective: Objective, line: Line, first: Tensor, trials: int) -> Found:
    """Search a length that meets Wolfe's two conditions, by doubling and bisection.

        f(W + t d) ≤ f(W) + c₁ t ∇fᵀd      enough of a decrease (Armijo), up to rounding
        ∇f(W + t d)ᵀd ≥ c₂ ∇fᵀd            enough of a change of slope

    A length that breaks the first is too long, one that breaks only the second too short.
    If the trials do not suffice, the longest that met the first is taken.

    Args:
        objective: asked for a value and gradient in each trial.
        line: where and whither.
        first: the length of the first trial > 0.
        trials: how many at most; all are computed, those after a success do not count.

    References:
        Burke, Lewis, Overton 2008; Lewis, Overton, Nonsmooth optimization via quasi-Newton
        methods, 2013, algorithm 2.6. Nocedal, Wright 2006, section 3.1.
    """
    size = len(line.weights)

    def body(_: Tensor, state: Any) -> Any:
        length, low, high, done, count = state[:5]
        best = list(state[5:])
        value, gradient = objective.value_and_gradient(moved(line.weights, length, line.direction))
        decreases = value <= _allowed(line, length)
        bends = dot(gradient, line.direction) >= CURVATURE * line.slope
        is_new = ops.logical_and(decreases, ops.logical_not(done))
        new_low = ops.where(is_new, length, low)
        new_high = ops.where(ops.logical_or(decreases, done), high, length)
        ends = ops.logical_or(done, ops.logical_and(decreases, bends))
        ahead = ops.where(ops.isinf(new_high), 2 * length, (new_low + new_high) / 2)
        return (
            ops.where(ends, length, ahead),
            new_low,
            new_high,
            ends,
            count + ops.cast(ops.logical_not(done), "int32"),
            *chosen(is_new, gradient, best),
        )

    length = ops.zeros_like(line.value) + first
    never = ops.zeros_like(line.value, dtype="bool")
    start = (
        length,
        ops.zeros_like(length),
        ops.full_like(length, float("inf")),
        never,
        ops.cast(never, "int32"),
        *line.gradient,
    )
    bracket = ops.fori_loop(0, trials, body, start)
    return Found(bracket[1], list(bracket[5 : 5 + size]), bracket[4])


def backtrack(
    objective: Objective, line: Line, first: Tensor, trials: int
) -> tuple[Tensor, Tensor]:
    """Halve a length until it meets Armijo's condition, from values alone.

        f(W + t d) ≤ f(W) + c₁ t ∇fᵀd, up to rounding

    Args:
        objective: asked for a value in each trial.
        line: where and whither; its gradient takes no part.
        first: the length of the first trial.
        trials: how many at most; all are computed, those after a success do not count.

    Returns:
        The length, 0 where none met it; and how many trials were made.

    References:
        Armijo 1966. Nocedal, Wright, Numerical Optimization, 2006, algorithm 3.1.
    """

    def body(_: Tensor, state: Any) -> Any:
        length, done, count = state
        value = objective.value(moved(line.weights, length, line.direction))
        ends = ops.logical_or(done, value <= _allowed(line, length))
        return (
            ops.where(ends, length, length / 2),
            ends,
            count + ops.cast(ops.logical_not(done), "int32"),
        )

    length = ops.zeros_like(line.value) + first
    never = ops.zeros_like(line.value, dtype="bool")
    start = (length, never, ops.cast(never, "int32"))
    length, done, count = ops.fori_loop(0, trials, body, start)
    return ops.where(done, length, ops.zeros_like(length)), count


def _allowed(line: Line, length: Tensor) -> Tensor:
    return line.value + SUFFICIENT_DECREASE * length * line.slope + rounding(line.value)
