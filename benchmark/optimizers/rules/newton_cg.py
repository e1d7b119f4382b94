"""Newton's method without a Hessian: truncated conjugate gradients in a trust region."""

from typing import Any

import keras
from keras import ops

from benchmark.optimizers.conjugate_gradients import truncated_conjugate_gradient
from benchmark.optimizers.objective import Objective
from benchmark.optimizers.objective_optimizer import ObjectiveOptimizer, Point, Step
from benchmark.optimizers.registry import OPTIMIZERS
from benchmark.optimizers.tensors import State
from benchmark.optimizers.trust_region import ACCEPTED, GOOD, POOR, gain_ratio
from benchmark.optimizers.vectors import chosen, dot, moved, norm, scaled, zeros_like


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
    found = truncated_conjugate_gradient(
        lambda vectors: objective.hessian_vector_product(weights, vectors),
        gradient,
        radius=radius,
        tolerance=size * ops.minimum(hyperparameters["forcing_term"], ops.sqrt(size)),
        rounds=rounds,
    )
    share = hyperparameters["learning_rate"]
    predicted = -share * (
        dot(gradient, found.direction) + share * dot(found.direction, found.product) / 2
    )
    after = objective.value(moved(weights, share, found.direction))
    gain = gain_ratio(point.value, after, predicted)
    wider = ops.minimum(2 * radius, hyperparameters["maximum_radius"])
    is_wider = ops.logical_and(gain > GOOD, found.at_boundary)
    radius = ops.where(is_wider, wider, radius)
    radius = ops.where(gain < POOR, norm(found.direction) / 4, radius)
    steps = scaled(-share, found.direction)
    return Step(
        chosen(gain > ACCEPTED, steps, zeros_like(steps)),
        evaluations=found.products + 1,
        shared={"radius": radius},
    )


@keras.saving.register_keras_serializable(package="kappabench")
class NewtonCG(ObjectiveOptimizer):
    """Newton's method by conjugate gradients in a trust region, free of any Hessian matrix.

        minimise gᵀd + dᵀHd/2 over ‖d‖ ≤ Δ       by at most ``cg_iterations`` products H v
        ρ = (f(W) − f(W + α d)) / (what the model predicts)
        W ← W + α d        where ρ > 0.0001      α = ``learning_rate``
        Δ ← ‖d‖/4          where ρ < 1/4;   2 Δ where ρ > 3/4 and ‖d‖ = Δ

    Conjugate gradients (Steihaug's) end where the residual is below η ‖g‖ with
    η = min(``forcing_term``, √‖g‖), so that convergence is superlinear. Along a direction of
    negative curvature d goes to the boundary: so it leaves saddles, on a way as long as Δ
    however small g is. On a quadratic it ends in one step, where Δ and ``cg_iterations``
    allow. A step takes a gradient, a value and the products that it needs; a step that is
    refused costs as much as one that is made. Keeps nothing but Δ.

    All of a step is of one mini-batch, f(W + d) too. A small one is fitted by Newton's step
    rather than learnt from: take large ones (Martens, section 4.4).

    Args:
        learning_rate: α > 0, or a schedule. Default 1, the whole step.
        radius: Δ of the first step > 0, in units of the weights. Default 1, as in SciPy's
            ``trust-ncg``.
        maximum_radius: > 0. Default 1000, as there.
        forcing_term: the largest η, 0 < η < 1. Default 0.5, Nocedal and Wright's.
        cg_iterations: ≥ 1, structural. Default 20, our choice.
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

    hyperparameter_table = OPTIMIZERS["newton_cg"].hyperparameters
    constant_names = ("cg_iterations",)

    def __init__(
        self,
        learning_rate: Any = 1.0,
        radius: float = 1.0,
        maximum_radius: float = 1000.0,
        forcing_term: float = 0.5,
        cg_iterations: int = 20,
        **arguments: Any,
    ) -> None:
        numbers = {
            "radius": radius,
            "maximum_radius": maximum_radius,
            "forcing_term": forcing_term,
        }
        super().__init__(learning_rate, numbers, {"cg_iterations": cg_iterations}, **arguments)

    def initial_shared(self) -> State:
        """Return the state before the first step, which takes the radius that is given."""
        return {**super().initial_shared(), "radius": ops.zeros((), dtype=self._adjustable_dtype)}

    def objective_rule(self, point: Point, hyperparameters: State, objective: Objective) -> Step:
        """Apply :func:`newton_cg`."""
        return newton_cg(point, hyperparameters, objective, self.constants["cg_iterations"])
