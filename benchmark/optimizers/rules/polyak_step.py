"""Gradient descent with Polyak's step size."""

from typing import Any

import keras
from keras import ops

from benchmark.optimizers.objective import Objective
from benchmark.optimizers.objective_optimizer import ObjectiveOptimizer, Point, Step
from benchmark.optimizers.registry import OPTIMIZERS
from benchmark.optimizers.tensors import State
from benchmark.optimizers.vectors import dot, ratio, scaled


def polyak_step(point: Point, hyperparameters: State) -> Step:
    """Return the update min(α, (f − f*) / (c ‖g‖²)) · g.

    Args:
        point: f and g.
        hyperparameters: ``learning_rate`` α, ``f_star`` f* and ``scaling`` c.
    """
    gradient, largest = point.gradient, hyperparameters["learning_rate"]
    # maximum(NaN, 0) is NaN on every backend: a diverged objective is not hidden.
    gap = ops.maximum(point.value - hyperparameters["f_star"], 0)
    slope = hyperparameters["scaling"] * dot(gradient, gradient)
    # Not the quotient first: it overflows where the gradient is small.
    length = ops.where(gap >= largest * slope, largest, ratio(gap, slope))
    return Step(scaled(length, gradient), evaluations=0)


@keras.saving.register_keras_serializable(package="kappabench")
class PolyakStep(ObjectiveOptimizer):
    """Gradient descent with Polyak's step size, bounded by the learning rate (SPS_max).

        γ = min(α, (f(W) − f*) / (c ‖g‖²))        α = ``learning_rate``, c = ``scaling``
        W ← W − γ g                               f* = ``f_star``

    f and g are those of the mini-batch at hand, as in the stochastic Polyak step size of
    Loizou et al.; on the full batch with c = 1 it is Polyak's own. f* is the least value
    that f can take: 0 for a model that can fit every example, the known optimum of a
    closed-form problem. Where f ≤ f* the weights rest: f* is too large. The value comes
    with the gradient, so a step costs one evaluation. Keeps nothing.

    Args:
        learning_rate: α > 0, the longest step, the paper's γ_b; or a schedule of it.
            Default 1, our choice: with a step this long many networks still train.
        f_star: f*, any number. Default 0, the paper's, for losses that cannot be negative.
        scaling: c > 0. Default 0.5, the value with the paper's best rate for strongly
            convex functions (section 3).
        arguments: clipping, ``weight_decay``, ``name`` …, see
            :class:`~benchmark.optimizers.objective_optimizer.ObjectiveOptimizer`. With a
            clipped gradient, the norm is that of the clipped one.

    Raises:
        ValueError: a number is out of range, or two kinds of clipping are given.
        TypeError: a number is no number, or an argument is not offered.

    Example:
        >>> import keras
        >>> from benchmark.optimizers.objective import function_objective
        >>> parabola = function_objective(lambda weights: keras.ops.sum(weights[0] ** 2) / 2)
        >>> weights = keras.Variable([3.0])
        >>> _ = PolyakStep(scaling=0.5).minimize(parabola, [weights])     # γ = 1
        >>> float(weights[0])
        0.0

    References:
        Polyak, Introduction to Optimization, 1987, section 5.3. Loizou, Vaswani, Laradji,
        Lacoste-Julien, Stochastic Polyak step-size for SGD: an adaptive learning rate for
        fast convergence, AISTATS 2021.
    """

    hyperparameter_table = OPTIMIZERS["polyak_step"].hyperparameters

    def __init__(
        self,
        learning_rate: Any = 1.0,
        f_star: float = 0.0,
        scaling: float = 0.5,
        **arguments: Any,
    ) -> None:
        super().__init__(learning_rate, {"f_star": f_star, "scaling": scaling}, **arguments)

    def objective_rule(
        self,
        point: Point,
        hyperparameters: State,
        objective: Objective,
    ) -> Step:
        """Apply :func:`polyak_step`."""
        return polyak_step(point, hyperparameters)
