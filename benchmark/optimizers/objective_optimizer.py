"""The base of the optimizers that ask for more of the objective than its gradient."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import keras
from keras import ops

from benchmark.backend import keras_internals
from benchmark.optimizers.base import Optimizer
from benchmark.optimizers.objective import Objective
from benchmark.optimizers.penalties import penalty, with_penalties, with_penalty_products
from benchmark.optimizers.tensors import State, Tensor, assign_all
from benchmark.optimizers.vectors import Vector

COUNT = "gradient_evaluations"
_REFUSED = ("loss_scale_factor", "gradient_accumulation_steps")


@dataclass(frozen=True, slots=True)
class Point:
    """Where a step begins, and what the optimizer remembers there.

    Args:
        weights: those at which value and gradient were taken, before weight decay.
        value: of the objective.
        gradient: after clipping.
        states: the state variables by name, a tensor for each weight variable.
        shared: the state variables that belong to no weight.
        step: 1 at the first update.
    """

    weights: Vector
    value: Tensor
    gradient: Vector
    states: Mapping[str, Vector]
    shared: State
    step: Tensor


@dataclass(frozen=True, slots=True)
class Step:
    """What a rule gives.

    Args:
        updates: u of W ← W − u, a tensor for each variable.
        evaluations: of the objective beyond the first gradient: each further gradient, each
            product with the Hessian or the Gauss-Newton matrix, and each value alone, counts
            as one.
        states: the new ones; those left out stay.
        shared: the same for what belongs to no variable.
    """

    updates: Vector
    evaluations: Tensor | int
    states: Mapping[str, Vector] = field(default_factory=dict)
    shared: State = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Given:
    objective: Objective
    value: Tensor
    weights: tuple[Tensor, ...]


class ObjectiveOptimizer(Optimizer):
    """Base of the optimizers that need the objective itself: line searches, products with H.

    A subclass names its state variables and numbers as for
    :class:`~benchmark.optimizers.base.Optimizer`, and writes :meth:`objective_rule`, which
    sees all variables together. The mini-batch at hand is the objective, the same in all of
    a step. The mechanics stay in Keras's order: clip, decoupled weight decay, rule, moving
    average of the weights, constraints. Gradients that a rule asks for are clipped as the
    first one; it sees the weights before decay, where the gradient was taken, and its update
    is applied to the decayed ones. Weights of 16 bits are handed to it in float32.

    ``gradient_evaluations`` counts what the steps have cost so far. One evaluation is a
    gradient, a product with the Hessian or the Gauss-Newton matrix, or a value alone. The
    last is cheaper than a gradient, but no line search shall look cheaper than it is. In a
    program that trains many trials an iteration that one of them does not need is computed
    all the same, and not counted: the count is the method's, not the program's.

    ``model.fit`` hands over gradients only; train the model that
    :func:`~benchmark.optimizers.objective_model.with_objective` returns.

    Accumulation of gradients and scaling of the loss are not offered: the objective is
    the mini-batch at hand, unscaled.

    Args:
        learning_rate: a number > 0, or a ``LearningRateSchedule``; its part is the rule's.
        hyperparameters: the other numbers of ``hyperparameter_table`` by name.
        constants: those that ``constant_names`` names.
        arguments: clipping, ``weight_decay``, ``name``, ``use_ema``, ``ema_momentum`` and
            ``ema_overwrite_frequency``, see :class:`~benchmark.optimizers.base.Optimizer`.

    Raises:
        ValueError: a number is out of range, or two kinds of clipping are given.
        TypeError: a number is no number, or an argument is not offered.
    """

    _given: _Given | None = None

    def __init__(
        self,
        learning_rate: Any,
        hyperparameters: Mapping[str, float] | None = None,
        constants: Mapping[str, int] | None = None,
        **arguments: Any,
    ) -> None:
        for name in _REFUSED:
            if arguments.pop(name, None) is not None:
                raise TypeError(
                    f"{type(self).__name__} must stand without {name}: its objective is the "
                    "mini-batch at hand, unscaled. Remove the argument."
                )
        checked = {k: int(self._rule_of(k).check(k, v)) for k, v in (constants or {}).items()}
        super().__init__(learning_rate, hyperparameters, **arguments)
        self.constants = checked
        """The structural numbers by name."""

    # What a subclass writes.

    def objective_rule(self, point: Point, hyperparameters: State, objective: Objective) -> Step:
        """Return the update of all variables, and what the rule remembers.

        It must be pure, free of Python branches on values, and its loops must have a number
        of rounds fixed at construction: a trial that needs no more of them keeps its values
        by ``ops.where``. So it can be mapped over trials and compiled.

        Args:
            point: weights, value, gradient and memory.
            hyperparameters: tensors by name, in the type of the weights.
            objective: at any weights in the type of ``point.weights``.
        """
        raise NotImplementedError(f"{type(self).__name__} must define objective_rule().")

    def initial_shared(self) -> State:
        """Return the state before the first step; a subclass adds its own to it."""
        return {COUNT: ops.zeros((), dtype="int32")}

    # How a step is made.

    @property
    def gradient_evaluations(self) -> Any:
        """The variable that counts evaluations since the first step, or since ``reset``."""
        return self._shared[COUNT]

    def minimize(self, objective: Objective, variables: Sequence[Any] | None = None) -> Tensor:
        """Make one step on the variables.

        Args:
            objective: what is minimised.
            variables: those that it is a function of; needed at the first call only.

        Returns:
            The objective before the step.
        """
        if not self.built:
            if variables is None:
                raise ValueError(
                    "variables must be given at the first call of minimize. Received None."
                )
            self.build(variables)
        weights = [variable.value for variable in keras_internals.trained_variables(self)]
        value, gradients = objective.value_and_gradient(weights)
        self._given = _Given(objective, value, tuple(weights))
        try:
            self.apply(gradients)
        finally:
            self._given = None
        return value

    def stateless_minimize(
        self,
        optimizer_variables: Sequence[Tensor],
        trainable_variables: Sequence[Tensor],
        value: Tensor,
        gradients: Sequence[Tensor],
        objective: Objective,
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Return the new weights and optimizer variables; a pure function on every backend.

        Args:
            optimizer_variables: values in the order of ``variables``.
            trainable_variables: the weights.
            value: of the objective there.
            gradients: of the objective there.
            objective: what is minimised.
        """
        self._given = _Given(objective, value, tuple(trainable_variables))
        try:
            return self.stateless_apply(optimizer_variables, gradients, trainable_variables)
        finally:
            self._given = None

    def apply(self, grads: Sequence[Tensor], trainable_variables: Any = None) -> None:
        """Make one step; refused where no objective was handed over.

        Raises:
            ValueError: Keras calls it with gradients alone.
        """
        if self._given is None:
            raise ValueError(
                f"{type(self).__name__} must be given the objective, not its gradient alone. "
                "Train with_objective(model), of benchmark.optimizers.objective_model, in "
                "place of the model, or call optimizer.minimize(objective, variables)."
            )
        super().apply(grads, trainable_variables)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments as plain values."""
        config = super().get_config()
        offered = {name: value for name, value in config.items() if name not in _REFUSED}
        return {**offered, **self.constants}

    @property
    def _steps_apart(self) -> bool:
        """No: the rule sees the objective, a function of all variables."""
        return False

    def _update_all(
        self, gradients: Sequence[Tensor], variables: Sequence[Any], learning_rate: Tensor
    ) -> None:
        given = self._given
        assert given is not None, "apply refuses to step without"
        dtypes = [keras.backend.standardize_dtype(variable.dtype) for variable in variables]
        dtype = "float64" if "float64" in dtypes else "float32"
        names = self._states[0] if self._states else {}
        point = Point(
            weights=_cast(given.weights, dtype),
            value=self._penalized(ops.cast(given.value, dtype), given.weights),
            gradient=_cast(gradients, dtype),
            states={n: _cast([state[n].value for state in self._states], dtype) for n in names},
            shared={
                name: ops.cast(variable.value, dtype) for name, variable in self._shared.items()
            },
            step=ops.cast(self.iterations + 1, dtype),
        )
        numbers = {**self._adjustable, "learning_rate": learning_rate}
        step = self.objective_rule(
            point,
            {name: ops.cast(value, dtype) for name, value in numbers.items()},
            self._clipped(given.objective, dtypes, dtype),
        )
        count = self._shared[COUNT].value + 1 + ops.cast(step.evaluations, "int32")
        assign_all(self._shared, {**step.shared, COUNT: count})
        for name, values in step.states.items():
            for state, value in zip(self._states, values, strict=True):
                assign_all(state, {name: value})
        for variable, update in zip(variables, step.updates, strict=True):
            new = ops.cast(variable, dtype) - update
            variable.assign(ops.cast(new, variable.dtype))

    def _penalized(self, value: Tensor, weights: Sequence[Tensor]) -> Tensor:
        if not self._penalties:
            return value
        return value + ops.cast(penalty(weights, self._penalties), value.dtype)

    def _clipped(self, objective: Objective, dtypes: Sequence[str], dtype: str) -> Objective:
        """The objective in the arithmetic of the rule, its gradients clipped as the first."""

        def native(vector: Sequence[Tensor]) -> Vector:
            return [
                ops.cast(tensor, native_type)
                for tensor, native_type in zip(vector, dtypes, strict=True)
            ]

        def value(weights: Sequence[Tensor]) -> Tensor:
            return self._penalized(ops.cast(objective.value(native(weights)), dtype), weights)

        def value_and_gradient(weights: Sequence[Tensor]) -> tuple[Tensor, Vector]:
            loss, gradients = objective.value_and_gradient(native(weights))
            gradients = with_penalties(gradients, weights, self._penalties)
            loss = self._penalized(ops.cast(loss, dtype), weights)
            return loss, _cast(self._clip_all(gradients), dtype)

        def product(name: str) -> Any:
            unpenalized = getattr(objective, name)

            def penalized(weights: Sequence[Tensor], vectors: Sequence[Tensor]) -> Vector:
                products = _cast(unpenalized(native(weights), native(vectors)), dtype)
                return with_penalty_products(products, vectors, self._penalties)

            return penalized

        return replace(
            objective,
            value=value,
            value_and_gradient=value_and_gradient,
            hessian_vector_product=product("hessian_vector_product"),
            gauss_newton_vector_product=product("gauss_newton_vector_product"),
        )


def _cast(vector: Sequence[Tensor], dtype: str) -> Vector:
    return [ops.cast(tensor, dtype) for tensor in vector]
