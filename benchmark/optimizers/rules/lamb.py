"""LAMB: Adam's direction, with a length that is a share of the variable's own."""

from dataclasses import replace

import keras
from keras import ops

from benchmark.optimizers.base import Optimizer
from benchmark.optimizers.entry import OptimizerEntry
from benchmark.optimizers.rules.adam import adam
from benchmark.optimizers.shared_hyperparameters import ADAM, CROWDED_VALLEY
from benchmark.optimizers.tensors import State, Tensor

_LAMB = "You et al. 2020, Large Batch Optimization for Deep Learning"


ENTRY = OptimizerEntry(
    summary="Adam's direction; each variable's step is a share of its own norm",
    hyperparameters={
        **ADAM,
        "learning_rate": replace(
            ADAM["learning_rate"],
            source=f"default: keras.optimizers.Lamb; space: {CROWDED_VALLEY}",
        ),
    },
    advice=f"Double the batch, multiply the learning rate by √2, and warm up ({_LAMB}, section 4)",
    stability="{} has no limit of η·λmax: the length of each step is a share of the norm of the "
    "weights, however small the gradient is.",
)


def lamb(state: State, gradient: Tensor, hyperparameters: State) -> tuple[State, Tensor]:
    """Return the new moments m, v and the update η·(‖W‖ / ‖r‖)·r of LAMB.

    Args:
        state: ``first_moment`` m, ``second_moment`` v, ``weights`` W, ``step`` t from 1.
        gradient: g.
        hyperparameters: ``learning_rate`` η, ``beta_1``, ``beta_2``, ``epsilon`` ε.
    """
    moments, _ = adam(state, gradient, hyperparameters)
    first = moments["first_moment"] / (1 - ops.power(hyperparameters["beta_1"], state["step"]))
    second = moments["second_moment"] / (1 - ops.power(hyperparameters["beta_2"], state["step"]))
    ratio = first / (ops.sqrt(second) + hyperparameters["epsilon"])
    trust = trust_ratio(state["weights"], ratio)
    return moments, hyperparameters["learning_rate"] * trust * ratio


def trust_ratio(weights: Tensor, update: Tensor) -> Tensor:
    """Return ‖W‖ / ‖u‖ of a variable and its update, or 1 where either is zero.

    Example:
        >>> from keras import ops
        >>> weights, update = ops.convert_to_tensor([3.0, 4.0]), ops.convert_to_tensor([0.0, 2.0])
        >>> float(trust_ratio(weights, update)), float(trust_ratio(weights, 0 * update))
        (2.5, 1.0)
    """
    size, step = ops.sqrt(ops.sum(ops.square(weights))), ops.sqrt(ops.sum(ops.square(update)))
    usable = ops.logical_and(size > 0, step > 0)
    ones = ops.ones_like(size)
    return ops.where(usable, size / ops.where(step > 0, step, ones), ones)


@keras.saving.register_keras_serializable(package="kappabench")
class Lamb(Optimizer):
    """LAMB, with the arguments, defaults and steps of Keras's ``Lamb``.

        m ← β₁ m + (1 − β₁) g,  v ← β₂ v + (1 − β₂) g²      β₁ = ``beta_1``, β₂ = ``beta_2``
        r = m / (1 − β₁ᵗ) / (√(v / (1 − β₂ᵗ)) + ε)           ε = ``epsilon``, t = 1, 2, …
        W ← W − η (‖W‖ / ‖r‖) r                              η = ``learning_rate``

    The norms are Euclidean over one variable, a layer of the paper. Where W or r is zero the
    ratio is 1; so the first step of a bias that begins at zero is Adam's. It keeps two
    numbers a weight.

    Departures from the paper, which are Keras's: ``weight_decay`` is decoupled and comes
    before the step, where algorithm 2 adds λ W to r before its norm is taken; and φ, which
    may bound ‖W‖, is the identity. Departure from Keras: that of
    :class:`~benchmark.optimizers.rules.adam.Adam`.

    Args:
        learning_rate: the share of ‖W‖ that a step is long.
        epsilon: in units of the gradient; the paper has 1e-6.
        arguments: clipping, ``weight_decay``, ``name`` and Keras's other arguments, see
            :class:`~benchmark.optimizers.base.Optimizer`.

    Raises:
        ValueError: a number is out of range, or two kinds of clipping are given.
        TypeError: a number is no number.

    Example:
        >>> import keras
        >>> weights = keras.Variable([3.0, 4.0])
        >>> Lamb(learning_rate=0.1).apply([keras.ops.ones(2)], [weights])
        >>> weights.numpy().tolist()     # a step of length 0.1 · 5
        [2.6464, 3.6464]

    References:
        You et al., Large batch optimization for deep learning: training BERT in 76 minutes,
        ICLR 2020.
    """

    entry = ENTRY
    state_names = ("first_moment", "second_moment")
    is_elementwise = False

    def rule(self, state: State, gradient: Tensor, hyperparameters: State) -> tuple[State, Tensor]:
        """Apply :func:`lamb`."""
        return lamb(state, gradient, hyperparameters)
