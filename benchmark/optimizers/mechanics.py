"""Keras's mechanics with hyperparameters as variables, for every optimizer that we train."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import keras
from keras import ops

from benchmark.errors import did_you_mean
from benchmark.optimizers import clipping
from benchmark.optimizers.hyperparameter import Hyperparameter
from benchmark.optimizers.tensors import Tensor, dense, plain_number, precision
from benchmark.optimizers.thresholds import CLIPPING, WEIGHT_DECAY
from benchmark.optimizers.variables import number_variable

_CLIP: dict[str, Callable[[Sequence[Tensor], Tensor], list[Tensor]]] = {
    "clipnorm": clipping.clip_by_norm,
    "global_clipnorm": clipping.clip_by_global_norm,
    "clipvalue": clipping.clip_by_value,
}


class Mechanics(keras.optimizers.Optimizer):
    """A Keras optimizer whose numeric hyperparameters are variables of it.

    It stands between ``keras.optimizers.Optimizer`` and the classes with an update rule:
    our own (:class:`~benchmark.optimizers.base.Optimizer`) and, by way of
    :mod:`~benchmark.optimizers.adapter`, those of Keras and of users. It brings what they
    share: hyperparameters that a compiled program takes as values, clipping by a
    threshold that may be a tensor, decoupled weight decay, and :meth:`stateless_apply`.

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
        rate = self._learning_rate
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
        weights, own = self._trainable_variables, self.variables
        mapping = [
            *zip(weights, trainable_variables, strict=True),
            *zip(own, optimizer_variables, strict=True),
        ]
        with keras.StatelessScope(state_mapping=mapping) as scope:
            self.apply(grads)
        return (
            [scope.get_current_value(variable) for variable in weights],
            [scope.get_current_value(variable) for variable in own],
        )

    def assign(self, variable: Any, value: Tensor) -> None:
        """Assign through Keras's variable, so that a stateless scope sees it."""
        variable.assign(value)

    def assign_add(self, variable: Any, value: Tensor) -> None:
        """Add to a variable, as :meth:`assign`."""
        variable.assign_add(value)

    def assign_sub(self, variable: Any, value: Tensor) -> None:
        """Subtract from a variable, as :meth:`assign`."""
        variable.assign_sub(value)

    def _backend_update_step(
        self, grads: Sequence[Tensor], trainable_variables: Sequence[Any], learning_rate: Tensor
    ) -> None:
        # Keras's on TensorFlow hands over tf.Variables, for tf.distribute.
        for gradient, variable in zip(grads, trainable_variables, strict=True):
            self.update_step(gradient, variable, learning_rate)

    def _clip_gradients(self, grads: Sequence[Tensor]) -> Sequence[Tensor]:
        if self._clipping_kind is None:
            return grads
        return _CLIP[self._clipping_kind](grads, self._adjustable[self._clipping_kind])

    def _apply_weight_decay(self, variables: Sequence[Any]) -> None:
        for variable in filter(self._use_weight_decay, variables):
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

    def _var_key(self, variable: Any) -> int:
        # Keras's TensorFlow key reads the variable's value, which a stateless scope replaces.
        return id(variable)

    def _rule_of(self, name: str) -> Hyperparameter:
        return {**self.hyperparameter_table, **CLIPPING, "weight_decay": WEIGHT_DECAY}[name]

    def _unknown_sentence(self, name: str) -> str:
        return (
            f"a hyperparameter of this {type(self).__name__} must be one of those it was built "
            f"with, {', '.join(self._adjustable)}. Received {name!r}."
            f"{did_you_mean(name, self._adjustable)}"
        )


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
