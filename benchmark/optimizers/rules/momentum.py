"""Momentum: Polyak's heavy ball."""

from typing import Any

import keras

from benchmark.optimizers.base import Optimizer
from benchmark.optimizers.registry import OPTIMIZERS
from benchmark.optimizers.tensors import State, Tensor


def heavy_ball(state: State, gradient: Tensor, hyperparameters: State) -> tuple[State, Tensor]:
    """Return v ← β·v + α·g, as the new slot and as the update of W ← W − v.

    Args:
        state: ``velocity``, v.
        gradient: g.
        hyperparameters: ``learning_rate`` α and ``momentum`` β.

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

        v ← β v + α g          α = ``learning_rate``, β = ``momentum``
        W ← W − v

    Three other ways to write it are in use:

    - ``keras.optimizers.SGD`` keeps −v and adds it; the weights are the same.
    - Without α in v (v ← β v + g, W ← W − α v) the weights are the same while α is
      constant; if α changes, that form rescales the past steps and this one does not.
    - The dampened form, v ← β v + (1 − β) g and W ← W − α v, takes steps that are
      1 − β times as long: its α stands for (1 − β) α here.

    Keeps one number a weight, v.

    Args:
        learning_rate: α > 0, or a schedule. Default 0.01, as in ``keras.optimizers.SGD``.
        momentum: β, 0 ≤ β < 1; at 1 old steps would never fade. Default 0.9, one of the
            usual values in Goodfellow, Bengio and Courville, section 8.3.2.
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

    hyperparameter_table = OPTIMIZERS["momentum"].hyperparameters
    slot_names = ("velocity",)

    def __init__(self, learning_rate: Any = 0.01, momentum: float = 0.9, **arguments: Any) -> None:
        super().__init__(learning_rate, {"momentum": momentum}, **arguments)

    def rule(self, state: State, gradient: Tensor, hyperparameters: State) -> tuple[State, Tensor]:
        """Apply :func:`heavy_ball`."""
        return heavy_ball(state, gradient, hyperparameters)
