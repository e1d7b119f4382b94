"""DoG: distance over gradients, a step size without a learning rate."""

from dataclasses import replace

import keras
import numpy as np
from keras import ops

from benchmark.optimizers.averaging import Averaging, interpolated, polynomial_share
from benchmark.optimizers.clipping import global_norm
from benchmark.optimizers.entry import OptimizerEntry
from benchmark.optimizers.hyperparameter import Hyperparameter
from benchmark.optimizers.rule_parts import (
    beginning,
    begun,
    in_type_of,
    inner_product,
    with_decay,
)
from benchmark.optimizers.shared_hyperparameters import AVERAGING_POWER, PAPER_EPSILON, UNIT_RATE
from benchmark.optimizers.stability import (
    AT_THE_AVERAGE,
    MomentumRecurrence,
    Snapshot,
    Stability,
    Stepping,
)
from benchmark.optimizers.tensors import State, Tensor, number_dtype

_DOG = "Ivgi, Hinder, Carmon 2023, DoG is SGD's Best Friend"


def stepping(at: Snapshot) -> Stepping:
    """Return the stepping of W ← W − η r / √(G + ε) g, with the present r and G."""
    squares = at.number("squared_gradients") + at.numbers["epsilon"]
    rate = at.learning_rate * at.number("distance") / np.sqrt(squares)
    return Stepping(
        MomentumRecurrence(decay=at.decay(rate)),
        float(rate),
        note=f"η = {rate:.3g} is the step size that DoG found last. {AT_THE_AVERAGE}",
    )


ENTRY = OptimizerEntry(
    summary="SGD whose learning rate is the distance moved over the root of all squared gradients",
    hyperparameters={
        "learning_rate": UNIT_RATE,
        "initial_movement": Hyperparameter(
            default=1e-6,
            low=0.0,
            space={"low": 1e-8, "high": 1e-2, "log": True},
            source=f"default: {_DOG}; space: our choice, around it and the 1e-4 advised with "
            "batch normalization",
        ),
        "epsilon": PAPER_EPSILON,
        "averaging_power": replace(
            AVERAGING_POWER,
            default=8.0,
            source=f"default: {_DOG}, section 4; space: up to twice that",
        ),
    },
    advice="Use learning_rate = 1, in its own table if search.common sets another, and "
    f"initial_movement = 1e-4 with batch normalization ({_DOG}, section 4)",
    stability=Stability(stepping, "2", rate="η r / √(G + ε)"),
)


@keras.saving.register_keras_serializable(package="kappabench")
class DoG(Averaging):
    """Distance over gradients: SGD whose step size is found while it walks.

        r ← max(r, ‖W − W₀‖)                  r begins at r_ε (1 + ‖W₀‖)
        G ← G + ‖g‖²                          over all variables together
        ηₜ = η r / √(G + ε)                   η = ``learning_rate``, ε = ``epsilon``
        W ← W − ηₜ g

    with r_ε = ``initial_movement``, small enough that the first steps do no harm; the
    farther the weights get from their start W₀, the longer steps become. η is a factor that
    the authors advise to leave at 1. There is no decay of ηₜ, so that averaging is, in their
    words, crucial: the model is evaluated at the average of W with the share
    (p + 1) / (t + p) of the newest, p = ``averaging_power``, see
    :class:`~benchmark.optimizers.averaging.Averaging`.

    Departure from the authors' code: weight decay is decoupled, W ← W − ηₜ (g + λ W), and
    takes no part in G. Stores two numbers per weight.

    Args:
        initial_movement: a share of 1 + ‖W₀‖.
        epsilon: in units of squared gradients.
        arguments: clipping, ``weight_decay``, ``name`` and Keras's other arguments, see
            :class:`~benchmark.optimizers.base.Optimizer`.

    Raises:
        ValueError: a number is out of range, or two kinds of clipping are given.
        TypeError: a number is no number.

    Example:
        >>> import keras
        >>> weights = keras.Variable([3.0])
        >>> optimizer = DoG(initial_movement=0.25)
        >>> optimizer.apply([weights.value], [weights])     # r = 0.25 (1 + 3), G = 9
        >>> round(float(weights[0]), 4)
        2.0

    References:
        Ivgi, Hinder, Carmon, DoG is SGD's best friend: a parameter-free dynamic step size
        schedule, ICML 2023.
    """

    entry = ENTRY
    state_names = ("displacement", "initial_weights")
    knows_first_gradient = True
    is_elementwise = False  # one step size for all variables

    def initial_shared(self) -> State:
        """Return the state before the first step: no way made, no gradient seen."""
        # One tensor each: JAX may reuse the memory of a variable's value only once.
        names = ("distance", "squared_gradients")
        return {name: ops.zeros((), dtype=number_dtype()) for name in names}

    def shared_rule(
        self,
        shared: State,
        states: list[State],
        gradients: list[Tensor],
        hyperparameters: State,
    ) -> State:
        """Measure the distance from the start, and add the squared gradients."""
        numbers = in_type_of(gradients, {**hyperparameters, **shared})
        weights = [state["weights"] for state in states]
        ways = [now - beginning(state) for now, state in zip(weights, states, strict=True)]
        first = numbers["initial_movement"] * (1 + global_norm(weights))
        farthest = ops.maximum(numbers["distance"], global_norm(ways))
        squares = inner_product(gradients, gradients)
        return {
            "distance": ops.where(states[0]["step"] == 1, first, farthest),
            "squared_gradients": numbers["squared_gradients"] + squares,
        }

    def rule(self, state: State, gradient: Tensor, hyperparameters: State) -> tuple[State, Tensor]:
        """Make the step, and average."""
        dtype = gradient.dtype
        distance, squares = (
            ops.cast(state[name], dtype) for name in ("distance", "squared_gradients")
        )
        size = hyperparameters["learning_rate"] * distance
        size = size / ops.sqrt(squares + hyperparameters["epsilon"])
        displacement, update = interpolated(
            state["displacement"],
            size * with_decay(gradient, state, hyperparameters),
            polynomial_share(state["step"], hyperparameters["averaging_power"]),
            0.0,
        )
        new_state = {"displacement": displacement, "initial_weights": beginning(state)}
        return {**new_state, **begun(state)}, update
