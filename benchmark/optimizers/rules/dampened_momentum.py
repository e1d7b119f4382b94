"""Dampened momentum: steps along a running mean of the gradients."""

import keras

from benchmark.optimizers.base import Optimizer
from benchmark.optimizers.entry import OptimizerEntry
from benchmark.optimizers.shared_hyperparameters import CONVENTIONAL_RATE, MOMENTUM
from benchmark.optimizers.stability import MomentumRecurrence, Snapshot, Stability, Stepping
from benchmark.optimizers.tensors import State, Tensor


def stepping(at: Snapshot) -> Stepping:
    """Return the stepping of v ← β v + (1 − β) g, W ← W − η v."""
    momentum = at.numbers["momentum"]
    return Stepping(MomentumRecurrence(momentum, 1 - momentum, decay=at.decay()), at.learning_rate)


ENTRY = OptimizerEntry(
    summary="v ← momentum · v + (1 − momentum) · g, W ← W − learning_rate · v",
    hyperparameters={"learning_rate": CONVENTIONAL_RATE, "momentum": MOMENTUM},
    advice="Start with momentum = 0.9 and sgd's learning_rate, or more: steps do not grow with "
    "momentum (Goodfellow, Bengio, Courville 2016, section 8.3.2)",
    stability=Stability(stepping, "2 (1 + β) / (1 − β)", needs_state=False, is_of_hessian=True),
)


def dampened(state: State, gradient: Tensor, hyperparameters: State) -> tuple[State, Tensor]:
    """Return v ← β·v + (1 − β)·g as the new state, and the update η·v of W ← W − η·v.

    Args:
        state: ``velocity``, v.
        gradient: g.
        hyperparameters: ``learning_rate`` η and ``momentum`` β.

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
        W ← W − η v              η = ``learning_rate``

    It is the first moment of Adam without bias correction. Told apart from the heavy ball,
    :class:`~benchmark.optimizers.rules.momentum.Momentum`:

    - v has the size of a gradient whatever β is, so that the best η hardly depends on β;
      while η is constant, its steps are those of the heavy ball with (1 − β) η for η.
    - η stands outside of v: a change of η rescales the past gradients too.
    - The first step has only the length (1 − β) η ‖g‖, since v begins at zero.

    A structure of its own and not a number ``dampening``, as PyTorch's SGD has: beside η
    and β, that number could only stretch η. Departure from PyTorch with ``dampening`` = β:
    there v begins with the first gradient, undampened.

    Stores one number per weight.

    Args:
        momentum: at 1 no gradient would ever count.
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

    entry = ENTRY
    state_names = ("velocity",)

    def rule(self, state: State, gradient: Tensor, hyperparameters: State) -> tuple[State, Tensor]:
        """Apply :func:`dampened`."""
        return dampened(state, gradient, hyperparameters)
