"""AdaDelta: steps in the units of the weights, from running means of gradients and steps."""

import keras
import numpy as np
from keras import ops

from benchmark.optimizers.base import Optimizer
from benchmark.optimizers.entry import OptimizerEntry
from benchmark.optimizers.rule_parts import running_mean
from benchmark.optimizers.shared_hyperparameters import adam_rate, decay_rate, small_number
from benchmark.optimizers.stability import Snapshot, Stability, Stepping, scaled_descent
from benchmark.optimizers.tensors import State, Tensor


def stepping(at: Snapshot) -> Stepping:
    """Return the stepping of η g √(d + ε) / √(v + ε), with the d of the next step."""
    epsilon = at.numbers["epsilon"]
    ratio = np.sqrt((at.flat("second_moment") + epsilon) / (at.flat("squared_update") + epsilon))
    return scaled_descent(at, ratio, "√(v + ε)/√(d + ε)")


ENTRY = OptimizerEntry(
    summary="steps in the units of the weights, from running means of gradients and steps",
    hyperparameters={
        "learning_rate": adam_rate(0.001, "keras.optimizers.Adadelta (the paper's is 1)"),
        "rho": decay_rate(0.95, "Zeiler 2012, ADADELTA, section 4.1"),
        "epsilon": small_number(1e-7, "keras.optimizers.Adadelta"),
    },
    advice="Start with learning_rate = 1, for which it was designed, and epsilon = 1e-6 (Zeiler "
    "2012)",
    stability=Stability(stepping, "2", "√(v + ε) / √(d + ε)"),
)


def adadelta(state: State, gradient: Tensor, hyperparameters: State) -> tuple[State, Tensor]:
    """Return the new means v, d and the update η Δ with Δ = √(d + ε) / √(v + ε) · g.

    Args:
        state: ``second_moment`` v of the gradients, ``squared_update`` d of the Δ before.
        gradient: g.
        hyperparameters: ``learning_rate`` η, ``rho`` and ``epsilon`` ε.
    """
    rho, epsilon = hyperparameters["rho"], hyperparameters["epsilon"]
    second = running_mean(state["second_moment"], ops.square(gradient), rho)
    step = ops.sqrt((state["squared_update"] + epsilon) / (second + epsilon)) * gradient
    squared_update = running_mean(state["squared_update"], ops.square(step), rho)
    new_state = {"second_moment": second, "squared_update": squared_update}
    return new_state, hyperparameters["learning_rate"] * step


@keras.saving.register_keras_serializable(package="kappabench")
class Adadelta(Optimizer):
    """AdaDelta, with the arguments, defaults and steps of Keras's ``Adadelta``.

        v ← ρ v + (1 − ρ) g²                ρ = ``rho``
        Δ = √(d + ε) / √(v + ε) · g         ε = ``epsilon``
        d ← ρ d + (1 − ρ) Δ²
        W ← W − η Δ                         η = ``learning_rate``

    Δ has the units of the weights, so the paper needs no learning rate: its η is 1. The
    first steps have about the length √(ε / (1 − ρ)), and grow from there.

    Stores two numbers per weight, v and d.

    Departures from Keras: none but rounding.

    Args:
        epsilon: added to squared gradients and to squared steps; the paper has 1e-6.
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

    entry = ENTRY
    state_names = ("second_moment", "squared_update")

    def rule(self, state: State, gradient: Tensor, hyperparameters: State) -> tuple[State, Tensor]:
        """Apply :func:`adadelta`."""
        return adadelta(state, gradient, hyperparameters)
