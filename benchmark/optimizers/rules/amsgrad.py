"""AMSGrad: Adam whose steps per weight never grow again."""

from typing import Any

import keras

from benchmark.optimizers.registry import OPTIMIZERS
from benchmark.optimizers.rules.adam import Adam


@keras.saving.register_keras_serializable(package="kappabench")
class AMSGrad(Adam):
    """AMSGrad: :class:`~benchmark.optimizers.rules.adam.Adam` with ``amsgrad=True``.

        m ← β₁ m + (1 − β₁) g               β₁ = ``beta_1``
        v ← β₂ v + (1 − β₂) g²              β₂ = ``beta_2``
        u ← max(u, v)
        W ← W − αₜ m / (√u + ε)             ε = ``epsilon``, αₜ as in Adam

    With v in place of u Adam forgets a large gradient after some 1 / (1 − β₂) steps, and
    may then take long steps in the wrong direction, even on convex problems.

    Keeps three numbers a weight: m, v and u.

    Departure from the paper: algorithm 2 has neither bias correction nor ε; Keras's
    ``Adam(amsgrad=True)`` has both, and takes these steps.

    Args:
        learning_rate: α > 0, or a schedule. Default 0.001, as in Keras.
        beta_1: 0 ≤ β₁ < 1. Default 0.9, the paper's.
        beta_2: 0 ≤ β₂ < 1. Default 0.999; the paper tries 0.99 and 0.999.
        epsilon: ε > 0, in units of the gradient. Default 1e-7, as in Keras.
        arguments: clipping, ``weight_decay``, ``name`` and Keras's other arguments, see
            :class:`~benchmark.optimizers.base.Optimizer`.

    Raises:
        ValueError: a number is out of range, or two kinds of clipping are given.
        TypeError: a number is no number.

    Example:
        >>> import keras
        >>> weights = keras.Variable([1.0])
        >>> AMSGrad(learning_rate=0.1).apply([weights.value], [weights])
        >>> round(float(weights[0]), 4)     # the first step has length α
        0.9

    References:
        Reddi, Kale, Kumar, On the convergence of Adam and beyond, ICLR 2018.
    """

    hyperparameter_table = OPTIMIZERS["amsgrad"].hyperparameters

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **arguments: Any,
    ) -> None:
        super().__init__(learning_rate, beta_1, beta_2, epsilon, amsgrad=True, **arguments)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments as plain values."""
        config = super().get_config()
        del config["amsgrad"]
        return config
