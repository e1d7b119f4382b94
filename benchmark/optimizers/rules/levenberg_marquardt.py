"""Levenberg and Marquardt's damped Gauss-Newton method, by conjugate gradients."""

from typing import Any

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

ENTRY = OptimizerEntry(
    summary="(G + λ I) d = −g with the Gauss-Newton matrix G; success lowers the damping λ",
    hyperparameters={
        "learning_rate": RELAXATION,
        "damping": Hyperparameter(
            default=0.01,
            low=0.0,
            space={"low": 1e-4, "high": 100.0, "log": True},
            source="default: Marquardt 1963; space: our choice, up to Martens's 2010 start",
        ),
        "damping_factor": Hyperparameter(
            default=10.0,
            low=1.0,
            space={"low": 1.5, "high": 10.0, "log": True},
            source="default: Marquardt 1963; space: down to Martens's 2010 factor 3/2",
        ),
        "forcing_term": forcing_term(0.1, "our choice"),
        "cg_iterations": CG_ITERATIONS,
    },
    constants=frozenset({"cg_iterations"}),
    advice="Keep the defaults and use large mini-batches (Martens 2010, section 4.4)",
    stability=OWN_STEP + "the damping that the last step called for.",
)


LEAST_DAMPING, MOST_DAMPING = 1e-10, 1e10
FAR = 1e8
"""A radius that a step with positive curvature stays within, in units of the weights."""


def levenberg_marquardt(
    point: Point, hyperparameters: State, objective: Objective, rounds: int
) -> Step:
    """Return the step that solves (G + λ I) d = −g, where the objective goes down by it.

    Where G + λ I has negative curvature, none is made, and λ rises.

    Args:
        point: shared ``damping``, which is the hyperparameter of that name at the first step.
        hyperparameters: ``learning_rate``, ``damping`` λ, ``damping_factor`` ν and
            ``forcing_term``.
        objective: asked for at most ``rounds`` products with G and one value.
        rounds: of conjugate gradients.
    """
    gradient, weights = point.gradient, point.weights
    damping = ops.where(point.step <= 1, hyperparameters["damping"], point.shared["damping"])

    def damped(vectors: Any) -> Any:
        products = objective.gauss_newton_vector_product(weights, vectors)
        return moved(products, damping, vectors)

    solution = truncated_conjugate_gradient(
        damped,
        gradient,
        radius=ops.full_like(damping, FAR),
        tolerance=norm(gradient) * hyperparameters["forcing_term"],
        rounds=rounds,
    )
    d, share = solution.direction, hyperparameters["learning_rate"]
    bent = dot(d, solution.product) - damping * dot(d, d)
    predicted = -share * (dot(gradient, d) + share * bent / 2)
    after = objective.value(moved(weights, share, d))
    gain = gain_ratio(point.value, after, predicted)
    # At the boundary there is negative curvature, or nothing that bounds the step: f may go down
    # as predicted however far it goes, and a step of 1e8 would be the best of all.
    is_lost = solution.at_boundary
    factor = hyperparameters["damping_factor"]
    is_good = ops.logical_and(gain > GOOD, ops.logical_not(is_lost))
    damping = ops.where(is_good, damping / factor, damping)
    damping = ops.where(ops.logical_or(gain < POOR, is_lost), damping * factor, damping)
    steps = scaled(-share, d)
    is_accepted = ops.logical_and(gain > ACCEPTED, ops.logical_not(is_lost))
    return Step(
        chosen(is_accepted, steps, zeros_like(steps)),
        evaluations=solution.products + 1,
        shared={"damping": ops.clip(damping, LEAST_DAMPING, MOST_DAMPING)},
    )


@keras.saving.register_keras_serializable(package="kappabench")
class LevenbergMarquardt(ObjectiveOptimizer):
    """Levenberg and Marquardt's method: Gauss-Newton steps, damped by their success.

        G = Jᵀ L J                     J the Jacobian of the model's outputs,
                                       L the Hessian of the loss in these
        (G + λ I) d = −g               by at most ``cg_iterations`` products G v
        ρ = (f(W) − f(W + η d)) / (what gᵀd + dᵀGd/2 predicts)
        W ← W + η d    where ρ > 0.0001                        η = ``learning_rate``
        λ ← λ ν        where ρ < 1/4;   λ / ν where ρ > 3/4    ν = ``damping_factor``

    For a sum of squares it is the method of that name; for cross-entropy it is the
    generalised Gauss-Newton method, whose G is Fisher's matrix. G has no negative curvature
    where the loss is convex in the outputs. Where the model's outputs are the values that
    are minimised, as in closed-form problems, G would be 0 and the Hessian takes its place;
    a direction of negative curvature is then refused, and λ rises until there is none.

    Conjugate gradients end where the residual is below ``forcing_term`` · ‖g‖. On a linear
    least-squares problem one step with a small λ ends it. A step takes a gradient, a value
    and the products that it needs; one that is refused costs as much as one that is made.
    All of it is of one mini-batch. Stores nothing but λ, between 1e-10 and 1e10.

    Args:
        damping: λ of the first step.
        arguments: clipping, ``weight_decay``, ``name`` …, see
            :class:`~benchmark.optimizers.objective_optimizer.ObjectiveOptimizer`.

    Raises:
        ValueError: a number is out of range, or two kinds of clipping are given.
        TypeError: a number is no number, or an argument is not offered.

    Example:
        >>> import keras
        >>> from benchmark.optimizers.objective import objective_of
        >>> x, y = keras.ops.array([[1.0, 0.0], [1.0, 1.0]]), keras.ops.array([1.0, 3.0])
        >>> line = objective_of(
        ...     lambda w: (keras.ops.matmul(x, w[0]) - y, []), lambda r: keras.ops.sum(r**2) / 2)
        >>> weights = keras.Variable([0.0, 0.0])
        >>> optimizer = LevenbergMarquardt(damping=1e-6, forcing_term=1e-6)
        >>> _ = optimizer.minimize(line, [weights])
        >>> weights.numpy().round(3).tolist()
        [1.0, 2.0]

    References:
        Levenberg 1944. Marquardt, An algorithm for least-squares estimation of nonlinear
        parameters, 1963. Schraudolph 2002. Martens 2010. Nocedal, Wright 2006, section 10.3.
    """

    entry = ENTRY

    def initial_shared(self) -> State:
        """Return the state before the first step, which takes the damping that is given."""
        return {**super().initial_shared(), "damping": ops.zeros((), dtype=number_dtype())}

    def objective_rule(self, point: Point, hyperparameters: State, objective: Objective) -> Step:
        """Apply :func:`levenberg_marquardt`."""
        rounds = self.constants["cg_iterations"]
        return levenberg_marquardt(point, hyperparameters, objective, rounds)
