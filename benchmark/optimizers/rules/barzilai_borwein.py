"""Barzilai–Borwein: gradient descent whose step size fits the curvature of the last step."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from benchmark.optimizers.base import Optimizer
from benchmark.optimizers.products import in_type_of, inner_product
from benchmark.optimizers.registry import OPTIMIZERS
from benchmark.optimizers.steps import begun, not_begun, with_decay
from benchmark.optimizers.tensors import State, Tensor
from benchmark.optimizers.variables import number_dtype


def secant_step_size(
    moves: Sequence[Tensor], changes: Sequence[Tensor], otherwise: Tensor, *, short: bool
) -> Tensor:
    """Return the step size that fits a secant, sᵀs / sᵀy or sᵀy / yᵀy.

    Args:
        moves: s, the last change of the weights, a tensor for each variable.
        changes: y, the last change of the gradients.
        otherwise: is returned where the curvature along s, sᵀy / sᵀs, is not positive.
        short: whether it is sᵀy / yᵀy, which is never the longer one.

    Example:
        >>> from keras import ops
        >>> s, y = [ops.array([1.0, 1.0])], [ops.array([1.0, 3.0])]
        >>> [float(secant_step_size(s, y, 0.0, short=short)) for short in (False, True)]
        [0.5, 0.4]
    """
    product = inner_product(moves, changes)
    numerator = product if short else inner_product(moves, moves)
    denominator = inner_product(changes, changes) if short else product
    # Both: the smaller of two tiny products may have been rounded to zero.
    is_convex = ops.logical_and(product > 0, denominator > 0)
    return ops.where(is_convex, numerator / ops.where(is_convex, denominator, 1.0), otherwise)


@keras.saving.register_keras_serializable(package="kappabench")
class BarzilaiBorwein(Optimizer):
    """Gradient descent whose step size fits the curvature along the last step.

        s = Wₜ − Wₜ₋₁,  y = gₜ − gₜ₋₁         over all variables together
        α = sᵀs / sᵀy                         the long step, or
        α = sᵀy / yᵀy                         the short step, with ``short_step``
        W ← W − α g

    The long step solves s ≈ α y for 1 / α, the short one for α, by least squares: a secant
    method with a multiple of the identity for the Hessian. On a quadratic 1 / α is an average
    of the Hessian's eigenvalues; the loss need not fall in every step, and falls much faster
    over many of them than with any constant α.

    Safeguards, which the paper does without: where sᵀy is not positive, which is where the
    curvature along s is not, or where the weights rest, α stays as it was; and it is held
    between ``minimum_step_size`` and ``maximum_step_size`` (the latter where they cross).

    The method is defined for the full gradient: give ``fit`` a ``batch_size`` of the whole
    training set. Of mini-batches y is mostly noise. ``learning_rate`` is α of the first step
    alone, so a schedule changes nothing else. g and y are taken after clipping. Weight decay
    is decoupled, α λ W, and takes no part in y. Keeps two numbers a weight.

    Args:
        learning_rate: α > 0 of the first step, or a schedule. Default 0.01, as in
            ``keras.optimizers.SGD``.
        minimum_step_size: > 0. Default 1e-10, as in Raydan's method.
        maximum_step_size: > 0. Default 1e10, as in Raydan's method.
        short_step: which of the two steps (structural). Default ``False``, the long one, as
            in Raydan's method.
        arguments: clipping, ``weight_decay``, ``name`` and Keras's other arguments, see
            :class:`~benchmark.optimizers.base.Optimizer`.

    Raises:
        ValueError: a number is out of range, or two kinds of clipping are given.
        TypeError: a number is no number.

    Example:
        >>> import keras
        >>> weights = keras.Variable([4.0])
        >>> optimizer = BarzilaiBorwein(learning_rate=0.125)
        >>> for _ in range(2):
        ...     optimizer.apply([weights.value], [weights])     # J = W²/2: W = 3.5, then 0
        >>> float(weights[0]), float(optimizer.step_size.value)
        (0.0, 1.0)

    References:
        Barzilai, Borwein, Two-point step size gradient methods, IMA J. Numer. Anal. 1988.
        Raydan, The Barzilai and Borwein gradient method for the large scale unconstrained
        minimization problem, SIAM J. Optim. 1997 (bounds).
    """

    hyperparameter_table = OPTIMIZERS["barzilai_borwein"].hyperparameters
    slot_names = ("previous_weights", "previous_gradient")
    is_elementwise = False  # one step size for all variables
    decays_in_rule = True

    def __init__(
        self,
        learning_rate: Any = 0.01,
        minimum_step_size: float = 1e-10,
        maximum_step_size: float = 1e10,
        short_step: bool = False,
        **arguments: Any,
    ) -> None:
        bounds = {"minimum_step_size": minimum_step_size, "maximum_step_size": maximum_step_size}
        super().__init__(learning_rate, bounds, **arguments)
        self.short_step = bool(short_step)

    @property
    def step_size(self) -> Any:
        """The variable with α of the last step."""
        return self._shared["step_size"]

    def initial_slots(self, weights: Tensor) -> State:
        """Return the slots of one variable before its first gradient."""
        return {**super().initial_slots(weights), **not_begun(weights)}

    def initial_shared(self) -> State:
        """Return the state before the first step: no step size."""
        return {"step_size": ops.zeros((), dtype=number_dtype())}

    def shared_rule(
        self,
        shared: State,
        states: list[State],
        gradients: list[Tensor],
        hyperparameters: State,
    ) -> State:
        """Choose α of this step."""
        numbers = in_type_of(gradients, {**hyperparameters, **shared})
        # A variable without an earlier step adds nothing to s and y.
        moves = [
            state["begun"] * (state["weights"] - state["previous_weights"]) for state in states
        ]
        changes = [
            state["begun"] * (gradient - state["previous_gradient"])
            for gradient, state in zip(gradients, states, strict=True)
        ]
        fitting = secant_step_size(moves, changes, numbers["step_size"], short=self.short_step)
        held = ops.minimum(
            ops.maximum(fitting, numbers["minimum_step_size"]), numbers["maximum_step_size"]
        )
        is_first = states[0]["step"] == 1
        return {"step_size": ops.where(is_first, numbers["learning_rate"], held)}

    def rule(self, state: State, gradient: Tensor, hyperparameters: State) -> tuple[State, Tensor]:
        """Make the step, and remember where it began."""
        step_size = ops.cast(state["step_size"], gradient.dtype)
        slots = {"previous_weights": state["weights"], "previous_gradient": gradient}
        slots = {**slots, **begun(state)}
        return slots, step_size * with_decay(gradient, state, hyperparameters)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments as plain values."""
        return {**super().get_config(), "short_step": self.short_step}
