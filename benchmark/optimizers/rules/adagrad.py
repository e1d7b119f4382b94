"""AdaGrad: a step per weight that shrinks with the sum of its squared gradients."""

from typing import Any

import keras
from keras import ops

from benchmark.optimizers.base import Optimizer
from benchmark.optimizers.registry import OPTIMIZERS
from benchmark.optimizers.tensors import State, Tensor


def adagrad(state: State, gradient: Tensor, hyperparameters: State) -> tuple[State, Tensor]:
    """Return the new sum of squares A and the update α g / √(A₀ + A + ε).

    Args:
        state: ``accumulator``, A.
        gradient: g.
        hyperparameters: ``learning_rate`` α, ``initial_accumulator_value`` A₀ and
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
        W ← W − α g / √(A₀ + A + ε)         α = ``learning_rate``, ε = ``epsilon``,
                                            A₀ = ``initial_accumulator_value``

    Weights with rare gradients keep long steps. A only grows, so all steps shrink, on a
    gradient of constant size like 1/√t.

    Keeps one number a weight, A.

    Departure from Keras: the sum starts at zero, and A₀ is added in each step instead. The
    steps are the same, and A₀ is a number like any other: one program serves every value.
    Departure from the paper: it has no A₀, and adds δ to the root, not ε below it.

    Args:
        learning_rate: α > 0, or a schedule. Default 0.001, as in Keras; 0.01 is usual.
        initial_accumulator_value: A₀ ≥ 0, in squared units of the gradient. Default 0.1,
            as in Keras.
        epsilon: ε > 0, in squared units of the gradient. Default 1e-7, as in Keras.
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

    hyperparameter_table = OPTIMIZERS["adagrad"].hyperparameters
    slot_names = ("accumulator",)

    def __init__(
        self,
        learning_rate: Any = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
        **arguments: Any,
    ) -> None:
        numbers = {"initial_accumulator_value": initial_accumulator_value, "epsilon": epsilon}
        super().__init__(learning_rate, numbers, **arguments)

    def rule(self, state: State, gradient: Tensor, hyperparameters: State) -> tuple[State, Tensor]:
        """Apply :func:`adagrad`."""
        return adagrad(state, gradient, hyperparameters)
