"""Adam: a step per weight from running means of the gradient and of its square."""

import keras
from keras import ops

from benchmark.optimizers.base import Optimizer
from benchmark.optimizers.entry import OptimizerEntry
from benchmark.optimizers.rule_parts import corrected_update, first_and_second
from benchmark.optimizers.shared_hyperparameters import ADAM
from benchmark.optimizers.stability import ADAM_ROOT, RUNNING_MEAN, Stability, adam_steps
from benchmark.optimizers.tensors import State, Tensor, zeros

ENTRY = OptimizerEntry(
    summary="a step per weight, scaled by running means of the gradient and of its square",
    hyperparameters=ADAM,
    options={"amsgrad": False},
    advice="Start with the defaults, and search learning_rate first (Kingma, Ba 2015, algorithm 1)",
    stability=Stability(adam_steps, RUNNING_MEAN, f"{ADAM_ROOT}; the largest v with `amsgrad`"),
)


def adam(state: State, gradient: Tensor, hyperparameters: State) -> tuple[State, Tensor]:
    """Return the new moments m, v and the update ηₜ·m / (√v + ε) of Adam.

    Args:
        state: ``first_moment`` m, ``second_moment`` v, and ``step`` t from 1.
        gradient: g.
        hyperparameters: ``learning_rate`` η, ``beta_1``, ``beta_2``, ``epsilon`` ε.
    """
    moments = first_and_second(state, gradient, hyperparameters)
    first, second = moments["first_moment"], moments["second_moment"]
    return moments, corrected_update(first, second, state["step"], hyperparameters)


def amsgrad(state: State, gradient: Tensor, hyperparameters: State) -> tuple[State, Tensor]:
    """Return :func:`adam` with the largest v so far, ``largest_second_moment``, for v."""
    moments = first_and_second(state, gradient, hyperparameters)
    largest = ops.maximum(state["largest_second_moment"], moments["second_moment"])
    first = moments["first_moment"]
    update = corrected_update(first, largest, state["step"], hyperparameters)
    return {**moments, "largest_second_moment": largest}, update


@keras.saving.register_keras_serializable(package="kappabench")
class Adam(Optimizer):
    """Adam, with the arguments, defaults and steps of Keras's ``Adam``.

        m ← β₁ m + (1 − β₁) g               β₁ = ``beta_1``
        v ← β₂ v + (1 − β₂) g²              β₂ = ``beta_2``
        ηₜ = η √(1 − β₂ᵗ) / (1 − β₁ᵗ)        η = ``learning_rate``, t = 1, 2, …
        W ← W − ηₜ m / (√v + ε)              ε = ``epsilon``

    This is the second form of the paper (the note before section 2.1), which Keras and
    scikit-learn use. Algorithm 1 adds ε after the bias correction; that ε is
    ε / √(1 − β₂ᵗ) in the letters used here, larger during the first steps.

    Departure from Keras: 1 − β is computed from the stored β, where Keras takes it from
    the Python float. In float32 the two differ by 5e-5 of the second moment at t = 1 for
    β₂ = 0.999; here bias correction and mean agree with each other.

    Stores two numbers per weight, m and v; three with ``amsgrad``.

    Args:
        epsilon: in units of the gradient.
        amsgrad: whether v is replaced by its largest value so far.
        arguments: clipping, ``weight_decay``, ``name`` and Keras's other arguments, see
            :class:`~benchmark.optimizers.base.Optimizer`.

    Raises:
        ValueError: a number is out of range, or two kinds of clipping are given.
        TypeError: a number is no number.

    Example:
        >>> import keras
        >>> weights = keras.Variable([1.0])
        >>> Adam(learning_rate=0.1).apply([weights.value], [weights])
        >>> round(float(weights[0]), 4)     # the first step has length η
        0.9

    References:
        Kingma, Ba, Adam: a method for stochastic optimization, ICLR 2015.
        Reddi, Kale, Kumar, On the convergence of Adam and beyond, ICLR 2018 (AMSGrad).
    """

    entry = ENTRY
    state_names = ("first_moment", "second_moment")
    amsgrad: bool
    """Whether v is replaced by its largest value so far."""

    def initial_state(self, weights: Tensor) -> State:
        """Return the moments before the first step, and the largest v where it is used."""
        largest = ("largest_second_moment",) if self.amsgrad else ()
        return zeros((*self.state_names, *largest), weights)

    def rule(self, state: State, gradient: Tensor, hyperparameters: State) -> tuple[State, Tensor]:
        """Apply :func:`adam` or :func:`amsgrad`."""
        chosen = amsgrad if self.amsgrad else adam
        return chosen(state, gradient, hyperparameters)
