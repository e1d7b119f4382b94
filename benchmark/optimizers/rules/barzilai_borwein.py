"""Barzilai–Borwein: gradient descent whose step size fits the curvature of the last step."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import keras
from keras import ops

from benchmark.optimizers.base import Optimizer
from benchmark.optimizers.entry import OptimizerEntry
from benchmark.optimizers.hyperparameter import Hyperparameter
from benchmark.optimizers.rule_parts import begun, in_type_of, inner_product, with_decay
from benchmark.optimizers.shared_hyperparameters import CONVENTIONAL_RATE, CROWDED_VALLEY
from benchmark.optimizers.stability import OWN_STEP
from benchmark.optimizers.tensors import State, Tensor, number_dtype

_BOUNDS = {
    "minimum_step_size": Hyperparameter(
        default=1e-10,
        low=0.0,
        space={"low": 1e-10, "high": 1e-4, "log": True},
        source="default: Raydan 1997, The Barzilai and Borwein gradient method; space: our choice, "
        "up to the smallest learning rate that is usually searched",
    ),
    "maximum_step_size": Hyperparameter(
        default=1e10,
        low=0.0,
        space={"low": 1.0, "high": 1e10, "log": True},
        source="default: Raydan 1997, The Barzilai and Borwein gradient method; space: our choice, "
        "from the largest learning rate that is usually searched",
    ),
}


ENTRY = OptimizerEntry(
    summary="gradient descent over all examples; the last step's curvature gives the step size",
    hyperparameters={
        "learning_rate": replace(
            CONVENTIONAL_RATE,
            source="of the first step only. default: keras.optimizers.SGD; "
            f"space: {CROWDED_VALLEY}",
        ),
        **_BOUNDS,
    },
    full_batch=True,
    options={"short_step": False},
    advice="Use the long step; learning_rate hardly matters (Raydan 1997)",
    stability=OWN_STEP + "the change of the gradient in the step before.",
)


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
        η = sᵀs / sᵀy                         the long step, or
        η = sᵀy / yᵀy                         the short step, with ``short_step``
        W ← W − η g

    The long step solves s ≈ η y for 1 / η, the short one for η, by least squares: a secant
    method with a multiple of the identity for the Hessian. On a quadratic 1 / η is an average
    of the Hessian's eigenvalues; the loss need not fall in every step, and falls much faster
    over many of them than with any constant η.

    Safeguards, which the paper does without: where sᵀy is not positive, which is where the
    curvature along s is not, or where the weights rest, η stays as it was; and it is held
    between ``minimum_step_size`` and ``maximum_step_size`` (the latter where they cross).

    The method is defined for the full gradient: give ``fit`` a ``batch_size`` of the whole
    training set. Of mini-batches y is mostly noise. ``learning_rate`` is η of the first step
    alone, so a schedule changes nothing else. g and y are taken after clipping. Weight decay
    is decoupled, η λ W, and takes no part in y. Stores two numbers per weight.

    Args:
        learning_rate: η of the first step.
        short_step: which of the two steps. The default is the long one, as in Raydan's
            method.
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

    entry = ENTRY
    short_step: bool
    state_names = ("previous_weights", "previous_gradient")
    knows_first_gradient = True
    is_elementwise = False  # one step size for all variables
    decays_in_rule = True

    @property
    def step_size(self) -> Any:
        """The variable with η of the last step."""
        return self._shared["step_size"]

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
        """Choose η of this step."""
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
        new_state = {"previous_weights": state["weights"], "previous_gradient": gradient}
        new_state = {**new_state, **begun(state)}
        return new_state, step_size * with_decay(gradient, state, hyperparameters)
