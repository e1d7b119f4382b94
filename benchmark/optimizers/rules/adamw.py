"""AdamW: Adam with weight decay beside the gradient, not in it."""

from typing import Any

import keras

from benchmark.optimizers.registry import OPTIMIZERS
from benchmark.optimizers.rules.adam import Adam


@keras.saving.register_keras_serializable(package="kappabench")
class AdamW(Adam):
    """AdamW, with the arguments, defaults and steps of Keras's ``AdamW``.

        W ← W − α λ W                       α = ``learning_rate``, λ = ``weight_decay``
        W ← W − αₜ m / (√v + ε)             :class:`~benchmark.optimizers.rules.adam.Adam`'s step

    The decay shortens every weight by the same share. An L2 penalty in the loss would reach
    W through m / √v instead, and spare the weights whose gradients are large.

    Keeps two numbers a weight, m and v; three with ``amsgrad``.

    Departures from Keras: those of :class:`~benchmark.optimizers.rules.adam.Adam`; and the decay
    is a number like any other, which may be set to 0. Departures from the paper: its
    algorithm 2 multiplies λ by the schedule ηₜ but not by α, so that its λ is αλ here; and
    it adds ε after the bias correction.

    Args:
        learning_rate: α > 0, or a schedule. Default 0.001, the paper's and Keras's.
        weight_decay: λ ≥ 0, a share of the weight for a learning rate of 1. Default
            0.004, as in Keras.
        beta_1: 0 ≤ β₁ < 1. Default 0.9, the paper's.
        beta_2: 0 ≤ β₂ < 1. Default 0.999, the paper's.
        epsilon: ε > 0, in units of the gradient. Default 1e-7, as in Keras; the paper
            has 1e-8.
        amsgrad: whether v is replaced by its largest value so far (structural).
        arguments: clipping, ``name`` and Keras's other arguments, see
            :class:`~benchmark.optimizers.base.Optimizer`.

    Raises:
        ValueError: a number is out of range, ``weight_decay`` is ``None``, or two kinds of
            clipping are given.
        TypeError: a number is no number.

    Example:
        >>> import keras
        >>> weights = keras.Variable([1.0])
        >>> optimizer = AdamW(learning_rate=0.1, weight_decay=0.5)
        >>> optimizer.apply([weights.value], [weights])
        >>> round(float(weights[0]), 4)     # 1 − 0.1 · 0.5, then a step of length 0.1
        0.85

    References:
        Loshchilov, Hutter, Decoupled weight decay regularization, ICLR 2019.
    """

    hyperparameter_table = OPTIMIZERS["adamw"].hyperparameters

    def __init__(
        self,
        learning_rate: Any = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **arguments: Any,
    ) -> None:
        if weight_decay is None:
            raise ValueError(
                "weight_decay must be >= 0. Received None. Give for instance 0.004, or take Adam."
            )
        super().__init__(
            learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay=weight_decay, **arguments
        )
