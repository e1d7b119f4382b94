"""Optimizers each of which breaks one property, and one that keeps all."""

from typing import Any

import keras
from keras import ops

from benchmark.optimizers import OPTIMIZERS
from benchmark.optimizers.base import Optimizer
from benchmark.optimizers.rules.momentum import heavy_ball
from benchmark.optimizers.tensors import State, Tensor


@keras.saving.register_keras_serializable(package="tests")
class Good(keras.optimizers.Optimizer):
    """Descent by a share of the gradient."""

    def __init__(self, learning_rate: float = 0.01, share: float = 0.5, **arguments: Any) -> None:
        super().__init__(learning_rate=learning_rate, **arguments)
        self.share = share

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        self.assign_sub(variable, self.step(gradient, ops.cast(learning_rate, variable.dtype)))

    def step(self, gradient: Any, learning_rate: Any) -> Any:
        return gradient * learning_rate * ops.cast(self.share, gradient.dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "share": self.share}


class Climbing(Good):
    """Steps the wrong way."""

    def step(self, gradient: Any, learning_rate: Any) -> Any:
        return -super().step(gradient, learning_rate)


class Restless(Good):
    """Moves without a gradient."""

    def step(self, gradient: Any, learning_rate: Any) -> Any:
        return super().step(gradient, learning_rate) + learning_rate


class Dividing(Good):
    """Divides by the gradient's size, which may be zero."""

    def step(self, gradient: Any, learning_rate: Any) -> Any:
        return learning_rate * gradient / ops.sqrt(ops.sum(ops.square(gradient)))


class ByRows(Good):
    """Divides each row by its size, which is zero where a unit is dead."""

    def step(self, gradient: Any, learning_rate: Any) -> Any:
        if len(gradient.shape) < 2:
            return super().step(gradient, learning_rate)
        size = ops.sqrt(ops.sum(ops.square(gradient), axis=-1, keepdims=True))
        is_dead = ops.all(gradient == 0)
        safe = ops.where(is_dead, ops.ones_like(size), size)
        return learning_rate * gradient / safe


class Waiting(Good):
    """Steps only where every weight of a variable has a gradient."""

    def step(self, gradient: Any, learning_rate: Any) -> Any:
        is_whole = ops.all(gradient != 0)
        step = super().step(gradient, learning_rate)
        return ops.where(is_whole, step, ops.zeros_like(step))


class Rounding(Good):
    """Computes in float32, whatever the weights are."""

    def step(self, gradient: Any, learning_rate: Any) -> Any:
        step = super().step(ops.cast(gradient, "float32"), ops.cast(learning_rate, "float32"))
        return ops.cast(step, gradient.dtype)


class Branching(Good):
    """Asks a value in Python, which a compiled step does not have."""

    def step(self, gradient: Any, learning_rate: Any) -> Any:
        factor = 2.0 if float(ops.sum(gradient)) > 0 else 1.0
        return factor * super().step(gradient, learning_rate)


class Forgetful(Good):
    """Remembers beside its variables, in what is not saved."""

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        self.count = getattr(self, "count", 0) + 1
        self.assign_sub(variable, self.step(gradient, learning_rate) / self.count)


class Silent(Good):
    """Leaves its share out of its configuration."""

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["share"]
        return config


class SGD(Good):
    """Bears a name of Keras's."""


class Unregistered(Good):
    """A class that Keras is never told of."""


class OfMatrices(Good):
    """Takes matrices only."""

    def step(self, gradient: Any, learning_rate: Any) -> Any:
        rows = ops.sum(ops.abs(gradient), axis=1, keepdims=True)
        return super().step(gradient, learning_rate) / (1 + rows)


class Halting(Good):
    """Does nothing."""

    def step(self, gradient: Any, learning_rate: Any) -> Any:
        return ops.zeros_like(gradient)


class Stubborn(Optimizer):
    """One of our base that keeps its first learning rate, whatever it is told later."""

    hyperparameter_table = OPTIMIZERS["sgd"].hyperparameters

    def __init__(self, learning_rate: float = 0.01, **arguments: Any) -> None:
        super().__init__(learning_rate, **arguments)
        self.first = float(learning_rate)

    def rule(self, state: State, gradient: Tensor, hyperparameters: State) -> tuple[State, Tensor]:
        return {}, self.first * gradient


class Declared(Optimizer):
    """One of our base that declares itself as a built-in optimizer does, its limit included."""

    entry = OPTIMIZERS["momentum"]
    state_names = ("velocity",)

    def rule(self, state: State, gradient: Tensor, hyperparameters: State) -> tuple[State, Tensor]:
        return heavy_ball(state, gradient, hyperparameters)
