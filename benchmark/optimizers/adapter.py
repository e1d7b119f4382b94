"""Keras's optimizers and users' own, with their numbers as variables."""

import contextlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

from keras import ops

from benchmark.backend import keras_internals
from benchmark.optimizers.constructor import read_constructor
from benchmark.optimizers.mechanics import Mechanics, clipping_kind
from benchmark.optimizers.shared_hyperparameters import CLIPPING, REGULARIZATION
from benchmark.optimizers.tensors import Tensor

if TYPE_CHECKING:
    _Front = Mechanics
else:
    _Front = object  # Mechanics comes behind the Keras class in the order of methods


class Substitution(_Front):
    """What stands in front of a Keras class: its numbers are tensors while it steps.

    A Keras class keeps its numbers as Python floats, which a compiled program would hold as
    constants. Here each is a variable of the optimizer besides, whose value takes the
    float's place during :meth:`apply` and leaves it afterwards, also where ``apply``
    raises: configurations and files see plain numbers.

    :func:`adapt` makes the class; the Keras class comes next in its order of methods and
    :class:`~benchmark.optimizers.mechanics.Mechanics` behind that, so that what the class
    itself overrides of Keras's mechanics (Nadam, Muon) stays as it is.

    Args:
        arguments: those of the Keras class. Clipping and penalties are ours, see
            :mod:`benchmark.optimizers.clipping` and :mod:`benchmark.optimizers.penalties`.

    Raises:
        ValueError: a number is out of range, or two kinds of clipping are given.
        TypeError: a number is no number.
    """

    constants: ClassVar[frozenset[str]] = frozenset()
    """Numbers that stay Python floats: the class cannot take them as tensors."""

    def __init__(self, **arguments: Any) -> None:
        thresholds = {kind: arguments.pop(kind, None) for kind in CLIPPING}
        kind = clipping_kind(thresholds)
        table = self.hyperparameter_table
        given = {name: arguments[name] for name in table if arguments.get(name) is not None}
        ours = thresholds | {
            name: arguments.pop(name, None) for name in REGULARIZATION if name not in table
        }
        given |= {name: value for name, value in ours.items() if value is not None}
        numbers = {
            name: value if callable(value) else self._checked(name, value)
            for name, value in given.items()
        }
        variable_numbers = {name: value for name, value in numbers.items() if name in table}
        super().__init__(**{**arguments, **variable_numbers})
        defaults = {
            name: number.default for name, number in table.items() if number.default is not None
        }
        variables = {
            name: float(value)
            for name, value in {**defaults, **numbers}.items()
            if name not in self.constants and name != "learning_rate"
        }
        # Past Keras's own bookkeeping, which would wrap the dictionaries.
        self.__dict__["_given"] = {**arguments, **variable_numbers}
        self.__dict__["_places"] = {
            name: self._place(name) for name in variables if name not in ours
        }
        self._make_adjustable(variables, kind)
        if "learning_rate" in self.constants:
            self._adjustable.pop("learning_rate", None)

    def apply(self, grads: Sequence[Tensor], trainable_variables: Any = None) -> None:
        """Make one step, with the numbers as tensors."""
        if not self.built and trainable_variables is not None:
            self.build(list(trainable_variables))  # which may branch on the plain numbers
        with self._tensors():
            super().apply(grads, trainable_variables)

    def set_hyperparameters(self, values: Mapping[str, float]) -> None:
        """Assign numeric hyperparameters, see ``Mechanics``."""
        super().set_hyperparameters(values)
        for name, value in values.items():
            if name in self._places:
                self.__dict__[self._places[name]] = self._checked(name, value)

    def reset(self) -> None:
        """Forget all training: every variable is what a new optimizer's would be.

        The numbers stay, and so do the variables as objects, so that a compiled model can
        be used for the next trial once its own weights are set.
        """
        if not self.built:
            return
        fresh = type(self)(**self._arguments())
        fresh.build(keras_internals.trained_variables(self))
        for variable, initial in zip(self.variables, fresh.variables, strict=True):
            variable.assign(initial.value)

    def get_config(self) -> dict[str, Any]:
        """Return constructor arguments as plain values; ``from_config`` takes them."""
        config = super().get_config()
        current = {k: v for k, v in self._arguments().items() if not callable(v)}
        return {**config, **current}

    def _arguments(self) -> dict[str, Any]:
        """What an equal optimizer is constructed with."""
        plain = {name: self.__dict__[attribute] for name, attribute in self._places.items()}
        from_attributes = {
            name: value
            for name, value in self.hyperparameters.items()
            if name in self._adjustable and name not in plain
        }
        return {**self._given, "name": self.name, **from_attributes, **plain}

    @contextlib.contextmanager
    def _tensors(self) -> Iterator[None]:
        plain = {attribute: self.__dict__[attribute] for attribute in self._places.values()}
        try:
            for name, attribute in self._places.items():
                self.__dict__[attribute] = ops.convert_to_tensor(self._adjustable[name].value)
            yield
        finally:
            self.__dict__.update(plain)

    def _checked(self, name: str, value: Any) -> float:
        rule = self._rule_of(name)
        number = rule.check(name, value)
        # Keras's SGD refuses a momentum of type int, and `range` a float.
        return int(number) if rule.integer else number

    def _place(self, name: str) -> str:
        """The attribute that holds a number as it was given."""
        attribute = place_of(self, name)
        if attribute is None:
            raise ValueError(
                f"{name} must be an attribute of {type(self).__name__} to be a tensor. "
                f"Received a class without it. Make {name} a constant of it."
            )
        return attribute


def place_of(optimizer: Any, name: str) -> str | None:
    """Return the attribute in which an optimizer keeps a number, or nothing."""
    for attribute in (name, f"_{name}"):
        value = optimizer.__dict__.get(attribute)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return attribute
    return None


def adapt(optimizer_class: Any, constants: Collection[str] = ()) -> Any:
    """Return a subclass of a Keras optimizer class whose numbers are variables.

    It takes the arguments of the class, and has what our own optimizers have:
    ``hyperparameters``, ``set_hyperparameters``, ``reset``, and a ``stateless_apply`` that
    works on every backend and may be vectorized.

    Args:
        optimizer_class: a subclass of ``keras.optimizers.Optimizer``.
        constants: numbers that the class cannot take as tensors, see
            :func:`benchmark.optimizers.examination.examine`.

    Example:
        >>> import keras
        >>> adam = adapt(keras.optimizers.Adam)(learning_rate=0.1, clipnorm=1.0)
        >>> adam.set_hyperparameters({"beta_1": 0.5})
        >>> adam.hyperparameters["beta_1"], adam.get_config()["beta_1"]
        (0.5, 0.5)
    """
    return _adapted(optimizer_class, frozenset(constants))


@cache
def _adapted(optimizer_class: Any, constants: frozenset[str]) -> Any:
    table, _ = read_constructor(optimizer_class)
    members = {
        "__doc__": optimizer_class.__doc__,
        "__module__": optimizer_class.__module__,
        "hyperparameter_table": table,
        "constants": constants,
    }
    return type(optimizer_class.__name__, (Substitution, optimizer_class, Mechanics), members)
