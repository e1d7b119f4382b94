"""AdaGrad: a step per weight that shrinks with the sum of its squared gradients."""

import keras
import numpy as np
from keras import ops

from benchmark.optimizers.base import Optimizer
from benchmark.optimizers.entry import OptimizerEntry
from benchmark.optimizers.shared_hyperparameters import accumulator, adam_rate, small_number
from benchmark.optimizers.stability import Snapshot, Stability, Stepping, scaled_descent
from benchmark.optimizers.tensors import State, Tensor


def stepping(at: Snapshot) -> Stepping:
    """Return the stepping of η g / √(A₀ + A + ε)."""
    initial = at.numbers["initial_accumulator_value"]
    root = np.sqrt(initial + at.flat("accumulator") + at.numbers["epsilon"])
    return scaled_descent(at, root, "√(A₀ + A + ε)")


ENTRY = OptimizerEntry(
    summary="a step per weight that shrinks with the sum of its squared gradients",
    hyperparameters={
        "learning_rate": adam_rate(0.001, "keras.optimizers.Adagrad"),
        "initial_accumulator_value": accumulator(0.1, "keras.optimizers.Adagrad"),
        "epsilon": small_number(1e-7, "keras.optimizers.Adagrad"),
    },
    advice="For sparse gradients use learning_rate = 0.01 and a constant schedule: the steps "
    "shrink by themselves (Duchi, Hazan, Singer 2011; the rate is PyTorch's)",
    stability=Stability(stepping, "2", "√(A₀ + A + ε)"),
)


def adagrad(state: State, gradient: Tensor, hyperparameters: State) -> tuple[State, Tensor]:
    """Return the new sum of squares A and the update η g / √(A₀ + A + ε).

    Args:
        state: ``accumulator``, A.
        gradient: g.
        hyperparameters: ``learning_rate`` η, ``initial_accumulator_value`` A₀ and
            ``epsilon`` ε.
    """
    accumulator = state["accumulator"] + ops.square(gradient)
    initial = hyperparameters["initial_accumulator_value"]
    root = ops.sqrt(initial + accumulator + hyperparameters["epsilon"])
    return {"accumulator": accumulator}, hyperparameters["learning_rate"] * gradient / root


@keras.saving.register_keras_serializable(package="kappabench")
class Adagrad(Optimizer):
    """AdaGrad, with the arguments, defaults and steps of Keras's ``Adagrad``.

        A ← A + g²                          A = 0 before the first step
        W ← W − η g / √(A₀ + A + ε)         η = ``learning_rate``, ε = ``epsilon``,
                                            A₀ = ``initial_accumulator_value``

    Weights with rare gradients keep long steps. A only grows, so all steps shrink, on a
    gradient of constant size like 1/√t.

    Stores one number per weight, A.

    Departure from Keras: the sum starts at zero, and A₀ is added in each step instead. The
    steps are the same, and A₀ is a number like any other: one program serves every value.
    Departure from the paper: it has no A₀, and adds δ to the root, not ε below it.

    Args:
        learning_rate: 0.01 is usual.
        initial_accumulator_value: in squared units of the gradient.
        epsilon: in squared units of the gradient.
        arguments: clipping, ``weight_decay``, ``name`` and Keras's other arguments, see
            :class:`~benchmark.optimizers.base.Optimizer`.

    Raises:
        ValueError: a number is out of range, or two kinds of clipping are given.
        TypeError: a number is no number.

    Example:
        >>> import keras
        >>> weights = keras.Variable([1.0])
        >>> optimizer = Adagrad(learning_rate=0.5, initial_accumulator_value=3.0)
        >>> optimizer.apply([weights.value], [weights])     # 1 − 0.5 · 1 / √(3 + 1)
        >>> round(float(weights[0]), 4)
        0.75

    References:
        Duchi, Hazan, Singer, Adaptive subgradient methods for online learning and
        stochastic optimization, JMLR 2011 (the diagonal version, figure 1).
    """

    entry = ENTRY
    state_names = ("accumulator",)

    def rule(self, state: State, gradient: Tensor, hyperparameters: State) -> tuple[State, Tensor]:
        """Apply :func:`adagrad`."""
        return adagrad(state, gradient, hyperparameters)
