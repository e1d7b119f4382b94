"""Dampened momentum: steps along a running mean of the gradients."""

from typing import Any

import keras

from benchmark.optimizers.base import Optimizer
from benchmark.optimizers.registry import OPTIMIZERS
from benchmark.optimizers.tensors import State, Tensor


def dampened(state: State, gradient: Tensor, hyperparameters: State) -> tuple[State, Tensor]:
    """Return v ← β·v + (1 − β)·g as the new slot, and the update α·v of W ← W − α·v.

    Args:
        state: ``velocity``, v.
        gradient: g.
        hyperparameters: ``learning_rate`` α and ``momentum`` β.

    Example:
        >>> dampened({"velocity": 1.0}, 2.0, {"learning_rate": 0.5, "momentum": 0.75})
        ({'velocity': 1.25}, 0.625)
    """
    momentum = hyperparameters["momentum"]
    velocity = momentum * state["velocity"] + (1 - momentum) * gradient
    return {"velocity": velocity}, hyperparameters["learning_rate"] * velocity


@keras.saving.register_keras_serializable(package="kappabench")
class DampenedMomentum(Optimizer):
    """Gradient descent along a running mean of the gradients.

        v ← β v + (1 − β) g      β = ``momentum``
        W ← W − α v              α = ``learning_rate``

    It is the first moment of Adam without bias correction. Told apart from the heavy ball,
    :class:`~benchmark.optimizers.rules.momentum.Momentum`:

    - v has the size of a gradient whatever β is, so that the best α hardly depends on β;
      while α is constant, its steps are those of the heavy ball with (1 − β) α for α.
    - α stands outside of v: a change of α rescales the past gradients too.
    - The first step has only the length (1 − β) α ‖g‖, since v begins at zero.

    A structure of its own and not a number ``dampening``, as PyTorch's SGD has: beside α
    and β, that number could only stretch α. Departure from PyTorch with ``dampening`` = β:
    there v begins with the first gradient, undampened.

    Keeps one number a weight.

    Args:
        learning_rate: α > 0, or a schedule. Default 0.01, as in ``keras.optimizers.SGD``.
        momentum: β, 0 ≤ β < 1; at 1 no gradient would ever count. Default 0.9, one of the
            usual values in Goodfellow, Bengio and Courville, section 8.3.2.
        arguments: clipping, ``weight_decay``, ``name`` and Keras's other arguments, see
            :class:`~benchmark.optimizers.base.Optimizer`.

    Raises:
        ValueError: a number is out of range, or two kinds of clipping are given.
        TypeError: a number is no number.

    Example:
        >>> import keras
        >>> weights = keras.Variable([1.0])
        >>> optimizer = DampenedMomentum(learning_rate=0.5, momentum=0.5)
        >>> optimizer.apply([weights.value], [weights])     # v = 0.5
        >>> float(weights[0])
        0.75

    References:
        Polyak, Some methods of speeding up the convergence of iteration methods, 1964.
        Sutskever, Martens, Dahl, Hinton, On the importance of initialization and momentum
        in deep learning, ICML 2013. The name: ``dampening`` of ``torch.optim.SGD``.
    """

    hyperparameter_table = OPTIMIZERS["dampened_momentum"].hyperparameters
    slot_names = ("velocity",)

    def __init__(self, learning_rate: Any = 0.01, momentum: float = 0.9, **arguments: Any) -> None:
        super().__init__(learning_rate, {"momentum": momentum}, **arguments)

    def rule(self, state: State, gradient: Tensor, hyperparameters: State) -> tuple[State, Tensor]:
        """Apply :func:`dampened`."""
        return dampened(state, gradient, hyperparameters)
