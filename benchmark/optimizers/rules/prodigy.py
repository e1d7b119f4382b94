"""Prodigy: Adam with an estimate of the distance to the solution for a learning rate."""

from dataclasses import replace
from typing import Any

import keras
import numpy as np
from keras import ops

from benchmark.optimizers.base import Optimizer
from benchmark.optimizers.entry import OptimizerEntry
from benchmark.optimizers.hyperparameter import Hyperparameter
from benchmark.optimizers.rule_parts import (
    absolute_sum,
    beginning,
    begun,
    in_type_of,
    inner_product,
    with_decay,
)
from benchmark.optimizers.shared_hyperparameters import ADAM, PAPER_EPSILON, UNIT_RATE
from benchmark.optimizers.stability import (
    RUNNING_MEAN,
    MomentumRecurrence,
    Snapshot,
    Stability,
    Stepping,
    diagonal,
    held_fixed,
)
from benchmark.optimizers.tensors import State, Tensor, number_dtype

_PRODIGY = "Mishchenko, Defazio 2024, Prodigy"


def stepping(at: Snapshot) -> Stepping:
    """Return the stepping of γ d m / (√v + d ε): Adam without correction, of the rate γ d."""
    distance, beta_1 = at.number("distance"), at.numbers["beta_1"]
    rate = at.learning_rate * distance
    root = np.sqrt(at.flat("second_moment")) / distance + at.numbers["epsilon"]
    recurrence = MomentumRecurrence(beta_1, 1 - beta_1, decay=at.decay(rate))
    note = f"{held_fixed('√v/d + ε')} η = γ·d = {rate:.3g}, with the present estimate d."
    return Stepping(recurrence, rate, diagonal(root), note=note)


ENTRY = OptimizerEntry(
    summary="Adam whose learning rate is an estimate of the distance to the solution",
    hyperparameters={
        "learning_rate": UNIT_RATE,
        "beta_1": replace(ADAM["beta_1"], source=f"default: {_PRODIGY}; space: adam's"),
        "beta_2": replace(ADAM["beta_2"], source=f"default: {_PRODIGY}; space: adam's"),
        "epsilon": PAPER_EPSILON,
        "initial_distance": Hyperparameter(
            default=1e-6,
            low=0.0,
            space={"low": 1e-8, "high": 1e-2, "log": True},
            source=f"default: {_PRODIGY}; space: our choice, below any distance to go",
        ),
        "distance_coefficient": Hyperparameter(
            default=1.0,
            low=0.0,
            space={"low": 0.5, "high": 2.0, "log": True},
            source="default and space: the authors' code, which names 0.5 and 2",
        ),
    },
    advice="Use learning_rate = 1, in its own table if search.common sets another; tune "
    f"distance_coefficient first ({_PRODIGY}, the authors' code)",
    stability=Stability(stepping, RUNNING_MEAN, "√v / d + ε", "γ d"),
)


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
    new_state = {
        "first_moment": first,
        "second_moment": second,
        "gradient_sum": total,
        "initial_weights": beginning(state),
        **begun(state),
    }
    return new_state, rate * distance * with_decay(direction, state, hyperparameters)


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

    Stores four numbers per weight.

    Args:
        epsilon: in units of the gradient.
        initial_distance: in units of the weights.
        distance_coefficient: the authors advise to tune it before anything else.
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

    entry = ENTRY
    state_names = ("first_moment", "second_moment", "gradient_sum", "initial_weights")
    knows_first_gradient = True
    is_elementwise = False  # one step size for all variables
    decays_in_rule = True

    @property
    def distance(self) -> Any:
        """The variable with d of the last step."""
        return self._shared["distance"]

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
        quotient = numbers["correlation"] / ops.where(norm > 0, norm, 1.0)
        estimate = ops.where(norm > 0, numbers["distance_coefficient"] * quotient, 0.0)
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
