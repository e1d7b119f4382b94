"""Keras's mechanics with hyperparameters as variables, for every optimizer that we train."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import keras
from keras import ops

from benchmark.backend import keras_internals
from benchmark.backend.keras_internals import OptimizerHooks
from benchmark.errors import did_you_mean
from benchmark.optimizers import clipping
from benchmark.optimizers.hyperparameter import Hyperparameter
from benchmark.optimizers.penalties import with_penalties
from benchmark.optimizers.shared_hyperparameters import CLIPPING, REGULARIZATION
from benchmark.optimizers.tensors import (
    State,
    Tensor,
    dense,
    number_dtype,
    number_variable,
    plain_number,
    precision,
    state_variables,
)

_CLIP: dict[str, Callable[[Sequence[Tensor], Tensor], list[Tensor]]] = {
    "clipnorm": clipping.clip_by_norm,
    "global_clipnorm": clipping.clip_by_global_norm,
    "clipvalue": clipping.clip_by_value,
}
PENALTIES = ("l1", "l2")


class Mechanics(OptimizerHooks):
    """A Keras optimizer whose numeric hyperparameters are variables of it.

    It stands between ``keras.optimizers.Optimizer`` and the classes with an update rule:
    our own (:class:`~benchmark.optimizers.base.Optimizer`) and, by way of
    :mod:`~benchmark.optimizers.adapter`, those of Keras and of users. It brings what they
    share: hyperparameters that a compiled program takes as values; penalties on the weights
    and clipping, whose numbers may be tensors; decoupled weight decay; and
    :meth:`stateless_apply`. The order is Keras's: penalties, clipping, decay, rule.

    Departures from Keras: ``stateless_apply`` works on TensorFlow too, and for its sake
    ``tf.distribute`` strategies are not supported.
    """

    hyperparameter_table: ClassVar[Mapping[str, Hyperparameter]] = {}
    """Default and rule of every number the constructor takes."""

    def _make_adjustable(self, numbers: Mapping[str, float], kind: str | None) -> None:
        """Make numbers variables; a constructor calls it once, after Keras's own.

        Args:
            numbers: checked values by name, the threshold of clipping among them.
            kind: of clipping, or nothing.
        """
        self._clipping_kind = kind
        rate = keras_internals.learning_rate(self)
        is_scheduled = not isinstance(rate, keras.Variable)
        self._adjustable = {} if is_scheduled else {"learning_rate": rate}
        for key, value in numbers.items():
            self._adjustable[key] = number_variable(self, key, value)

    # Numbers in and out.

    @property
    def hyperparameters(self) -> dict[str, float]:
        """The current values by name; a scheduled learning rate at the current iteration."""
        rate = {} if "learning_rate" in self._adjustable else {"learning_rate": self.learning_rate}
        return {name: plain_number(value) for name, value in {**rate, **self._adjustable}.items()}

    def set_hyperparameters(self, values: Mapping[str, float]) -> None:
        """Assign numeric hyperparameters, without a new compilation.

        Args:
            values: new values by name; those left out stay.

        Raises:
            ValueError: a name that this optimizer does not have, or a value out of
                range; then nothing is assigned.
            TypeError: a value that is no number.
        """
        for name in values:
            if name not in self._adjustable:
                raise ValueError(self._unknown_sentence(name))
        checked = {name: self._rule_of(name).check(name, value) for name, value in values.items()}
        for name, value in checked.items():
            self._adjustable[name].assign(value)

    def get_config(self) -> dict[str, Any]:
        """Return constructor arguments as plain values; ``from_config`` takes them."""
        config: dict[str, Any] = super().get_config()
        return {**config, **{name: plain_number(value) for name, value in self._adjustable.items()}}

    def __setattr__(self, name: str, value: Any) -> None:
        adjustable = self.__dict__.get("_adjustable", {})
        if name == "learning_rate":
            # Keras's own setter; its callbacks assign here, a rate of zero included.
            if callable(value):
                adjustable.pop(name, None)
            super().__setattr__(name, value)
        elif name in adjustable:
            # A float in its place would be out of reach of compiled programs.
            self.set_hyperparameters({name: value})
        else:
            super().__setattr__(name, value)

    # Keras's mechanics.

    def build(self, variables: Sequence[Any]) -> None:
        """Create what is kept besides the rule's own; Keras calls it."""
        if self.built:
            return
        super().build(variables)
        if self._clipping_kind == "percentile_clipnorm":
            variables_of_clipping = state_variables(self, _no_norms)
            self.__dict__["_gradient_norms"] = variables_of_clipping["gradient_norms"]

    def apply(self, grads: Sequence[Tensor], trainable_variables: Any = None) -> None:
        """Make one step; Keras calls it with the gradients of a batch."""
        super().apply([dense(gradient) for gradient in grads], trainable_variables)

    def stateless_apply(
        self,
        optimizer_variables: Sequence[Tensor],
        grads: Sequence[Tensor],
        trainable_variables: Sequence[Tensor],
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Return the new weights and optimizer variables; a pure function on every backend.

        Args:
            optimizer_variables: values in the order of ``variables``; the
                hyperparameters are among them.
            grads: one gradient a variable.
            trainable_variables: the weights, in the order given to ``build``.
        """
        if not self.built:
            raise ValueError(
                "the optimizer must be built before stateless_apply. "
                "Call optimizer.build(model.trainable_variables) first."
            )
        trained = keras_internals.trained_variables(self)
        with self._scope(optimizer_variables, trainable_variables) as scope:
            self.apply(grads)
        return (
            [scope.get_current_value(variable) for variable in trained],
            [scope.get_current_value(variable) for variable in self.variables],
        )

    @property
    def has_evaluation_weights(self) -> bool:
        """Whether the model is evaluated at other weights than the trained ones; structural."""
        optimizer_class, usual = type(self), keras.optimizers.Optimizer
        finalizes = optimizer_class.finalize_variable_values is not usual.finalize_variable_values
        return bool(self.use_ema) or finalizes

    def evaluation_weights(
        self, optimizer_variables: Sequence[Tensor], trainable_variables: Sequence[Tensor]
    ) -> list[Tensor]:
        """Return the weights at which the model is evaluated; a pure function on every backend.

        They are what Keras's hook ``finalize_variable_values`` makes of the weights, which
        ``fit`` calls at its end: the moving average with ``use_ema``, the weights themselves
        by default, and what an optimizer that averages says.

        Args:
            optimizer_variables: values in the order of ``variables``.
            trainable_variables: the weights, in the order given to ``build``.
        """
        if not self.has_evaluation_weights:
            return list(trainable_variables)
        weights = keras_internals.trained_variables(self)
        with self._scope(optimizer_variables, trainable_variables) as scope:
            # Keras's average of nothing is zero.
            begun = keras_internals.iteration_counter(self).value > 0
            self.finalize_variable_values(weights)
        return [
            ops.where(begun, scope.get_current_value(variable), value)
            for variable, value in zip(weights, trainable_variables, strict=True)
        ]

    def _scope(self, optimizer_variables: Sequence[Tensor], weights: Sequence[Tensor]) -> Any:
        """Where the variables have given values, and assignments change nothing outside."""
        mapping = [
            *zip(keras_internals.trained_variables(self), weights, strict=True),
            *zip(self.variables, optimizer_variables, strict=True),
        ]
        return keras.StatelessScope(state_mapping=mapping)

    def assign(self, variable: Any, value: Tensor) -> None:
        """Assign through Keras's variable, so that a stateless scope sees it."""
        variable.assign(value)

    def assign_add(self, variable: Any, value: Tensor) -> None:
        """Add to a variable, as :meth:`assign`."""
        variable.assign_add(value)

    def assign_sub(self, variable: Any, value: Tensor) -> None:
        """Subtract from a variable, as :meth:`assign`."""
        variable.assign_sub(value)

    def _update_all(
        self, gradients: Sequence[Tensor], variables: Sequence[Any], learning_rate: Tensor
    ) -> None:
        for gradient, variable in zip(gradients, variables, strict=True):
            self.update_step(gradient, variable, learning_rate)

    @property
    def _penalties(self) -> dict[str, Tensor]:
        """The coefficients of the penalties that there are."""
        return {name: self._adjustable[name] for name in PENALTIES if name in self._adjustable}

    def _prepare_gradients(
        self, gradients: Sequence[Tensor], variables: Sequence[Any]
    ) -> Sequence[Tensor]:
        # Keras hands clipping the gradients only, and leaves out those that are not there.
        self.__dict__["_stepping"] = variables
        if self._penalties:
            return with_penalties(gradients, variables, self._penalties)
        return gradients

    def _clip_all(self, gradients: Sequence[Tensor]) -> Sequence[Tensor]:
        kind = self._clipping_kind
        if kind is None:
            return gradients
        threshold = self._adjustable[kind]
        if kind == "adaptive_clipnorm":
            weights = [variable.value for variable in self._stepping]
            return clipping.clip_by_unit_norm(gradients, weights, threshold)
        if kind == "percentile_clipnorm":
            clipped, norms = clipping.clip_by_percentile(
                gradients, self._gradient_norms.value, self.iterations, threshold
            )
            self._gradient_norms.assign(norms)
            return clipped
        return _CLIP[kind](gradients, threshold)

    def _decay_all(self, variables: Sequence[Any]) -> None:
        for variable in variables:
            if not keras_internals.is_decayed(self, variable):
                continue
            name = self._decay_of(variable)
            if name not in self._adjustable:
                continue
            dtype = precision(variable)
            rate = ops.cast(self.learning_rate, dtype)
            decay = ops.cast(self._adjustable[name], dtype)
            weights = ops.cast(variable, dtype)
            variable.assign(ops.cast(weights - weights * decay * rate, variable.dtype))

    def _decay_of(self, variable: Any) -> str:
        """The hyperparameter that is a variable's weight decay."""
        return "weight_decay"

    def _rule_of(self, name: str) -> Hyperparameter:
        return {**REGULARIZATION, **CLIPPING, **self.hyperparameter_table}[name]

    def _unknown_sentence(self, name: str) -> str:
        return (
            f"a hyperparameter of this {type(self).__name__} must be one of those it was built "
            f"with, {', '.join(self._adjustable)}. Received {name!r}."
            f"{did_you_mean(name, self._adjustable)}"
        )


def _no_norms() -> State:
    return {"gradient_norms": ops.zeros((clipping.HISTORY,), number_dtype())}


def present(numbers: Mapping[str, float | None]) -> dict[str, float]:
    """Return what is given of optional numbers."""
    return {name: value for name, value in numbers.items() if value is not None}


def clipping_kind(thresholds: Mapping[str, float | None]) -> str | None:
    """Return which kind of clipping is given, if any.

    Raises:
        ValueError: two kinds are given.
    """
    given = present(thresholds)
    if len(given) > 1:
        raise ValueError(
            "at most one kind of clipping must be given. "
            f"Received {' and '.join(given)}. Leave out all but one."
        )
    return next(iter(given), None)
