"""Nesterov's accelerated gradient in the form that deep learning uses."""

from typing import Any

import keras

from benchmark.optimizers.base import Optimizer
from benchmark.optimizers.registry import OPTIMIZERS
from benchmark.optimizers.tensors import State, Tensor


def accelerated(state: State, gradient: Tensor, hyperparameters: State) -> tuple[State, Tensor]:
    """Return v ← β·v + α·g as the new slot, and the update β·v + α·g with the new v.

    Args:
        state: ``velocity``, v.
        gradient: g.
        hyperparameters: ``learning_rate`` α and ``momentum`` β.

    Example:
        >>> accelerated({"velocity": 1.0}, 2.0, {"learning_rate": 0.25, "momentum": 0.5})
        ({'velocity': 1.0}, 1.0)
    """
    momentum = hyperparameters["momentum"]
    descent = hyperparameters["learning_rate"] * gradient
    velocity = momentum * state["velocity"] + descent
    return {"velocity": velocity}, momentum * velocity + descent


@keras.saving.register_keras_serializable(package="kappabench")
class Nesterov(Optimizer):
    """Nesterov momentum, as ``keras.optimizers.SGD(nesterov=True)``.

        v ← β v + α g          α = ``learning_rate``, β = ``momentum``
        W ← W − (β v + α g)

    Nesterov takes the gradient at the point ahead, y = x − β v, and moves x. Here W is
    that point ahead, which is the only one ever stored, so g is the gradient at the
    weights as they are; the iterates x of the paper are W + β v.

    Keeps one number a weight.

    Args:
        learning_rate: α > 0, or a schedule. Default 0.01, as in ``keras.optimizers.SGD``.
        momentum: β, 0 ≤ β < 1. Default 0.9, one of the usual values in Goodfellow,
            Bengio and Courville, section 8.3.2.
        arguments: clipping, ``weight_decay``, ``name`` and Keras's other arguments, see
            :class:`~benchmark.optimizers.base.Optimizer`.

    Raises:
        ValueError: a number is out of range, or two kinds of clipping are given.
        TypeError: a number is no number.

    Example:
        >>> import keras
        >>> weights = keras.Variable([1.0])
        >>> optimizer = Nesterov(learning_rate=0.5, momentum=0.5)
        >>> optimizer.apply([weights.value], [weights])     # v = 0.5, step 0.75
        >>> float(weights[0])
        0.25

    References:
        Nesterov, A method of solving a convex programming problem with convergence
        rate O(1/k²), 1983. Sutskever, Martens, Dahl, Hinton, On the importance of
        initialization and momentum in deep learning, ICML 2013, section 2; the form in
        which W is the point ahead is Bengio, Boulanger-Lewandowski, Pascanu, Advances
        in optimizing recurrent networks, 2013, section 3.5.
    """

    hyperparameter_table = OPTIMIZERS["nesterov"].hyperparameters
    slot_names = ("velocity",)

    def __init__(self, learning_rate: Any = 0.01, momentum: float = 0.9, **arguments: Any) -> None:
        super().__init__(learning_rate, {"momentum": momentum}, **arguments)

    def rule(self, state: State, gradient: Tensor, hyperparameters: State) -> tuple[State, Tensor]:
        """Apply :func:`accelerated`."""
        return accelerated(state, gradient, hyperparameters)
