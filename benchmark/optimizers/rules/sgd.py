"""Stochastic gradient descent, with Keras's arguments."""

from dataclasses import replace
from typing import Any

import keras

from benchmark.optimizers.base import Optimizer
from benchmark.optimizers.entry import OptimizerEntry
from benchmark.optimizers.rules.gradient_descent import gradient_descent
from benchmark.optimizers.rules.momentum import heavy_ball
from benchmark.optimizers.rules.nesterov import accelerated
from benchmark.optimizers.shared_hyperparameters import CONVENTIONAL_RATE, MOMENTUM
from benchmark.optimizers.stability import Stability, descent
from benchmark.optimizers.tensors import State, Tensor

ENTRY = OptimizerEntry(
    summary="W ← W − learning_rate · g, with the gradient g of a mini-batch",
    hyperparameters={"learning_rate": CONVENTIONAL_RATE},
    advice="Tune the learning rate before anything else, on a logarithmic scale (Goodfellow, "
    "Bengio, Courville 2016, Deep Learning, section 11.4.1)",
    stability=Stability(descent, "2", needs_state=False, is_of_hessian=True),
)


# Open at zero, where Keras has no velocity; closed at one, as in Keras.
_MOMENTUM = replace(MOMENTUM, low_included=False, high_included=True)

_TABLE = {**ENTRY.hyperparameters, "momentum": _MOMENTUM}


@keras.saving.register_keras_serializable(package="kappabench")
class SGD(Optimizer):
    """Stochastic gradient descent: the arguments, defaults and steps of Keras's ``SGD``.

        W ← W − η g          η = ``learning_rate``, g the gradient of a mini-batch

    With ``momentum`` β > 0 it takes the steps of
    :class:`~benchmark.optimizers.rules.momentum.Momentum`, with ``nesterov`` besides those of
    :class:`~benchmark.optimizers.rules.nesterov.Nesterov`.

    As in Keras, whether there is momentum is structural: ``momentum=0`` at construction
    means no velocity and no such hyperparameter. Departures: a momentum that is there
    can be set to any value in (0, 1] but not to 0, where a saved model would lose its
    velocity; and the velocity has the other sign. A search over β from 0 on takes
    ``Momentum``.

    Stores nothing; with momentum one number per weight.

    Args:
        momentum: β, 0 ≤ β ≤ 1. Default 0, as in Keras.
        nesterov: whether the momentum, if any, is Nesterov's.
        arguments: clipping, ``weight_decay``, ``name`` and Keras's other arguments, see
            :class:`~benchmark.optimizers.base.Optimizer`.

    Raises:
        ValueError: a number is out of range, or two kinds of clipping are given.
        TypeError: a number is no number.

    Example:
        >>> import keras
        >>> weights = keras.Variable([1.0])
        >>> SGD(learning_rate=0.25).apply([weights.value], [weights])
        >>> float(weights[0])
        0.75

    References:
        Robbins, Monro, A stochastic approximation method, 1951.
        Bottou, Curtis, Nocedal, Optimization methods for large-scale machine learning,
        SIAM Review 2018, section 4.
    """

    entry = ENTRY
    hyperparameter_table = _TABLE

    def __init__(
        self,
        learning_rate: Any = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        **arguments: Any,
    ) -> None:
        is_absent = momentum == 0
        super().__init__(learning_rate, {} if is_absent else {"momentum": momentum}, **arguments)
        self.nesterov = bool(nesterov)
        self.state_names = () if is_absent else ("velocity",)

    def rule(self, state: State, gradient: Tensor, hyperparameters: State) -> tuple[State, Tensor]:
        """Apply the rule of the structure chosen at construction."""
        if not self.state_names:
            return gradient_descent(state, gradient, hyperparameters)
        chosen = accelerated if self.nesterov else heavy_ball
        return chosen(state, gradient, hyperparameters)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments as plain values."""
        return {"momentum": 0.0, **super().get_config(), "nesterov": self.nesterov}
