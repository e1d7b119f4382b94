"""DoG: distance over gradients, a step size without a learning rate."""

from typing import Any

import keras
from keras import ops

from benchmark.optimizers.averaging import Averaging, interpolated, polynomial_share
from benchmark.optimizers.clipping import global_norm
from benchmark.optimizers.products import in_type_of, inner_product
from benchmark.optimizers.registry import OPTIMIZERS
from benchmark.optimizers.steps import beginning, begun, not_begun, with_decay
from benchmark.optimizers.tensors import State, Tensor
from benchmark.optimizers.variables import number_dtype


@keras.saving.register_keras_serializable(package="kappabench")
class DoG(Averaging):
    """Distance over gradients: SGD whose step size is found while it walks.

        r ← max(r, ‖W − W₀‖)                  r begins at r_ε (1 + ‖W₀‖)
        G ← G + ‖g‖²                          over all variables together
        η = α r / √(G + ε)                    α = ``learning_rate``, ε = ``epsilon``
        W ← W − η g

    with r_ε = ``initial_movement``, small enough that the first steps do no harm; the
    farther the weights get from their start W₀, the longer steps become. α is a factor that
    the authors advise to leave at 1. There is no decay of η, so that averaging is, in their
    words, crucial: the model is evaluated at the average of W with the share
    (p + 1) / (t + p) of the newest, p = ``averaging_power``, see
    :class:`~benchmark.optimizers.averaging.Averaging`.

    Departure from the authors' code: weight decay is decoupled, W ← W − η (g + λ W), and
    takes no part in G. Keeps two numbers a weight.

    Args:
        learning_rate: α > 0, or a schedule. Default 1, as in the paper.
        initial_movement: r_ε > 0, a share of 1 + ‖W₀‖. Default 1e-6, as in the paper; the
            authors advise 1e-4 with batch normalization.
        epsilon: ε > 0, in units of squared gradients. Default 1e-8, as in the paper.
        averaging_power: p ≥ 0. Default 8, as in the paper, section 4.
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

    hyperparameter_table = OPTIMIZERS["dog"].hyperparameters
    slot_names = ("displacement", "initial_weights")
    is_elementwise = False  # one step size for all variables

    def __init__(
        self,
        learning_rate: Any = 1.0,
        initial_movement: float = 1e-6,
        epsilon: float = 1e-8,
        averaging_power: float = 8.0,
        **arguments: Any,
    ) -> None:
        numbers = {
            "initial_movement": initial_movement,
            "epsilon": epsilon,
            "averaging_power": averaging_power,
        }
        super().__init__(learning_rate, numbers, **arguments)

    def initial_slots(self, weights: Tensor) -> State:
        """Return the slots of one variable before its first gradient."""
        return {**super().initial_slots(weights), **not_begun(weights)}

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
        slots = {"displacement": displacement, "initial_weights": beginning(state)}
        return {**slots, **begun(state)}, update
