"""AdaDelta: steps in the units of the weights, from running means of gradients and steps."""

from typing import Any

import keras
from keras import ops

from benchmark.optimizers.base import Optimizer
from benchmark.optimizers.moments import running_mean
from benchmark.optimizers.registry import OPTIMIZERS
from benchmark.optimizers.tensors import State, Tensor


def adadelta(state: State, gradient: Tensor, hyperparameters: State) -> tuple[State, Tensor]:
    """Return the new means v, d and the update α Δ with Δ = √(d + ε) / √(v + ε) · g.

    Args:
        state: ``second_moment`` v of the gradients, ``squared_update`` d of the Δ before.
        gradient: g.
        hyperparameters: ``learning_rate`` α, ``rho`` and ``epsilon`` ε.
    """
    rho, epsilon = hyperparameters["rho"], hyperparameters["epsilon"]
    second = running_mean(state["second_moment"], ops.square(gradient), rho)
    step = ops.sqrt((state["squared_update"] + epsilon) / (second + epsilon)) * gradient
    squared_update = running_mean(state["squared_update"], ops.square(step), rho)
    slots = {"second_moment": second, "squared_update": squared_update}
    return slots, hyperparameters["learning_rate"] * step


@keras.saving.register_keras_serializable(package="kappabench")
class Adadelta(Optimizer):
    """AdaDelta, with the arguments, defaults and steps of Keras's ``Adadelta``.

        v ← ρ v + (1 − ρ) g²                ρ = ``rho``
        Δ = √(d + ε) / √(v + ε) · g         ε = ``epsilon``
        d ← ρ d + (1 − ρ) Δ²
        W ← W − α Δ                         α = ``learning_rate``

    Δ has the units of the weights, so the paper needs no learning rate: its α is 1. The
    first steps have about the length √(ε / (1 − ρ)), and grow from there.

    Keeps two numbers a weight, v and d.

    Departures from Keras: none but rounding.

    Args:
        learning_rate: α > 0, or a schedule. Default 0.001, as in Keras; a thousandth of
            the paper's.
        rho: 0 ≤ ρ < 1. Default 0.95, as in Keras and in the paper's section 4.1.
        epsilon: ε > 0, added to squared gradients and to squared steps. Default 1e-7, as
            in Keras; the paper has 1e-6.
        arguments: clipping, ``weight_decay``, ``name`` and Keras's other arguments, see
            :class:`~benchmark.optimizers.base.Optimizer`.

    Raises:
        ValueError: a number is out of range, or two kinds of clipping are given.
        TypeError: a number is no number.

    Example:
        >>> import keras
        >>> weights = keras.Variable([1.0])
        >>> optimizer = Adadelta(learning_rate=1.0, rho=0.75, epsilon=0.01)
        >>> optimizer.apply([weights.value], [weights])     # 1 − 0.1 / √(0.25 + 0.01)
        >>> round(float(weights[0]), 4)
        0.8039

    References:
        Zeiler, ADADELTA: an adaptive learning rate method, arXiv:1212.5701, 2012,
        algorithm 1.
    """

    hyperparameter_table = OPTIMIZERS["adadelta"].hyperparameters
    slot_names = ("second_moment", "squared_update")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.95,
        epsilon: float = 1e-7,
        **arguments: Any,
    ) -> None:
        super().__init__(learning_rate, {"rho": rho, "epsilon": epsilon}, **arguments)

    def rule(self, state: State, gradient: Tensor, hyperparameters: State) -> tuple[State, Tensor]:
        """Apply :func:`adadelta`."""
        return adadelta(state, gradient, hyperparameters)
