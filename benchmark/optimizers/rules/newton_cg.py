"""Newton's method without a Hessian: truncated conjugate gradients in a trust region."""

import keras
from keras import ops

from benchmark.optimizers.entry import OptimizerEntry
from benchmark.optimizers.hyperparameter import Hyperparameter
from benchmark.optimizers.objective import Objective
from benchmark.optimizers.objective_optimizer import ObjectiveOptimizer, Point, Step
from benchmark.optimizers.shared_hyperparameters import CG_ITERATIONS, RELAXATION, forcing_term
from benchmark.optimizers.stability import OWN_STEP
from benchmark.optimizers.tensors import State, number_dtype
from benchmark.optimizers.trust_region import (
    ACCEPTED,
    GOOD,
    POOR,
    gain_ratio,
    truncated_conjugate_gradient,
)
from benchmark.optimizers.vectors import chosen, dot, moved, norm, scaled, zeros_like

_RADIUS = Hyperparameter(
    default=1.0,
    low=0.0,
    space={"low": 0.01, "high": 100.0, "log": True},
    source="default: SciPy's trust-ncg; space: our choice, two decades on either side",
)
_MAXIMUM_RADIUS = Hyperparameter(
    default=1000.0,
    low=0.0,
    space={"low": 1.0, "high": 10000.0, "log": True},
    source="default: SciPy's trust-ncg; space: our choice",
)


ENTRY = OptimizerEntry(
    summary="Newton's step by conjugate gradients in a trust region; leaves saddles",
    hyperparameters={
        "learning_rate": RELAXATION,
        "radius": _RADIUS,
        "maximum_radius": _MAXIMUM_RADIUS,
        "forcing_term": forcing_term(0.5, "Nocedal, Wright 2006, algorithm 7.1"),
        "cg_iterations": CG_ITERATIONS,
    },
    constants=frozenset({"cg_iterations"}),
    advice="Keep the defaults and use large mini-batches (Martens 2010, section 4.4)",
    stability=OWN_STEP + "a trust region.",
)


def newton_cg(point: Point, hyperparameters: State, objective: Objective, rounds: int) -> Step:
    """Return the step to the minimum of the quadratic model within the radius.

    Args:
        point: shared ``radius``, which is the hyperparameter of that name at the first step.
        hyperparameters: ``learning_rate``, ``radius``, ``maximum_radius``, ``forcing_term``.
        objective: asked for at most ``rounds`` products with the Hessian and one value.
        rounds: of conjugate gradients.
    """
    gradient, weights = point.gradient, point.weights
    first = ops.minimum(hyperparameters["radius"], hyperparameters["maximum_radius"])
    radius = ops.where(point.step <= 1, first, point.shared["radius"])
    size = norm(gradient)
    solution = truncated_conjugate_gradient(
        lambda vectors: objective.hessian_vector_product(weights, vectors),
        gradient,
        radius=radius,
        tolerance=size * ops.minimum(hyperparameters["forcing_term"], ops.sqrt(size)),
        rounds=rounds,
    )
    share = hyperparameters["learning_rate"]
    predicted = -share * (
        dot(gradient, solution.direction) + share * dot(solution.direction, solution.product) / 2
    )
    after = objective.value(moved(weights, share, solution.direction))
    gain = gain_ratio(point.value, after, predicted)
    wider = ops.minimum(2 * radius, hyperparameters["maximum_radius"])
    is_wider = ops.logical_and(gain > GOOD, solution.at_boundary)
    radius = ops.where(is_wider, wider, radius)
    radius = ops.where(gain < POOR, norm(solution.direction) / 4, radius)
    steps = scaled(-share, solution.direction)
    return Step(
        chosen(gain > ACCEPTED, steps, zeros_like(steps)),
        evaluations=solution.products + 1,
        shared={"radius": radius},
    )


@keras.saving.register_keras_serializable(package="kappabench")
class NewtonCG(ObjectiveOptimizer):
    """Newton's method by conjugate gradients in a trust region, free of any Hessian matrix.

        minimise gᵀd + dᵀHd/2 over ‖d‖ ≤ Δ       by at most ``cg_iterations`` products H v
        ρ = (f(W) − f(W + η d)) / (what the model predicts)
        W ← W + η d        where ρ > 0.0001      η = ``learning_rate``
        Δ ← ‖d‖/4          where ρ < 1/4;   2 Δ where ρ > 3/4 and ‖d‖ = Δ

    Conjugate gradients (Steihaug's) end where the residual is below φ ‖g‖ with
    φ = min(``forcing_term``, √‖g‖), so that convergence is superlinear. Along a direction of
    negative curvature d goes to the boundary: so it leaves saddles, on a way as long as Δ
    however small g is. On a quadratic it ends in one step, where Δ and ``cg_iterations``
    allow. A step takes a gradient, a value and the products that it needs; a step that is
    refused costs as much as one that is made. Stores nothing but Δ.

    All of a step is of one mini-batch, f(W + d) too. A small one is fitted by Newton's step
    rather than learnt from: take large ones (Martens, section 4.4).

    Args:
        radius: Δ of the first step, in units of the weights.
        forcing_term: the largest φ.
        arguments: clipping, ``weight_decay``, ``name`` …, see
            :class:`~benchmark.optimizers.objective_optimizer.ObjectiveOptimizer`.

    Raises:
        ValueError: a number is out of range, or two kinds of clipping are given.
        TypeError: a number is no number, or an argument is not offered.

    Example:
        >>> import keras
        >>> from benchmark.optimizers.objective import function_objective
        >>> stretch = keras.ops.array([1.0, 100.0])
        >>> bowl = function_objective(lambda w: keras.ops.sum(stretch * w[0] ** 2) / 2)
        >>> weights = keras.Variable([3.0, 1.0])
        >>> optimizer = NewtonCG(radius=10.0, forcing_term=1e-4)
        >>> _ = optimizer.minimize(bowl, [weights])
        >>> (weights.numpy().round(3) + 0.0).tolist()
        [0.0, 0.0]
        >>> int(optimizer.gradient_evaluations.value)     # a gradient, two products, a value
        4

    References:
        Steihaug 1983. Martens, Deep learning via Hessian-free optimization, ICML 2010.
        Nocedal, Wright, Numerical Optimization, 2006, algorithms 4.1 and 7.2.
    """

    entry = ENTRY

    def initial_shared(self) -> State:
        """Return the state before the first step, which takes the radius that is given."""
        return {**super().initial_shared(), "radius": ops.zeros((), dtype=number_dtype())}

    def objective_rule(self, point: Point, hyperparameters: State, objective: Objective) -> Step:
        """Apply :func:`newton_cg`."""
        return newton_cg(point, hyperparameters, objective, self.constants["cg_iterations"])
