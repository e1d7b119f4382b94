"""The optimizer class that is examined, and how it is built and made to step."""

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any

import keras
import numpy as np
from keras import ops

from benchmark import backend
from benchmark.conformance.properties import NotApplicableError
from benchmark.optimizers.building import (
    AdaptationError,
    build_optimizer,
    constant_hyperparameters,
    plain_optimizer,
)
from benchmark.optimizers.entry import OptimizerEntry
from benchmark.optimizers.registry import is_adapted, load_optimizer, optimizer_entry

Array = np.ndarray[Any, Any]
Tensor = Any
Function = Callable[..., Tensor]
"""``(weights, *rest) -> scalar`` in ``keras.ops``, weights being a list of tensors."""


@dataclass(frozen=True, eq=False)
class Subject:
    """An optimizer by name, with the options that are fixed.

    Args:
        name: a name of ``OPTIMIZERS``, ``keras:Class`` or ``package.module:Class``.
        options: structural arguments.
    """

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def entry(self) -> OptimizerEntry:
        """What the catalogue says of it."""
        return optimizer_entry(self.name)

    @cached_property
    def optimizer_class(self) -> Any:
        """The class itself."""
        return load_optimizer(self.name)

    @cached_property
    def numbers(self) -> dict[str, float]:
        """The default of every hyperparameter that is there by default."""
        table = self.entry.hyperparameters
        return {
            name: number.default for name, number in table.items() if number.default is not None
        }

    @cached_property
    def constants(self) -> frozenset[str]:
        """The numbers that its class cannot take as tensors."""
        return constant_hyperparameters(self.name, self.options)

    @cached_property
    def failure(self) -> str:
        """Why it cannot step as a pure function; empty where it can."""
        try:
            self.build()
        except AdaptationError as error:
            # The sentence of the engines, which has the rule and the remedy.
            return str(error).partition(f"Received {self.name}: ")[2].partition(". Train")[0]
        return ""

    def build(self, **numbers: float) -> Any:
        """Build what the engines train with: hyperparameters are variables of it."""
        fixed = {name: value for name, value in numbers.items() if name in self.constants}
        free = {name: value for name, value in numbers.items() if name not in self.constants}
        return build_optimizer(self.name, free, None, {**self.options, **fixed})

    def plain(self, **numbers: float) -> Any:
        """Build the class as its user would."""
        if not is_adapted(self.name):
            return build_optimizer(self.name, numbers, None, self.options)
        return plain_optimizer(self.name, numbers, None, self.options)

    def any(self, **numbers: float) -> Any:
        """Build it for engines, or plainly where that cannot be."""
        return self.plain(**numbers) if self.failure else self.build(**numbers)

    def require_pure(self) -> None:
        """End a property that asks for a pure function.

        Raises:
            NotApplicableError: it is none.
        """
        if self.failure:
            raise NotApplicableError(f"It does not step as a pure function: {self.failure}.")

    @property
    def without_decay(self) -> dict[str, float]:
        """The numbers that switch weight decay off, where it is on by default."""
        return {name: 0.0 for name in self.numbers if name.endswith("weight_decay")}


@cache
def _named(name: str, options: tuple[tuple[str, Any], ...]) -> Subject:
    optimizer_entry(name)  # raises where there is none
    return Subject(name, dict(options))


def subject_of(optimizer: Any, options: Mapping[str, Any]) -> Subject:
    """Return the subject of a name or a class, the same one each time.

    Raises:
        ValueError: there is no such optimizer, or no such option.
    """
    name = optimizer
    if isinstance(optimizer, type):
        name = f"{optimizer.__module__}:{optimizer.__qualname__}"
    subject = _named(name, tuple(sorted(options.items())))
    for option in options:
        if option not in subject.entry.options:
            known = ", ".join(subject.entry.options) or "(it has none)"
            raise ValueError(f"an option of {name} must be one of {known}. Received {option!r}.")
    return subject


# Steps. Every optimizer is given a function of the weights: most ask for its gradient only.


def takes_objective(optimizer: Any) -> bool:
    """Whether it asks for more of the loss than a gradient."""
    return hasattr(optimizer, "stateless_minimize")


def _objective(function: Function) -> Any:
    # Loaded by name: only optimizers that are built on it ask for it.
    module = importlib.import_module("benchmark.optimizers.objective")
    return module.function_objective(function)


def training_model(model: keras.Model, optimizer: Any) -> keras.Model:
    """The model that ``fit`` trains with an optimizer, which may ask for the whole loss."""
    if not takes_objective(optimizer):
        return model
    module = importlib.import_module("benchmark.optimizers.objective_model")
    return module.with_objective(model)


def pure_step(optimizer: Any, function: Function) -> Callable[..., Any]:
    """Return ``(own, weights, *rest) -> (new weights, new own)``, a pure function."""

    def step(state: Sequence[Tensor], weights: Sequence[Tensor], *rest: Tensor) -> Any:
        def of_weights(at: Sequence[Tensor]) -> Tensor:
            return function(at, *rest)

        value, gradients = backend.value_and_grad(of_weights)(list(weights))
        if takes_objective(optimizer):
            return optimizer.stateless_minimize(
                state, list(weights), value, list(gradients), _objective(of_weights)
            )
        return optimizer.stateless_apply(state, gradients, weights)

    return step


def take_steps(optimizer: Any, variables: Sequence[Any], function: Function, steps: range) -> None:
    """Make steps as a user's own loop would, on ``function(weights, step)``."""
    for step in steps:

        def of_weights(at: Sequence[Tensor], step: int = step) -> Tensor:
            return function(at, step)

        if takes_objective(optimizer):
            optimizer.minimize(_objective(of_weights), variables)
            continue
        values = [ops.convert_to_tensor(variable.value) for variable in variables]
        _, gradients = backend.value_and_grad(of_weights)(values)
        optimizer.apply(list(gradients), list(variables))


def variables_of(values: Sequence[Array], dtype: str = "float32") -> list[keras.Variable]:
    """Keras variables of given values."""
    return [
        keras.Variable(value, dtype=dtype, name=f"weights_{index}")
        for index, value in enumerate(values)
    ]


def arrays(tensors: Sequence[Any]) -> list[Array]:
    """NumPy copies of tensors or variables; those of 16 bits as float32."""
    values = []
    for tensor in tensors:
        value = getattr(tensor, "value", tensor)
        if keras.backend.standardize_dtype(value.dtype) == "bfloat16":
            value = ops.cast(value, "float32")
        values.append(np.array(ops.convert_to_numpy(value)))
    return values
