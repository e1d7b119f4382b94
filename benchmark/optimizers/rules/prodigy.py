"""Prodigy: Adam with an estimate of the distance to the solution for a learning rate."""

from typing import Any

import keras
from keras import ops

from benchmark.optimizers.base import Optimizer
from benchmark.optimizers.products import absolute_sum, in_type_of, inner_product
from benchmark.optimizers.registry import OPTIMIZERS
from benchmark.optimizers.steps import beginning, begun, not_begun, with_decay
from benchmark.optimizers.tensors import State, Tensor
from benchmark.optimizers.variables import number_dtype


def prodigy_adam(state: State, gradient: Tensor, hyperparameters: State) -> tuple[State, Tensor]:
    """Return the new m, v, s and the update γ·d·(m / (√v + d·ε) + λ·W).

    Args:
        state: ``first_moment`` m, ``second_moment`` v, ``gradient_sum`` s, ``distance`` d,
            ``weights`` W, ``initial_weights`` and ``begun``.
        gradient: g.
        hyperparameters: ``learning_rate`` γ, ``beta_1``, ``beta_2``, ``epsilon`` ε, and
            ``weight_decay`` λ where there is one.
    """
    rate, beta_1, beta_2 = (hyperparameters[name] for name in ("learning_rate", "beta_1", "beta_2"))
    distance = ops.cast(state["distance"], gradient.dtype)
    scaled, fading = distance * gradient, ops.sqrt(beta_2)
    first = beta_1 * state["first_moment"] + (1 - beta_1) * scaled
    second = beta_2 * state["second_moment"] + (1 - beta_2) * ops.square(scaled)
    total = fading * state["gradient_sum"] + (1 - fading) * rate * distance * scaled
    direction = first / (ops.sqrt(second) + distance * hyperparameters["epsilon"])
    slots = {
        "first_moment": first,
        "second_moment": second,
        "gradient_sum": total,
        "initial_weights": beginning(state),
        **begun(state),
    }
    return slots, rate * distance * with_decay(direction, state, hyperparameters)


@keras.saving.register_keras_serializable(package="kappabench")
class Prodigy(Optimizer):
    """Adam whose learning rate is an estimate d of the distance to the solution.

        m ← β₁ m + (1 − β₁) d g                   β₁ = ``beta_1``
        v ← β₂ v + (1 − β₂) d² g²                 β₂ = ``beta_2``
        r ← √β₂ r + (1 − √β₂) γ d² gᵀ(W₀ − W)     γ = ``learning_rate``
        s ← √β₂ s + (1 − √β₂) γ d² g
        W ← W − γ d m / (√v + d ε)                ε = ``epsilon``
        d ← max(d, c r / ‖s‖₁)                    c = ``distance_coefficient``

    d is one number for all variables, over which r and ‖s‖₁ are summed together; it begins
    at ``initial_distance``, which is too small, and grows as long as the gradients keep
    pointing the way that was gone. γ is best left at 1, or at a schedule from 1.

    ``distance`` is computed from r and s at the beginning of the next step, which is the
    same. Weight decay is decoupled and scaled as the step is, γ d λ W, as in the authors'
    code; where no gradient was seen yet (‖s‖₁ = 0), d stays. Departures from the authors'
    code: ε is multiplied with the d of the step, as in the paper, where the code takes the
    next one; bias correction, and the limit on the growth of d, are not offered.

    A step on some of the variables estimates d from these alone, and r remembers the others:
    let every variable take part in every step.

    Keeps four numbers a weight.

    Args:
        learning_rate: γ > 0, or a schedule. Default 1, as in the paper.
        beta_1: 0 ≤ β₁ < 1. Default 0.9, as in the paper.
        beta_2: 0 ≤ β₂ < 1. Default 0.999, as in the paper.
        epsilon: ε > 0, in units of the gradient. Default 1e-8, as in the paper.
        initial_distance: d₀ > 0, in units of the weights. Default 1e-6, as in the paper.
        distance_coefficient: c > 0; the authors advise to tune it before anything else.
            Default 1, as in the authors' code.
        arguments: clipping, ``weight_decay``, ``name`` and Keras's other arguments, see
            :class:`~benchmark.optimizers.base.Optimizer`.

    Raises:
        ValueError: a number is out of range, or two kinds of clipping are given.
        TypeError: a number is no number.

    Example:
        >>> import keras
        >>> weights = keras.Variable([1.0])
        >>> optimizer = Prodigy(initial_distance=0.01)
        >>> for _ in range(100):
        ...     optimizer.apply([weights.value], [weights])     # J = W²/2
        >>> abs(float(weights[0])) < 0.1, 0.01 < float(optimizer.distance.value) < 1
        (True, True)

    References:
        Mishchenko, Defazio, Prodigy: an expeditiously adaptive parameter-free learner,
        ICML 2024, algorithm 4.
    """

    hyperparameter_table = OPTIMIZERS["prodigy"].hyperparameters
    slot_names = ("first_moment", "second_moment", "gradient_sum", "initial_weights")
    is_elementwise = False  # one step size for all variables
    decays_in_rule = True

    def __init__(
        self,
        learning_rate: Any = 1.0,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        initial_distance: float = 1e-6,
        distance_coefficient: float = 1.0,
        **arguments: Any,
    ) -> None:
        numbers = {
            "beta_1": beta_1,
            "beta_2": beta_2,
            "epsilon": epsilon,
            "initial_distance": initial_distance,
            "distance_coefficient": distance_coefficient,
        }
        super().__init__(learning_rate, numbers, **arguments)

    @property
    def distance(self) -> Any:
        """The variable with d of the last step."""
        return self._shared["distance"]

    def initial_slots(self, weights: Tensor) -> State:
        """Return the slots of one variable before its first gradient."""
        return {**super().initial_slots(weights), **not_begun(weights)}

    def initial_shared(self) -> State:
        """Return the state before the first step: nothing is known of the distance."""
        # One tensor each: JAX may reuse the memory of a variable's value only once.
        names = ("distance", "correlation")
        return {name: ops.zeros((), dtype=number_dtype()) for name in names}

    def shared_rule(
        self,
        shared: State,
        states: list[State],
        gradients: list[Tensor],
        hyperparameters: State,
    ) -> State:
        """Estimate d from the steps so far, and add the gradient's part to r."""
        numbers = in_type_of(gradients, {**hyperparameters, **shared})
        norm = absolute_sum([state["gradient_sum"] for state in states])
        found = numbers["correlation"] / ops.where(norm > 0, norm, 1.0)
        estimate = ops.where(norm > 0, numbers["distance_coefficient"] * found, 0.0)
        is_first = states[0]["step"] == 1
        known = ops.where(is_first, numbers["initial_distance"], numbers["distance"])
        distance = ops.maximum(known, estimate)
        ways = [beginning(state) - state["weights"] for state in states]
        fading = ops.sqrt(numbers["beta_2"])
        weight = (1 - fading) * numbers["learning_rate"] * ops.square(distance)
        correlation = fading * numbers["correlation"] + weight * inner_product(gradients, ways)
        return {"distance": distance, "correlation": correlation}

    def rule(self, state: State, gradient: Tensor, hyperparameters: State) -> tuple[State, Tensor]:
        """Apply :func:`prodigy_adam`."""
        return prodigy_adam(state, gradient, hyperparameters)
