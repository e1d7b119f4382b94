"""The base of our optimizers: Keras's mechanics around a pure update rule."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import keras
from keras import ops

from benchmark.errors import did_you_mean
from benchmark.optimizers import clipping
from benchmark.optimizers.hyperparameter import Hyperparameter
from benchmark.optimizers.tensors import State, Tensor, assign_all, dense, plain_number, precision
from benchmark.optimizers.thresholds import CLIPPING
from benchmark.optimizers.variables import number_variable, slot_variables, state_variables

_CLIP: dict[str, Callable[[Sequence[Tensor], Tensor], list[Tensor]]] = {
    "clipnorm": clipping.clip_by_norm,
    "global_clipnorm": clipping.clip_by_global_norm,
    "clipvalue": clipping.clip_by_value,
}
_WEIGHT_DECAY = Hyperparameter(
    default=None, low=0.0, low_included=True, space={"low": 1e-6, "high": 1e-1, "log": True}
)


class Optimizer(keras.optimizers.Optimizer):
    """Base of the optimizers: subclass it, name the slots, and write the rule.

    A subclass says what it keeps for every variable (``slot_names``), which numbers
    it takes (``hyperparameter_table``) and how one step is made (:meth:`rule`). The
    base does the rest, in Keras's order: unscale the loss, clip, decoupled weight
    decay, rule, moving average of the weights, constraints.

    Every numeric hyperparameter is a non-trainable variable of the optimizer, so a
    compiled training program serves every value, and :meth:`stateless_apply` takes
    the values as tensors, mapped over a leading trial axis if one likes. What is
    *structural*, fixed at construction, is only whether a hyperparameter is there.

    Departures from Keras: ``stateless_apply`` works on TensorFlow too, and for its
    sake ``tf.distribute`` strategies are not supported; weights of 16 bits keep their
    slots and compute their step in float32.

    Args:
        learning_rate: a number > 0, or a ``LearningRateSchedule`` of the iteration.
        hyperparameters: the other numbers of ``hyperparameter_table`` by name.
        clipnorm, clipvalue, global_clipnorm: at most one threshold > 0, see
            :mod:`benchmark.optimizers.clipping`.
        weight_decay: λ ≥ 0 of W ← W − learning_rate · λ · W before each step.
        name: of the optimizer and its variables.
        keras_arguments: the further arguments of ``keras.optimizers.Optimizer``:
            ``use_ema``, ``ema_momentum``, ``ema_overwrite_frequency``,
            ``loss_scale_factor``, ``gradient_accumulation_steps``; all structural.

    Raises:
        ValueError: a number is out of range, or two kinds of clipping are given.
        TypeError: a number is no number.
    """

    hyperparameter_table: ClassVar[Mapping[str, Hyperparameter]] = {}
    """Default and rule of every number the constructor takes."""
    slot_names: tuple[str, ...] = ()
    """What is kept for every variable, in its shape, zero at the start."""

    def __init__(
        self,
        learning_rate: Any,
        hyperparameters: Mapping[str, float] | None = None,
        *,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        weight_decay: float | None = None,
        name: str | None = None,
        **keras_arguments: Any,
    ) -> None:
        thresholds = {
            "clipnorm": clipnorm,
            "clipvalue": clipvalue,
            "global_clipnorm": global_clipnorm,
        }
        given = {kind: value for kind, value in thresholds.items() if value is not None}
        if len(given) > 1:
            raise ValueError(
                "at most one kind of clipping must be given. "
                f"Received {' and '.join(given)}. Leave out all but one."
            )
        numbers = {**(hyperparameters or {}), **given}
        if weight_decay is not None:
            numbers["weight_decay"] = weight_decay
        scheduled = callable(learning_rate)
        if not scheduled:
            learning_rate = self._rule_of("learning_rate").check("learning_rate", learning_rate)
        checked = {key: self._rule_of(key).check(key, value) for key, value in numbers.items()}
        # Keras is told of clipping and decay only below: its base would keep floats.
        super().__init__(learning_rate=learning_rate, name=name, **keras_arguments)
        self._clipping_kind = next(iter(given), None)
        self._adjustable = {} if scheduled else {"learning_rate": self._learning_rate}
        for key, value in checked.items():
            self._adjustable[key] = number_variable(self, key, value)
            super().__setattr__(key, self._adjustable[key])
        self._slots: list[State] = []
        self._shared: State = {}

    # What a subclass writes.

    def rule(self, state: State, gradient: Tensor, hyperparameters: State) -> tuple[State, Tensor]:
        """Return the new slots of one variable and the update u of W ← W − u.

        It must be pure and free of Python branches on values, and it must broadcast:
        with hyperparameters of shape (trials, 1) it serves gradients of shape
        (trials, weights).

        Args:
            state: the slots, and read-only ``"weights"`` (before this step, after
                weight decay) and ``"step"`` (1 at the first update).
            gradient: after clipping, in the shape of the weights.
            hyperparameters: tensors by name, in the type of the gradient.
        """
        raise NotImplementedError(f"{type(self).__name__} must define rule().")

    def joint_rule(
        self,
        shared: State,
        updates: list[Tensor],
        hyperparameters: State,
    ) -> tuple[State, list[Tensor]]:
        """Return the new shared state and the updates, seen over all variables together.

        For what needs every variable at once, such as a stopping rule on the norm of
        the whole update. By default nothing is kept or changed.
        """
        return shared, updates

    def initial_slots(self, weights: Tensor) -> State:
        """Return the slots of one variable before the first step: zeros of its shape."""
        dtype = precision(weights)
        return {name: ops.zeros(weights.shape, dtype=dtype) for name in self.slot_names}

    def initial_shared(self) -> State:
        """Return the state that belongs to no single variable, before the first step."""
        return {}

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

    def reset(self) -> None:
        """Forget all training: iterations, slots, averages; the hyperparameters stay.

        The variables stay the same objects, so a compiled model can be used for the
        next trial once its own weights are set.
        """
        if not self.built:
            return
        kept = {id(variable) for variable in self._adjustable.values()}
        for variable in self.variables:
            if id(variable) not in kept:  # averages and accumulators of Keras's base too
                variable.assign(ops.zeros(variable.shape, dtype=variable.dtype))
        for weights, slots in zip(self._trainable_variables, self._slots, strict=True):
            assign_all(slots, self.initial_slots(weights))
        assign_all(self._shared, self.initial_shared())

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
        """Create the slots of the trainable variables; Keras calls it."""
        if self.built:
            return
        super().build(variables)
        self._slots = [slot_variables(self, weights, self.initial_slots) for weights in variables]
        self._shared = state_variables(self, self.initial_shared)

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

    def _backend_update_step(
        self, grads: Sequence[Tensor], trainable_variables: Sequence[Any], learning_rate: Tensor
    ) -> None:
        indices = [self._get_variable_index(variable) for variable in trainable_variables]
        numbers = {**self._adjustable, "learning_rate": learning_rate}
        step = self.iterations + 1
        updates = []
        for index, gradient, variable in zip(indices, grads, trainable_variables, strict=True):
            dtype = precision(variable)
            state = {name: slot.value for name, slot in self._slots[index].items()}
            state["weights"] = ops.cast(variable, dtype)
            state["step"] = ops.cast(step, dtype)
            slots, update = self.rule(
                state,
                ops.cast(gradient, dtype),
                {name: ops.cast(value, dtype) for name, value in numbers.items()},
            )
            assign_all(self._slots[index], slots)
            updates.append(update)
        shared = {name: variable.value for name, variable in self._shared.items()}
        shared, updates = self.joint_rule(shared, updates, numbers)
        assign_all(self._shared, shared)
        for variable, update in zip(trainable_variables, updates, strict=True):
            new = ops.cast(variable, update.dtype) - update
            variable.assign(ops.cast(new, variable.dtype))

    def _clip_gradients(self, grads: Sequence[Tensor]) -> Sequence[Tensor]:
        if self._clipping_kind is None:
            return grads
        return _CLIP[self._clipping_kind](grads, self._adjustable[self._clipping_kind])

    def _apply_weight_decay(self, variables: Sequence[Any]) -> None:
        if "weight_decay" not in self._adjustable:
            return
        for variable in filter(self._use_weight_decay, variables):
            dtype = precision(variable)
            rate = ops.cast(self.learning_rate, dtype)
            decay = ops.cast(self._adjustable["weight_decay"], dtype)
            weights = ops.cast(variable, dtype)
            variable.assign(ops.cast(weights - weights * decay * rate, variable.dtype))

    def _var_key(self, variable: Any) -> int:
        # Keras's TensorFlow key reads the variable's value, which a stateless scope replaces.
        return id(variable)

    def _rule_of(self, name: str) -> Hyperparameter:
        return {**self.hyperparameter_table, **CLIPPING, "weight_decay": _WEIGHT_DECAY}[name]

    def _unknown_sentence(self, name: str) -> str:
        return (
            f"a hyperparameter of this {type(self).__name__} must be one of those it was built "
            f"with, {', '.join(self._adjustable)}. Received {name!r}."
            f"{did_you_mean(name, self._adjustable)}"
        )
