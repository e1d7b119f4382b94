"""Sharpness-aware minimization: the gradient at the worst point nearby."""

import keras

from benchmark.optimizers.entry import OptimizerEntry
from benchmark.optimizers.hyperparameter import Hyperparameter
from benchmark.optimizers.objective import Objective
from benchmark.optimizers.objective_optimizer import ObjectiveOptimizer, Point, Step
from benchmark.optimizers.rules.momentum import heavy_ball
from benchmark.optimizers.shared_hyperparameters import CONVENTIONAL_RATE, MOMENTUM
from benchmark.optimizers.stability import MomentumRecurrence, Snapshot, Stability, Stepping
from benchmark.optimizers.tensors import State
from benchmark.optimizers.vectors import moved, norm, ratio

_RHO = Hyperparameter(
    default=0.05,
    low=0.0,
    space={"low": 0.01, "high": 0.5, "log": True},
    source="default and space: Foret et al. 2021, Sharpness-Aware Minimization, section 3.1, "
    "which searches 0.01 to 0.5 and takes 0.05",
)


def stepping(at: Snapshot) -> Stepping | str:
    """Return the stepping of v ← β v + η ∇f(W + ρ g / ‖g‖), W ← W − v."""
    if any(at.numbers.get(name) for name in ("l1", "l2")):
        return (
            "No stability limit is given for SAM with a penalty on the weights: its limit depends "
            "on the norm of the penalised gradient, which is not measured."
        )
    radius = at.numbers["rho"]
    return Stepping(
        MomentumRecurrence(at.numbers["momentum"], decay=at.decay()),
        at.learning_rate,
        radius=radius,
        note=f"The limit is that at the present ‖g‖ with an ascent of ρ = {radius:.3g}, and falls "
        "with ‖g‖.",
    )


ENTRY = OptimizerEntry(
    summary="the heavy ball with the gradient at the worst point within rho: seeks flat minima",
    hyperparameters={
        "learning_rate": CONVENTIONAL_RATE,
        "momentum": MOMENTUM,
        "rho": _RHO,
    },
    advice="Use SGD's learning_rate and momentum, rho = 0.05 and half the epochs: a step costs "
    "two gradients (Foret et al. 2021, section 3.1)",
    stability=Stability(
        stepping,
        "that of momentum, lowered by the ascent: `benchmark.curvature.steps.ascended`",
        needs_state=False,
    ),
)


def sharpness_aware(point: Point, hyperparameters: State, objective: Objective) -> Step:
    """Return the heavy ball's step with the gradient at W + ρ g / ‖g‖.

    Args:
        point: its state ``velocity``, v.
        hyperparameters: ``learning_rate`` η, ``momentum`` β and ``rho`` ρ.
        objective: asked for one more gradient.
    """
    radius = ratio(hyperparameters["rho"], norm(point.gradient))
    _, worst = objective.value_and_gradient(moved(point.weights, radius, point.gradient))
    steps = [
        heavy_ball({"velocity": velocity}, gradient, hyperparameters)[1]
        for velocity, gradient in zip(point.states["velocity"], worst, strict=True)
    ]
    return Step(steps, evaluations=1, states={"velocity": steps})


@keras.saving.register_keras_serializable(package="kappabench")
class SAM(ObjectiveOptimizer):
    """Sharpness-aware minimization (SAM) around gradient descent with momentum.

        ε = ρ g / ‖g‖                  g = ∇f(W), ρ = ``rho``
        v ← β v + η ∇f(W + ε)          η = ``learning_rate``, β = ``momentum``
        W ← W − v

    It minimises, to first order, the largest loss within the distance ρ, so that it looks
    for minima that are flat. The norm is over all variables together, and both gradients
    are of the same mini-batch. Where g = 0, ε = 0. Each step takes two gradients, and
    ``gradient_evaluations`` counts two. Stores one number per weight.

    Departure from the paper: none; v holds η as in
    :class:`~benchmark.optimizers.rules.momentum.Momentum`. The moving statistics of
    BatchNormalization are updated by the first of the two passes.

    Args:
        momentum: 0.9 is that of the paper's experiments (appendix C).
        rho: in units of the weights.
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

    entry = ENTRY
    state_names = ("velocity",)

    def objective_rule(self, point: Point, hyperparameters: State, objective: Objective) -> Step:
        """Apply :func:`sharpness_aware`."""
        return sharpness_aware(point, hyperparameters, objective)
