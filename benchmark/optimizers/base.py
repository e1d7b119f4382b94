"""The base of our optimizers: Keras's mechanics around a pure update rule."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import keras
from keras import ops

from benchmark import backend
from benchmark.backend import keras_internals
from benchmark.optimizers.entry import OptimizerEntry, constructor
from benchmark.optimizers.mechanics import Mechanics, clipping_kind, present
from benchmark.optimizers.rule_parts import not_begun
from benchmark.optimizers.tensors import (
    State,
    Tensor,
    assign_all,
    precision,
    state_variables,
    weight_state_variables,
    zeros,
)


class Optimizer(Mechanics):
    """Base of the optimizers: subclass it, name its state variables, and write the rule.

    A subclass says what it keeps for every variable (``state_names``), which numbers
    it takes (``hyperparameter_table``) and how one step is made (:meth:`rule`). The
    base does the rest, in Keras's order: unscale the loss, penalties, clip, decoupled
    weight decay, rule, moving average of the weights, constraints.

    Every numeric hyperparameter is a non-trainable variable of the optimizer, so a
    compiled training program serves every value, and :meth:`stateless_apply` takes
    the values as tensors, mapped over a leading trial axis if one likes. What is
    *structural*, fixed at construction, is only whether a hyperparameter is there.

    Departures from Keras: those of :class:`~benchmark.optimizers.mechanics.Mechanics`;
    and weights of 16 bits keep their state and compute their step in float32.

    Args:
        learning_rate: a number > 0, or a ``LearningRateSchedule`` of the iteration.
        hyperparameters: the other numbers of ``hyperparameter_table`` by name.
        clipnorm, clipvalue, global_clipnorm, adaptive_clipnorm, percentile_clipnorm: at
            most one threshold > 0, see :mod:`benchmark.optimizers.clipping`.
        weight_decay: λ ≥ 0 of W ← W − learning_rate · λ · W before each step.
        l1, l2: ≥ 0, coefficients of penalties on the weights, see
            :mod:`benchmark.optimizers.penalties`.
        name: of the optimizer and its variables.
        keras_arguments: the further arguments of ``keras.optimizers.Optimizer``:
            ``use_ema``, ``ema_momentum``, ``ema_overwrite_frequency``,
            ``loss_scale_factor``, ``gradient_accumulation_steps``; all structural.

    Raises:
        ValueError: a number is out of range, or two kinds of clipping are given.
        TypeError: a number is no number.
    """

    entry: ClassVar[OptimizerEntry | None] = None
    """What the class declares of itself. Its hyperparameters, options and sizes are then the
    arguments of the constructor, unless the class writes its own."""
    constant_names: tuple[str, ...] = ()
    """Which hyperparameters are structural: each value is a program of its own."""
    state_names: tuple[str, ...] = ()
    """What is kept for every variable, in its shape, zero at the start."""
    knows_first_gradient: ClassVar[bool] = False
    """Whether the rule is told of a variable's first gradient, by the state ``begun``."""
    decays_in_rule: bool = False
    """Whether :meth:`rule` decays the weights itself, by ``weight_decay`` where it is given one."""
    is_elementwise: ClassVar[bool] = True
    """Whether the rule treats each weight by itself. One that takes norms of a variable or
    products of matrices does not: it sees one variable of one trial, and serves several
    trials only when it is mapped over them (``backend.vectorize``), as the engine does."""

    if TYPE_CHECKING:
        # The arguments of each class are those of its entry, which a type checker cannot see.
        def __init__(self, *arguments: Any, **keywords: Any) -> None: ...

    else:

        def __init__(
            self,
            learning_rate: Any,
            hyperparameters: Mapping[str, float] | None = None,
            *,
            clipnorm: float | None = None,
            clipvalue: float | None = None,
            global_clipnorm: float | None = None,
            adaptive_clipnorm: float | None = None,
            percentile_clipnorm: float | None = None,
            weight_decay: float | None = None,
            l1: float | None = None,
            l2: float | None = None,
            name: str | None = None,
            **keras_arguments: Any,
        ) -> None:
            thresholds = {
                "clipnorm": clipnorm,
                "clipvalue": clipvalue,
                "global_clipnorm": global_clipnorm,
                "adaptive_clipnorm": adaptive_clipnorm,
                "percentile_clipnorm": percentile_clipnorm,
            }
            given = {"weight_decay": weight_decay, "l1": l1, "l2": l2, **thresholds}
            numbers = {**(hyperparameters or {}), **present(given)}
            kind = clipping_kind(thresholds)
            if not callable(learning_rate):
                learning_rate = self._rule_of("learning_rate").check("learning_rate", learning_rate)
            checked = {key: self._rule_of(key).check(key, value) for key, value in numbers.items()}
            # Keras is told of clipping and decay only below: its base would keep floats.
            super().__init__(learning_rate=learning_rate, name=name, **keras_arguments)
            self._make_adjustable(checked, kind)
            for key in checked:
                keras.optimizers.Optimizer.__setattr__(self, key, self._adjustable[key])
            self._states: list[State] = []
            self._shared: State = {}

    def __init_subclass__(cls, **arguments: Any) -> None:
        """Make table and constructor of a class that declares an entry."""
        super().__init_subclass__(**arguments)
        if "slot_names" in cls.__dict__:  # its former name, read for one release
            cls.state_names = cls.__dict__["slot_names"]
        entry = cls.__dict__.get("entry")
        if entry is None:
            return
        if "hyperparameter_table" not in cls.__dict__:
            cls.hyperparameter_table = entry.hyperparameters
        cls.constant_names = tuple(n for n in entry.hyperparameters if n in entry.constants)
        cls.__doc__ = entry.documented(cls.__doc__)
        if "__init__" not in cls.__dict__:
            cls.__init__ = constructor(cls)  # type: ignore[method-assign]

    # What a subclass writes.

    def set_options(self, options: Mapping[str, Any]) -> None:
        """Take the options of the entry; a subclass may check them first."""
        assert self.entry is not None, "only a class with an entry has options"
        for name, value in options.items():
            setattr(self, name, type(self.entry.options[name])(value))

    def rule(self, state: State, gradient: Tensor, hyperparameters: State) -> tuple[State, Tensor]:
        """Return the new state of one variable and the update u of W ← W − u.

        It must be pure and free of Python branches on values. Where ``is_elementwise``,
        it may be called once for each of its results, and it must broadcast: with
        hyperparameters of shape (trials, 1) it serves gradients of shape
        (trials, weights).

        Args:
            state: its state variables, and read-only ``"weights"`` (before this step, after
                weight decay), ``"step"`` (1 at the first update) and what
                :meth:`shared_rule` returned, in its own type.
            gradient: after clipping, in the shape of the weights.
            hyperparameters: tensors by name, in the type of the gradient.
        """
        raise NotImplementedError(f"{type(self).__name__} must define rule().")

    def shared_rule(
        self,
        shared: State,
        states: list[State],
        gradients: list[Tensor],
        hyperparameters: State,
    ) -> State:
        """Return the new shared state, seen over all variables before any of them moves.

        For what the steps of all variables depend on together, such as a step size of
        the whole gradient. By default nothing is kept or changed.

        Args:
            shared: as the last step left it.
            states: of each variable, as :meth:`rule` gets them.
            gradients: of each variable.
            hyperparameters: tensors and variables by name, in their own type.
        """
        return shared

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

    def initial_state(self, weights: Tensor) -> State:
        """Return the state of one variable before the first step: zeros of its shape."""
        state = zeros(self.state_names, weights)
        return {**state, **not_begun(weights)} if self.knows_first_gradient else state

    def initial_shared(self) -> State:
        """Return the state that belongs to no single variable, before the first step."""
        return {}

    def memory(self, values: Sequence[Any]) -> tuple[list[State], State]:
        """Tell what the rule remembers in values of ``variables``: of each weight, and besides.

        Args:
            values: in the order of ``variables``, of a built optimizer.

        Returns:
            The state of each weight by name, and the shared state by name.
        """
        value_of = {id(key): value for key, value in zip(self.variables, values, strict=True)}
        states = [
            {name: value_of[id(variable)] for name, variable in state.items()}
            for state in (*self._states, self._shared)
        ]
        return states[:-1], states[-1]

    def reset(self) -> None:
        """Forget all training: iterations, state, averages; the hyperparameters stay.

        The variables stay the same objects, so a compiled model can be used for the
        next trial once its own weights are set.
        """
        if not self.built:
            return
        hyperparameters = {id(variable) for variable in self._adjustable.values()}
        for variable in self.variables:
            if id(variable) not in hyperparameters:  # averages and accumulators of Keras's base too
                variable.assign(ops.zeros(variable.shape, dtype=variable.dtype))
        trained = keras_internals.trained_variables(self)
        for weights, state in zip(trained, self._states, strict=True):
            assign_all(state, _apart(self.initial_state(weights)))
        assign_all(self._shared, _apart(self.initial_shared()))

    # Keras's mechanics.

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments as plain values."""
        entry = self.entry
        structural = () if entry is None else (*entry.options, *entry.sizes)
        return {**super().get_config(), **{name: getattr(self, name) for name in structural}}

    def build(self, variables: Sequence[Any]) -> None:
        """Create the state of the trainable variables; Keras calls it."""
        if self.built:
            return
        super().build(variables)
        self._states = [
            weight_state_variables(self, weights, self.initial_state) for weights in variables
        ]
        self._shared = state_variables(self, self.initial_shared)

    def update_step(self, gradient: Tensor, variable: Any, learning_rate: Tensor) -> None:
        """Make the step of one variable by the rule alone, as in Keras.

        :meth:`apply` does so for all of them, after penalties, clipping and decay, and counts.

        Args:
            gradient: of the variable.
            variable: one of those that the optimizer was built with.
            learning_rate: η of this step.

        Raises:
            NotImplementedError: the step of one variable depends on all of them.
            ValueError: the optimizer is not built.
        """
        name = type(self).__name__
        if not self._steps_apart:
            raise NotImplementedError(
                f"update_step must be called for an optimizer that steps each variable by itself. "
                f"Received {name}, whose step depends on all variables together. "
                "Call optimizer.apply(gradients, variables)."
            )
        if not self.built:
            raise ValueError(
                f"the optimizer must be built before update_step. Received {name} without "
                "variables. Call optimizer.build(variables) first."
            )
        self._update_all([gradient], [variable], learning_rate)

    @property
    def _steps_apart(self) -> bool:
        """Whether the step of each variable depends on no other."""
        rules = type(self)
        return (
            rules.shared_rule is Optimizer.shared_rule and rules.joint_rule is Optimizer.joint_rule
        )

    def _update_all(
        self, gradients: Sequence[Tensor], variables: Sequence[Any], learning_rate: Tensor
    ) -> None:
        indices = [keras_internals.variable_index(self, variable) for variable in variables]
        numbers = {**self._adjustable, "learning_rate": learning_rate}
        step = self.iterations + 1
        states, cast_gradients = [], []
        for index, gradient, variable in zip(indices, gradients, variables, strict=True):
            dtype = precision(variable)
            # Tensors, not variables: TensorFlow's lack what some operations of Keras ask for.
            state = {
                name: ops.cast(value, value.dtype) for name, value in self._states[index].items()
            }
            state["weights"] = ops.cast(variable, dtype)
            state["step"] = ops.cast(step, dtype)
            states.append(state)
            cast_gradients.append(ops.cast(gradient, dtype))
        shared = {name: variable.value for name, variable in self._shared.items()}
        shared = self.shared_rule(shared, states, cast_gradients, numbers)
        updates, seen = [], []
        for index, state, gradient, variable in zip(
            indices, states, cast_gradients, variables, strict=True
        ):
            rule_numbers = self._numbers_for(variable, numbers)
            old_state = {name: state.pop(name) for name in self._states[index]}
            read_only = {**shared, **state}
            new_state, update, same = self._ruled(old_state, read_only, gradient, rule_numbers)
            assign_all(self._states[index], new_state)
            updates.append(update)
            seen.append(same)
        # Twice, for the same reason as in `_ruled`; what is not used is not computed.
        _, updates = self.joint_rule(shared, updates, numbers)
        shared, _ = self.joint_rule(shared, seen, numbers)
        assign_all(self._shared, shared)  # last, for tensors of TensorFlow may be the variables
        for variable, update in zip(variables, updates, strict=True):
            new = ops.cast(variable, update.dtype) - update
            variable.assign(ops.cast(new, variable.dtype))

    def _ruled(
        self, state: State, read_only: State, gradient: Tensor, numbers: State
    ) -> tuple[State, Tensor, Tensor]:
        """Return the new state, and the update twice: for the weights, and for what is shared.

        Where all is elementwise each of them is computed separately, so that one loop over memory
        gives all.
        """

        def ruled(given: tuple[State, Tensor]) -> tuple[State, Tensor]:
            return self.rule({**read_only, **given[0]}, given[1], numbers)

        if not self.is_elementwise:
            new, update = ruled((state, gradient))
            return new, update, update
        is_joint = type(self).joint_rule is not Optimizer.joint_rule
        results = backend.apart(ruled, (state, gradient), len(state) + 1 + is_joint)
        new = {name: results[index][0][name] for index, name in enumerate(results[0][0])}
        return new, results[len(new)][1], results[-1][1]

    def _numbers_for(self, variable: Any, numbers: State) -> State:
        """The numbers of the rule of one variable, without decay where it is excluded from it."""
        dtype = precision(variable)
        decays = self.decays_in_rule and keras_internals.is_decayed(self, variable)
        return {
            name: ops.cast(value, dtype)
            for name, value in numbers.items()
            if name != "weight_decay" or decays
        }

    def _decay_all(self, variables: Sequence[Any]) -> None:
        if not self.decays_in_rule:
            super()._decay_all(variables)


def _apart(values: State) -> State:
    """Copies: JAX donates buffers to a compiled step, and no buffer twice."""
    return {name: ops.copy(value) for name, value in values.items()}
