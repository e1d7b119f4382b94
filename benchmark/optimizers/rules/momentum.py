"""Momentum: Polyak's heavy ball."""

import keras

from benchmark.optimizers.base import Optimizer
from benchmark.optimizers.entry import OptimizerEntry
from benchmark.optimizers.shared_hyperparameters import CONVENTIONAL_RATE, MOMENTUM
from benchmark.optimizers.stability import MomentumRecurrence, Snapshot, Stability, Stepping
from benchmark.optimizers.tensors import State, Tensor


def stepping(at: Snapshot) -> Stepping:
    """Return the stepping of v ← β v + η g, W ← W − v."""
    return Stepping(MomentumRecurrence(at.numbers["momentum"], decay=at.decay()), at.learning_rate)


ENTRY = OptimizerEntry(
    summary="v ← momentum · v + learning_rate · g, W ← W − v (heavy ball)",
    hyperparameters={"learning_rate": CONVENTIONAL_RATE, "momentum": MOMENTUM},
    advice="Start with momentum = 0.9 and a tenth of sgd's learning_rate: steps in one direction"
    " add up to 1 / (1 − momentum) times (Goodfellow, Bengio, Courville 2016, Deep "
    "Learning, section 8.3.2)",
    stability=Stability(stepping, "2 (1 + β)", needs_state=False, is_of_hessian=True),
)


def heavy_ball(state: State, gradient: Tensor, hyperparameters: State) -> tuple[State, Tensor]:
    """Return v ← β·v + η·g, as the new state and as the update of W ← W − v.

    Args:
        state: ``velocity``, v.
        gradient: g.
        hyperparameters: ``learning_rate`` η and ``momentum`` β.

    Example:
        >>> heavy_ball({"velocity": 1.0}, 2.0, {"learning_rate": 0.25, "momentum": 0.5})
        ({'velocity': 1.0}, 1.0)
    """
    velocity = (
        hyperparameters["momentum"] * state["velocity"]
        + hyperparameters["learning_rate"] * gradient
    )
    return {"velocity": velocity}, velocity


@keras.saving.register_keras_serializable(package="kappabench")
class Momentum(Optimizer):
    """Gradient descent with momentum, the heavy ball.

        v ← β v + η g          η = ``learning_rate``, β = ``momentum``
        W ← W − v

    Three other ways to write it are in use:

    - ``keras.optimizers.SGD`` keeps −v and adds it; the weights are the same.
    - Without η in v (v ← β v + g, W ← W − η v) the weights are the same while η is
      constant; if η changes, that form rescales the past steps and this one does not.
    - The dampened form, v ← β v + (1 − β) g and W ← W − η v, takes steps that are
      1 − β times as long: its η stands for (1 − β) η here.

    Stores one number per weight, v.

    Args:
        momentum: at 1 old steps would never fade.
        arguments: clipping, ``weight_decay``, ``name`` and Keras's other arguments, see
            :class:`~benchmark.optimizers.base.Optimizer`.

    Raises:
        ValueError: a number is out of range, or two kinds of clipping are given.
        TypeError: a number is no number.

    Example:
        >>> import keras
        >>> weights = keras.Variable([1.0])
        >>> optimizer = Momentum(learning_rate=0.5, momentum=0.5)
        >>> optimizer.apply([weights.value], [weights])     # v = 0.5
        >>> optimizer.apply([weights.value], [weights])     # v = 0.25 + 0.25
        >>> float(weights[0])
        0.0

    References:
        Polyak, Some methods of speeding up the convergence of iteration methods, 1964.
        Goodfellow, Bengio, Courville, Deep Learning, 2016, section 8.3.2.
    """

    entry = ENTRY
    state_names = ("velocity",)

    def rule(self, state: State, gradient: Tensor, hyperparameters: State) -> tuple[State, Tensor]:
        """Apply :func:`heavy_ball`."""
        return heavy_ball(state, gradient, hyperparameters)
