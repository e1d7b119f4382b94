"""Gradient descent with Polyak's step size."""

import keras
from keras import ops

from benchmark.optimizers.entry import OptimizerEntry
from benchmark.optimizers.hyperparameter import Hyperparameter
from benchmark.optimizers.objective import Objective
from benchmark.optimizers.objective_optimizer import ObjectiveOptimizer, Point, Step
from benchmark.optimizers.stability import OWN_STEP
from benchmark.optimizers.tensors import State
from benchmark.optimizers.vectors import dot, ratio, scaled

_HYPERPARAMETERS = {
    "learning_rate": Hyperparameter(
        default=1.0,
        low=0.0,
        space={"low": 0.01, "high": 100.0, "log": True},
        source="our choice: a bound two decades on either side of one",
    ),
    "f_star": Hyperparameter(
        default=0.0,
        space={"low": 0.0, "high": 0.5, "log": False},
        source="default: Loizou et al. 2021, Stochastic Polyak Step-size, section 3; "
        "space: our choice, losses that a model may be unable to pass",
    ),
    "scaling": Hyperparameter(
        default=0.5,
        low=0.0,
        space={"low": 0.1, "high": 1.0, "log": True},
        source="default: Loizou et al. 2021, section 3; space: our choice, up to Polyak's own 1",
    ),
}


ENTRY = OptimizerEntry(
    summary="steps of (f − f_star) / (scaling · ‖g‖²), at most learning_rate",
    hyperparameters=_HYPERPARAMETERS,
    advice="Set f_star to the lowest loss that can be reached, 0 if the model can fit every "
    "example (Loizou et al. 2021, section 3)",
    stability=OWN_STEP + "the loss and the gradient's norm.",
)


def polyak_step(point: Point, hyperparameters: State) -> Step:
    """Return the update min(η, (f − f*) / (c ‖g‖²)) · g.

    Args:
        point: f and g.
        hyperparameters: ``learning_rate`` η, ``f_star`` f* and ``scaling`` c.
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

        γ = min(η, (f(W) − f*) / (c ‖g‖²))        η = ``learning_rate``, c = ``scaling``
        W ← W − γ g                               f* = ``f_star``

    f and g are those of the mini-batch at hand, as in the stochastic Polyak step size of
    Loizou et al.; on the full batch with c = 1 it is Polyak's own. f* is the least value
    that f can take: 0 for a model that can fit every example, the known optimum of a
    closed-form problem. Where f ≤ f* the weights rest: f* is too large. The value comes
    with the gradient, so a step costs one evaluation. Stores nothing.

    Args:
        learning_rate: the longest step, the paper's γ_b: with 1 many networks still train.
        f_star: 0 suits losses that cannot be negative.
        scaling: 0.5 has the paper's best rate for strongly convex functions (section 3).
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

    entry = ENTRY

    def objective_rule(
        self,
        point: Point,
        hyperparameters: State,
        objective: Objective,
    ) -> Step:
        """Apply :func:`polyak_step`."""
        return polyak_step(point, hyperparameters)
