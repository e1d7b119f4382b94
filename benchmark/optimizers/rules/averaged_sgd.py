"""Stochastic gradient descent evaluated at the average of its iterates."""

import keras

from benchmark.optimizers.averaging import Averaging, interpolated, polynomial_share
from benchmark.optimizers.entry import OptimizerEntry
from benchmark.optimizers.rule_parts import with_decay
from benchmark.optimizers.shared_hyperparameters import AVERAGING_POWER, CONVENTIONAL_RATE
from benchmark.optimizers.stability import (
    AT_THE_AVERAGE,
    MomentumRecurrence,
    Snapshot,
    Stability,
    Stepping,
)
from benchmark.optimizers.tensors import State, Tensor


def stepping(at: Snapshot) -> Stepping:
    """Return the stepping of W ← W − η g; the average moves nothing."""
    return Stepping(MomentumRecurrence(decay=at.decay()), at.learning_rate, note=AT_THE_AVERAGE)


ENTRY = OptimizerEntry(
    summary="SGD, evaluated at the running average of its iterates (Polyak–Ruppert)",
    hyperparameters={
        "learning_rate": CONVENTIONAL_RATE,
        "averaging_power": AVERAGING_POWER,
    },
    advice="Use a large constant learning_rate, and averaging_power = 3 if the start is far from"
    " the minimum (Shamir, Zhang 2013, section 4)",
    stability=Stability(stepping, "2", needs_state=False, is_of_hessian=True),
)


def averaged_descent(
    state: State, gradient: Tensor, hyperparameters: State
) -> tuple[State, Tensor]:
    """Return the new displacement W − W̄ and the update η·(g + λ·W) of W.

    Args:
        state: ``displacement`` W − W̄, ``weights`` W, and ``step`` t from 1.
        gradient: g.
        hyperparameters: ``learning_rate`` η, ``averaging_power`` p, and ``weight_decay`` λ
            where there is one.
    """
    step = hyperparameters["learning_rate"] * with_decay(gradient, state, hyperparameters)
    share = polynomial_share(state["step"], hyperparameters["averaging_power"])
    displacement, update = interpolated(state["displacement"], step, share, 0.0)
    return {"displacement": displacement}, update


@keras.saving.register_keras_serializable(package="kappabench")
class AveragedSGD(Averaging):
    """Polyak–Ruppert averaging: the weights walk, their running average is evaluated.

        W ← W − η g                      η = ``learning_rate``, g of a mini-batch
        W̄ ← (1 − c) W̄ + c W              c = (p + 1) / (t + p),  p = ``averaging_power``

    With p = 0, W̄ is the plain mean of W₁ … Wₜ, whose variance is the smallest there is for
    a large constant η on a convex problem. It remembers a far start as 1 / t, though; with
    p > 0 (polynomial-decay averaging) early iterates fade. Gradients are those at W, and
    validation, test, curvature and the model that is kept are those at W̄; see
    :class:`~benchmark.optimizers.averaging.Averaging` for ``fit``.

    W̄ averages the iterates as the rule makes them, before constraints of the variables.
    Weight decay is decoupled, as everywhere. Stores one number per weight.

    Args:
        averaging_power: p; 0 gives the mean of Polyak and Juditsky.
        arguments: clipping, ``weight_decay``, ``name`` and Keras's other arguments, see
            :class:`~benchmark.optimizers.base.Optimizer`.

    Raises:
        ValueError: a number is out of range, or two kinds of clipping are given.
        TypeError: a number is no number.

    Example:
        >>> import keras
        >>> weights = keras.Variable([4.0])
        >>> optimizer = AveragedSGD(learning_rate=0.5)
        >>> for _ in range(2):
        ...     optimizer.apply([weights.value], [weights])     # J = W²/2: W = 2, then 1
        >>> optimizer.finalize_variable_values([weights])       # what `fit` does at its end
        >>> float(weights[0])
        1.5

    References:
        Polyak, Juditsky, Acceleration of stochastic approximation by averaging, SIAM J.
        Control Optim. 1992. Ruppert, Efficient estimations from a slowly convergent
        Robbins–Monro process, 1988. Shamir, Zhang, Stochastic gradient descent for
        non-smooth optimization, ICML 2013, section 4 (its η).
    """

    entry = ENTRY

    def rule(self, state: State, gradient: Tensor, hyperparameters: State) -> tuple[State, Tensor]:
        """Apply :func:`averaged_descent`."""
        return averaged_descent(state, gradient, hyperparameters)
