"""Lion: the sign of a momentum, found by a search over programs."""

from typing import Any

import keras
from keras import ops

from benchmark.optimizers.base import Optimizer
from benchmark.optimizers.registry import OPTIMIZERS
from benchmark.optimizers.tensors import State, Tensor


def lion(state: State, gradient: Tensor, hyperparameters: State) -> tuple[State, Tensor]:
    """Return the new momentum m and the update α·sign(β₁ m + (1 − β₁) g) of Lion.

    Args:
        state: ``momentum`` m.
        gradient: g.
        hyperparameters: ``learning_rate`` α, ``beta_1``, ``beta_2``.
    """
    momentum = state["momentum"]
    ahead = momentum + (1 - hyperparameters["beta_1"]) * (gradient - momentum)
    kept = momentum + (1 - hyperparameters["beta_2"]) * (gradient - momentum)
    return {"momentum": kept}, hyperparameters["learning_rate"] * ops.sign(ahead)


@keras.saving.register_keras_serializable(package="kappabench")
class Lion(Optimizer):
    """Lion, with the arguments, defaults and steps of Keras's ``Lion``.

        W ← W − α sign(β₁ m + (1 − β₁) g)        α = ``learning_rate``, β₁ = ``beta_1``
        m ← β₂ m + (1 − β₂) g                    β₂ = ``beta_2``

    Every weight moves by α at every step, so the weights come no nearer to a minimum than
    about α: a schedule that ends near zero matters more here than for Adam. A sign knows no
    rounding, so where β₁ m + (1 − β₁) g is nearly zero two orders of summation may differ
    by a whole 2 α.

    It keeps one number a weight. The paper's weight decay is the decoupled one of
    ``weight_decay``.

    Args:
        learning_rate: α > 0, in units of the weights, or a schedule. Default 0.001, as in
            Keras; the paper has 1e-4 and advises a third to a tenth of Adam's.
        beta_1: 0 < β₁ ≤ 1. Default 0.9, algorithm 2.
        beta_2: 0 ≤ β₂ < 1. Default 0.99, algorithm 2.
        arguments: clipping, ``weight_decay``, ``name`` and Keras's other arguments, see
            :class:`~benchmark.optimizers.base.Optimizer`.

    Raises:
        ValueError: a number is out of range, or two kinds of clipping are given.
        TypeError: a number is no number.

    Example:
        >>> import keras
        >>> weights = keras.Variable([1.0, -8.0])
        >>> Lion(learning_rate=0.25).apply([weights.value], [weights])
        >>> weights.numpy().tolist()
        [0.75, -7.75]

    References:
        Chen et al., Symbolic discovery of optimization algorithms, NeurIPS 2023.
    """

    hyperparameter_table = OPTIMIZERS["lion"].hyperparameters
    slot_names = ("momentum",)

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.99,
        **arguments: Any,
    ) -> None:
        super().__init__(learning_rate, {"beta_1": beta_1, "beta_2": beta_2}, **arguments)

    def rule(self, state: State, gradient: Tensor, hyperparameters: State) -> tuple[State, Tensor]:
        """Apply :func:`lion`."""
        return lion(state, gradient, hyperparameters)
