"""Sharpness-aware minimization: the gradient at the worst point nearby."""

from typing import Any

import keras

from benchmark.optimizers.objective import Objective
from benchmark.optimizers.objective_optimizer import ObjectiveOptimizer, Point, Step
from benchmark.optimizers.registry import OPTIMIZERS
from benchmark.optimizers.rules.momentum import heavy_ball
from benchmark.optimizers.tensors import State
from benchmark.optimizers.vectors import moved, norm, ratio


def sharpness_aware(point: Point, hyperparameters: State, objective: Objective) -> Step:
    """Return the heavy ball's step with the gradient at W + ρ g / ‖g‖.

    Args:
        point: its slot ``velocity``, v.
        hyperparameters: ``learning_rate`` α, ``momentum`` β and ``rho`` ρ.
        objective: asked for one more gradient.
    """
    radius = ratio(hyperparameters["rho"], norm(point.gradient))
    _, worst = objective.value_and_gradient(moved(point.weights, radius, point.gradient))
    steps = [
        heavy_ball({"velocity": velocity}, gradient, hyperparameters)[1]
        for velocity, gradient in zip(point.slots["velocity"], worst, strict=True)
    ]
    return Step(steps, evaluations=1, slots={"velocity": steps})


@keras.saving.register_keras_serializable(package="kappabench")
class SAM(ObjectiveOptimizer):
    """Sharpness-aware minimization (SAM) around gradient descent with momentum.

        ε = ρ g / ‖g‖                  g = ∇f(W), ρ = ``rho``
        v ← β v + α ∇f(W + ε)          α = ``learning_rate``, β = ``momentum``
        W ← W − v

    It minimises, to first order, the largest loss within the distance ρ, so that it looks
    for minima that are flat. The norm is over all variables together, and both gradients
    are of the same mini-batch. Where g = 0, ε = 0. Each step takes two gradients, and
    ``gradient_evaluations`` counts two. Keeps one number a weight.

    Departure from the paper: none; v holds α as in
    :class:`~benchmark.optimizers.rules.momentum.Momentum`. The moving statistics of
    BatchNormalization are updated by the first of the two passes.

    Args:
        learning_rate: α > 0, or a schedule. Default 0.01, as in ``keras.optimizers.SGD``.
        momentum: β, 0 ≤ β < 1. Default 0.9, as in the paper's experiments (appendix C).
        rho: ρ > 0, in units of the weights. Default 0.05, the paper's (section 3.1).
        arguments: clipping, ``weight_decay``, ``name`` …, see
            :class:`~benchmark.optimizers.objective_optimizer.ObjectiveOptimizer`.

    Raises:
        ValueError: a number is out of range, or two kinds of clipping are given.
        TypeError: a number is no number, or an argument is not offered.

    Example:
        >>> import keras
        >>> from benchmark.optimizers.objective import function_objective
        >>> parabola = function_objective(lambda weights: keras.ops.sum(weights[0] ** 2) / 2)
        >>> weights = keras.Variable([1.0])
        >>> optimizer = SAM(learning_rate=0.5, momentum=0.0, rho=0.5)
        >>> _ = optimizer.minimize(parabola, [weights])     # the gradient at 1.5
        >>> float(weights[0]), int(optimizer.gradient_evaluations.value)
        (0.25, 2)

    References:
        Foret, Kleiner, Mobahi, Neyshabur, Sharpness-aware minimization for efficiently
        improving generalization, ICLR 2021, algorithm 1 with p = 2.
    """

    hyperparameter_table = OPTIMIZERS["sam"].hyperparameters
    slot_names = ("velocity",)

    def __init__(
        self,
        learning_rate: Any = 0.01,
        momentum: float = 0.9,
        rho: float = 0.05,
        **arguments: Any,
    ) -> None:
        super().__init__(learning_rate, {"momentum": momentum, "rho": rho}, **arguments)

    def objective_rule(self, point: Point, hyperparameters: State, objective: Objective) -> Step:
        """Apply :func:`sharpness_aware`."""
        return sharpness_aware(point, hyperparameters, objective)
