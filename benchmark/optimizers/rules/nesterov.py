"""Nesterov's accelerated gradient in the form that deep learning uses."""

import keras

from benchmark.optimizers.base import Optimizer
from benchmark.optimizers.entry import OptimizerEntry
from benchmark.optimizers.shared_hyperparameters import CONVENTIONAL_RATE, MOMENTUM
from benchmark.optimizers.stability import MomentumRecurrence, Snapshot, Stability, Stepping
from benchmark.optimizers.tensors import State, Tensor


def stepping(at: Snapshot) -> Stepping:
    """Return the stepping of v ← β v + η g, W ← W − (β v + η g)."""
    momentum = at.numbers["momentum"]
    return Stepping(MomentumRecurrence(momentum, momentum, 1.0, at.decay()), at.learning_rate)


ENTRY = OptimizerEntry(
    summary="the heavy ball with the gradient taken one step ahead",
    hyperparameters={"learning_rate": CONVENTIONAL_RATE, "momentum": MOMENTUM},
    advice="Start as with momentum, and try 0.99 and above, which it tolerates better (Sutskever"
    " et al. 2013, On the importance of initialization and momentum in deep learning, "
    "section 2)",
    stability=Stability(stepping, "2 (1 + β) / (1 + 2 β)", needs_state=False, is_of_hessian=True),
)


def accelerated(state: State, gradient: Tensor, hyperparameters: State) -> tuple[State, Tensor]:
    """Return v ← β·v + η·g as the new state, and the update β·v + η·g with the new v.

    Args:
        state: ``velocity``, v.
        gradient: g.
        hyperparameters: ``learning_rate`` η and ``momentum`` β.

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

        v ← β v + η g          η = ``learning_rate``, β = ``momentum``
        W ← W − (β v + η g)

    Nesterov takes the gradient at the point ahead, y = x − β v, and moves x. Here W is
    that point ahead, which is the only one ever stored, so g is the gradient at the
    weights as they are; the iterates x of the paper are W + β v.

    Stores one number per weight.

    Args:
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

    entry = ENTRY
    state_names = ("velocity",)

    def rule(self, state: State, gradient: Tensor, hyperparameters: State) -> tuple[State, Tensor]:
        """Apply :func:`accelerated`."""
        return accelerated(state, gradient, hyperparameters)
