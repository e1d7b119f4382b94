"""Gradient descent on the whole training set, with a stopping rule."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from benchmark.optimizers.base import Optimizer
from benchmark.optimizers.clipping import global_norm
from benchmark.optimizers.entry import OptimizerEntry
from benchmark.optimizers.hyperparameter import Hyperparameter
from benchmark.optimizers.shared_hyperparameters import CONVENTIONAL_RATE, OF_KERAS
from benchmark.optimizers.stability import Stability, descent
from benchmark.optimizers.tensors import State, Tensor

_TOLERANCE = Hyperparameter(
    default=1e-6,
    low=0.0,
    low_included=True,
    space={"low": 1e-8, "high": 1e-2, "log": True},
    source="default: ten times the float32 rounding of a weight of size one; "
    "space: from one tenth of that rounding to steps of one per cent of such a weight",
)


ENTRY = OptimizerEntry(
    summary="W ← W − learning_rate · ∇J over all examples, until the step is below tolerance",
    hyperparameters={"learning_rate": CONVENTIONAL_RATE, "tolerance": _TOLERANCE},
    full_batch=True,
    weight_decay=False,
    advice="Start with 1 / λmax; from 2 / λmax on it diverges (Nesterov 2004, Introductory "
    "Lectures on Convex Optimization, section 1.2.3)",
    stability=Stability(descent, "2", needs_state=False, is_of_hessian=True),
)


REFUSED = ("weight_decay", *OF_KERAS)
"""Arguments that would move the weights, or the gradient, outside the rule."""


def gradient_descent(
    state: State,  # noqa: ARG001 - every rule has these three
    gradient: Tensor,
    hyperparameters: State,
) -> tuple[State, Tensor]:
    """Return no state and the update η·g of W ← W − η·g, η being ``learning_rate``.

    Example:
        >>> gradient_descent({}, 2.0, {"learning_rate": 0.1})
        ({}, 0.2)
    """
    return {}, hyperparameters["learning_rate"] * gradient


def stop_when_still(
    shared: State, updates: Sequence[Tensor], tolerance: Tensor
) -> tuple[State, list[Tensor]]:
    """Let weights rest from the step after one that was shorter than ``tolerance``.

    Args:
        shared: ``converged`` (boolean) and ``update_norm`` so far.
        updates: the update of every variable.
        tolerance: a scalar ≥ 0 in units of the weights; 0 never stops.

    Returns:
        The new shared state, and the updates, zero if ``converged`` was true before.
        ``update_norm`` keeps the norm of the last step that was made.
    """
    rests = shared["converged"]
    norm = ops.cast(global_norm(updates), shared["update_norm"].dtype)
    norm = ops.where(rests, shared["update_norm"], norm)
    # NaN < tolerance is false: a diverged run never counts as converged.
    converged = ops.logical_or(rests, norm < ops.cast(tolerance, norm.dtype))
    # `where`, not a product with the mask: 0 · NaN is NaN.
    resting = [ops.where(rests, ops.zeros_like(update), update) for update in updates]
    return {"converged": converged, "update_norm": norm}, resting


def _refusal(argument: str) -> str:
    if argument not in REFUSED:
        return f"GradientDescent must stand without {argument!r}: it has no such argument."
    remedy = "Put it into the loss" if argument == "weight_decay" else "Remove the argument"
    return (
        f"GradientDescent must stand without {argument}: its stopping rule measures the steps of "
        f"the rule alone. {remedy}, or take SGD."
    )


@keras.saving.register_keras_serializable(package="kappabench")
class GradientDescent(Optimizer):
    """Gradient descent that stops once the weights stand still.

        W(t+1) = W(t) − η ∇J(W(t))      until  ‖W(t+1) − W(t)‖ < tolerance

    with η = ``learning_rate``; the norm is Euclidean over all weights together. The
    step that falls below the tolerance is still made; after it ``converged`` is true
    and the weights rest. ``update_norm`` is the length of the last step made
    (infinity before the first).

    The method is defined for the full gradient: give ``fit`` a ``batch_size`` of the
    whole training set. Weight decay is not offered: it would move the weights
    outside the rule (put it into the loss), and neither are accumulation and averaging.
    Clipping is, and then the clipped step is the one that is measured.

    Stores nothing per weight.

    Args:
        tolerance: in units of the weights; 0 never stops. Steps shorter than the default
            begin to vanish in the rounding of float32.
        clipnorm, clipvalue, global_clipnorm, adaptive_clipnorm, percentile_clipnorm: at
            most one threshold.
        l1, l2: ≥ 0, coefficients of penalties on the weights; their gradient is part of ∇J.
        name: of the optimizer and its variables.

    Raises:
        ValueError: a number is out of range, or two kinds of clipping are given.
        TypeError: a number is no number, or an argument is not offered.

    Example:
        >>> import keras
        >>> weights = keras.Variable([4.0])
        >>> optimizer = GradientDescent(learning_rate=0.5, tolerance=0.6)
        >>> for _ in range(5):
        ...     optimizer.apply([weights.value], [weights])     # J = W²/2
        >>> float(weights[0]), bool(optimizer.converged.value)
        (0.5, True)

    References:
        Cauchy, Méthode générale pour la résolution des systèmes d'équations
        simultanées, 1847. Boyd, Vandenberghe, Convex Optimization, 2004, section 9.3.
    """

    entry = ENTRY

    def __init__(
        self,
        learning_rate: Any = 0.01,
        tolerance: float = 1e-6,
        *,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        adaptive_clipnorm: float | None = None,
        percentile_clipnorm: float | None = None,
        l1: float | None = None,
        l2: float | None = None,
        name: str | None = None,
        **refused: Any,
    ) -> None:
        for argument, value in refused.items():
            if argument not in REFUSED or value:
                raise TypeError(_refusal(argument))
        super().__init__(
            learning_rate,
            {"tolerance": tolerance},
            clipnorm=clipnorm,
            clipvalue=clipvalue,
            global_clipnorm=global_clipnorm,
            adaptive_clipnorm=adaptive_clipnorm,
            percentile_clipnorm=percentile_clipnorm,
            l1=l1,
            l2=l2,
            name=name,
        )

    @property
    def converged(self) -> Any:
        """The boolean variable that tells whether the stopping rule was met."""
        return self._shared["converged"]

    @property
    def update_norm(self) -> Any:
        """The variable with ‖W(t+1) − W(t)‖ of the last step that was made."""
        return self._shared["update_norm"]

    def initial_shared(self) -> State:
        """Return the state before the first step: not converged, no step measured."""
        norm = ops.full((), float("inf"), dtype=self._adjustable["tolerance"].dtype)
        return {"converged": ops.zeros((), dtype="bool"), "update_norm": norm}

    def rule(self, state: State, gradient: Tensor, hyperparameters: State) -> tuple[State, Tensor]:
        """Apply :func:`gradient_descent`."""
        return gradient_descent(state, gradient, hyperparameters)

    def joint_rule(
        self, shared: State, updates: list[Tensor], hyperparameters: State
    ) -> tuple[State, list[Tensor]]:
        """Apply :func:`stop_when_still`."""
        return stop_when_still(shared, updates, hyperparameters["tolerance"])

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments as plain values."""
        config = super().get_config()
        return {name: value for name, value in config.items() if name not in REFUSED}
