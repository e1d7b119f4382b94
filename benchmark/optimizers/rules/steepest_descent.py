"""Steepest descent whose step is exact on a quadratic."""

import keras
from keras import ops

from benchmark.optimizers.entry import OptimizerEntry
from benchmark.optimizers.objective import Objective
from benchmark.optimizers.objective_optimizer import ObjectiveOptimizer, Point, Step
from benchmark.optimizers.shared_hyperparameters import MAXIMUM_STEP, RELAXATION
from benchmark.optimizers.stability import OWN_STEP
from benchmark.optimizers.tensors import State, Tensor
from benchmark.optimizers.vectors import dot, ratio, scaled

ENTRY = OptimizerEntry(
    summary="W ← W − learning_rate · α* g with the exact step α* = gᵀg / gᵀHg",
    hyperparameters={"learning_rate": RELAXATION, "maximum_step": MAXIMUM_STEP},
    advice="Keep learning_rate = 1; shorten it where the path zigzags (Raydan, Svaiter 2002)",
    stability=OWN_STEP + "the curvature along the gradient.",
)


def exact_step(slope: Tensor, curvature: Tensor, largest: Tensor) -> Tensor:
    """Return the step length α ≥ 0 that minimises f(W) − α·slope + α²·curvature / 2.

    Args:
        slope: −∇f·d ≥ 0 along the direction d.
        curvature: dᵀHd. Where it is negative there is no minimum; its magnitude is taken.
        largest: the bound on α.

    Example:
        >>> from keras import ops
        >>> tensor = ops.convert_to_tensor
        >>> [float(exact_step(tensor(4.0), tensor(c), tensor(9.0))) for c in (2.0, -2.0, 0.0)]
        [2.0, 2.0, 9.0]
    """
    magnitude = ops.abs(curvature)
    # Not a quotient that overflows: 0 / 0 at a critical point would move NaN.
    is_within = slope < largest * magnitude
    length = ops.where(is_within, ratio(slope, magnitude), largest)
    # NaN is larger than nothing: it must not become the bound.
    length = ops.where(ops.isnan(slope + curvature), slope + curvature, length)
    return ops.where(ops.equal(slope, 0), ops.zeros_like(length), length)


def steepest_descent(point: Point, hyperparameters: State, objective: Objective) -> Step:
    """Return the step η·α*·g with α* = gᵀg / |gᵀHg|.

    Args:
        point: g, and the weights at which H is taken.
        hyperparameters: ``learning_rate`` η and ``maximum_step``, the bound on α*.
        objective: asked for one product with the Hessian.
    """
    gradient = point.gradient
    product = objective.hessian_vector_product(point.weights, gradient)
    length = exact_step(
        dot(gradient, gradient), dot(gradient, product), hyperparameters["maximum_step"]
    )
    return Step(scaled(hyperparameters["learning_rate"] * length, gradient), evaluations=1)


@keras.saving.register_keras_serializable(package="kappabench")
class SteepestDescent(ObjectiveOptimizer):
    """Steepest descent with the step that is exact on a quadratic.

        α* = gᵀg / gᵀHg            H the Hessian, of the mini-batch as g is
        W ← W − η α* g             η = ``learning_rate``

    On a quadratic with condition number κ every step with η = 1 brings f − f* down to at
    most ((κ − 1) / (κ + 1))² of what it was. Each step takes a gradient and a product H g,
    and ``gradient_evaluations`` counts two. Stores nothing.

    Where gᵀHg < 0 the quadratic model has no minimum along g. Then |gᵀHg| takes its place:
    the step is as long as it would be in a valley as steeply bent as this ridge, the
    treatment of negative curvature in Dauphin et al. And α* is never above
    ``maximum_step``, which is taken where gᵀHg = 0. Where g = 0 the weights rest.

    Args:
        learning_rate: below 1 the step is relaxed, which breaks the zigzag (Raydan,
            Svaiter).
        maximum_step: the bound on α*, in units of a learning rate.
        arguments: clipping, ``weight_decay``, ``name`` …, see
            :class:`~benchmark.optimizers.objective_optimizer.ObjectiveOptimizer`. A clipped
            gradient is a direction like another; α* is exact along an unclipped one.

    Raises:
        ValueError: a number is out of range, or two kinds of clipping are given.
        TypeError: a number is no number, or an argument is not offered.

    Example:
        >>> import keras
        >>> from benchmark.optimizers.objective import function_objective
        >>> parabola = function_objective(lambda weights: 2 * keras.ops.sum(weights[0] ** 2))
        >>> weights = keras.Variable([3.0])
        >>> _ = SteepestDescent().minimize(parabola, [weights])
        >>> float(weights[0])
        0.0

    References:
        Cauchy 1847. Luenberger, Ye, Linear and Nonlinear Programming, 2008, section 8.6.
        Raydan, Svaiter, Relaxed steepest descent and Cauchy-Barzilai-Borwein method, 2002.
        Dauphin et al., Identifying and attacking the saddle point problem in
        high-dimensional non-convex optimization, 2014.
    """

    entry = ENTRY

    def objective_rule(self, point: Point, hyperparameters: State, objective: Objective) -> Step:
        """Apply :func:`steepest_descent`."""
        return steepest_descent(point, hyperparameters, objective)
