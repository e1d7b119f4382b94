"""Nonlinear conjugate gradients with a step from the exact curvature."""

import keras
from keras import ops

from benchmark.optimizers.entry import OptimizerEntry
from benchmark.optimizers.line_search import Line, backtrack
from benchmark.optimizers.objective import Objective
from benchmark.optimizers.objective_optimizer import ObjectiveOptimizer, Point, Step
from benchmark.optimizers.rules.steepest_descent import exact_step
from benchmark.optimizers.shared_hyperparameters import LINE_SEARCH_TRIALS, MAXIMUM_STEP, RELAXATION
from benchmark.optimizers.stability import OWN_STEP
from benchmark.optimizers.tensors import State
from benchmark.optimizers.vectors import Vector, chosen, dot, moved, ratio, scaled, zeros_like

ENTRY = OptimizerEntry(
    summary="Polak and Ribière's conjugate directions with the exact step −gᵀd / dᵀHd",
    hyperparameters={
        "learning_rate": RELAXATION,
        "maximum_step": MAXIMUM_STEP,
        "line_search_trials": LINE_SEARCH_TRIALS,
    },
    full_batch=True,
    constants=frozenset({"line_search_trials"}),
    advice="Keep learning_rate = 1, the exact step (Nocedal, Wright 2006, section 5.2)",
    stability=OWN_STEP + "the curvature along its direction.",
)


def conjugate_direction(point: Point) -> Vector:
    """Return d = −g + β d' with Polak and Ribière's β ≥ 0, or −g where d would not descend.

    Args:
        point: its states ``gradient``, g', and ``direction``, d', of the step before; zeros
            begin anew.
    """
    gradient, before = point.gradient, point.states["gradient"]
    change = dot(gradient, gradient) - dot(gradient, before)
    beta = ops.maximum(ratio(change, dot(before, before)), 0)
    downhill = scaled(-1, gradient)
    direction = moved(downhill, beta, point.states["direction"])
    return chosen(dot(direction, gradient) < 0, direction, downhill)


def nonlinear_conjugate_gradient(
    point: Point, hyperparameters: State, objective: Objective, trials: int
) -> Step:
    """Return the step η·α*·d, shortened until the objective goes down.

    Args:
        point: weights, value, gradient, and the states of :func:`conjugate_direction`.
        hyperparameters: ``learning_rate`` η and ``maximum_step``, the bound on α*.
        objective: asked for one product with the Hessian, and for some values.
        trials: the most values.
    """
    direction = conjugate_direction(point)
    slope = dot(point.gradient, direction)
    product = objective.hessian_vector_product(point.weights, direction)
    exact = exact_step(-slope, dot(direction, product), hyperparameters["maximum_step"])
    line = Line(point.weights, direction, point.value, slope, point.gradient)
    first = hyperparameters["learning_rate"] * exact
    length, values = backtrack(objective, line, first, trials)
    # Where nothing went down the next step begins anew, from the gradient alone.
    remembered = chosen(length > 0, direction, zeros_like(direction))
    return Step(
        scaled(-length, direction),
        evaluations=1 + values,
        states={"gradient": point.gradient, "direction": remembered},
    )


@keras.saving.register_keras_serializable(package="kappabench")
class NonlinearConjugateGradient(ObjectiveOptimizer):
    """Nonlinear conjugate gradients: Polak and Ribière's directions, exact steps.

        β = max(0, gᵀ(g − g') / g'ᵀg')         g' the gradient of the step before
        d ← −g + β d                           −g where that would not descend
        α* = −gᵀd / dᵀHd                       H the Hessian
        W ← W + η α* d                         η = ``learning_rate``

    On a quadratic of n variables it is the method of conjugate gradients, and ends after n
    steps. Elsewhere the step is halved until it meets Armijo's condition, at most
    ``line_search_trials`` − 1 times; where it never does the weights rest, and the next
    direction begins anew. Negative curvature and the bound on α* are treated as in
    :class:`~benchmark.optimizers.rules.steepest_descent.SteepestDescent`. β = 0 restarts by
    itself where g changes little (Powell's point in Nocedal, Wright, section 5.2).

    Directions are conjugate for one function only, so the method is defined for the full
    gradient: give ``fit`` a ``batch_size`` of the whole training set. A step takes a
    gradient, a product with H and one value or more. Stores two numbers per weight.

    Args:
        maximum_step: the bound on α*.
        line_search_trials: 10 go down to a five-hundredth of the first step.
        arguments: clipping, ``weight_decay``, ``name`` …, see
            :class:`~benchmark.optimizers.objective_optimizer.ObjectiveOptimizer`.

    Raises:
        ValueError: a number is out of range, or two kinds of clipping are given.
        TypeError: a number is no number, or an argument is not offered.

    Example:
        >>> import keras
        >>> from benchmark.optimizers.objective import function_objective
        >>> stretch = keras.ops.array([1.0, 4.0])
        >>> bowl = function_objective(lambda w: keras.ops.sum(stretch * w[0] ** 2) / 2)
        >>> weights = keras.Variable([4.0, 1.0])
        >>> optimizer = NonlinearConjugateGradient()
        >>> for _ in range(2):
        ...     before = optimizer.minimize(bowl, [weights])
        >>> (weights.numpy().round(5) + 0.0).tolist()
        [0.0, 0.0]

    References:
        Polak, Ribière 1969. Gilbert, Nocedal, Global convergence properties of conjugate
        gradient methods for optimization, 1992 (β ≥ 0). Nocedal, Wright, Numerical
        Optimization, 2006, section 5.2.
    """

    entry = ENTRY
    state_names = ("gradient", "direction")

    def objective_rule(self, point: Point, hyperparameters: State, objective: Objective) -> Step:
        """Apply :func:`nonlinear_conjugate_gradient`."""
        trials = self.constants["line_search_trials"]
        return nonlinear_conjugate_gradient(point, hyperparameters, objective, trials)
