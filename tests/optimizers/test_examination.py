"""What of a class may be a tensor: classes made to be found out."""

from typing import Any

import keras
import pytest
from keras import ops

from benchmark.optimizers.examination import Findings, examine, verify


class Plain(keras.optimizers.Optimizer):
    """Descent by a share of the gradient."""

    def __init__(self, learning_rate: float = 0.01, share: float = 0.5, **arguments: Any) -> None:
        super().__init__(learning_rate=learning_rate, **arguments)
        self.share = share

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        self.assign_sub(variable, gradient * learning_rate * self.factor())

    def factor(self) -> Any:
        return self.share


class Branching(Plain):
    def factor(self) -> Any:
        return self.share if self.share > 0.25 else 0.0


class Converting(Plain):
    def factor(self) -> Any:
        return float(self.share)


class Elsewhere(Plain):
    def __init__(self, learning_rate: float = 0.01, share: float = 0.5, **arguments: Any) -> None:
        super().__init__(learning_rate, **arguments)
        self.rest = 1 - share
        del self.__dict__["share"]

    def factor(self) -> Any:
        return 1 - self.rest


class Derived(Plain):
    """A number that is kept, but whose use was computed at construction."""

    def __init__(self, learning_rate: float = 0.01, share: float = 0.5, **arguments: Any) -> None:
        super().__init__(learning_rate, share, **arguments)
        self.rest = 1 - share

    def factor(self) -> Any:
        return 1 - self.rest


class Frozen(Plain):
    """A learning rate that was read at construction."""

    def __init__(self, learning_rate: float = 0.01, **arguments: Any) -> None:
        super().__init__(learning_rate, **arguments)
        self.first = learning_rate

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        self.assign_sub(variable, gradient * self.first)


class Remembering(Plain):
    """State beside Keras's variables: not a pure function."""

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        self.count = getattr(self, "count", 0) + 1
        self.assign_sub(variable, gradient * learning_rate * self.share * self.count)


class Reading(Plain):
    """A step that needs the values themselves."""

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        if ops.max(gradient) > 0:
            self.assign_sub(variable, gradient * learning_rate * self.share)


class Optional(Plain):
    """A branch on a number, by an option."""

    def __init__(self, learning_rate: float = 0.01, careful: bool = False, **more: Any) -> None:
        super().__init__(learning_rate, **more)
        self.careful = careful

    def factor(self) -> Any:
        return min(self.share, 0.75) if self.careful else self.share


CONSTANTS = [
    (Plain, set()),
    (Branching, {"share"}),
    (Converting, {"share"}),
    (Elsewhere, {"share"}),
    (Derived, {"share"}),
    (Frozen, {"learning_rate", "share"}),  # whose share has no effect that could be seen
    (Optional, set()),
]


@pytest.mark.parametrize(
    ("optimizer_class", "constants"),
    CONSTANTS,
    ids=[optimizer_class.__name__ for optimizer_class, _ in CONSTANTS],
)
def test_what_cannot_be_a_tensor_is_a_constant(optimizer_class: Any, constants: set[str]) -> None:
    assert examine(optimizer_class) == Findings(frozenset(constants))


def test_an_option_may_make_a_number_a_constant() -> None:
    assert examine(Optional, (("careful", True),)).constants == {"share"}


@pytest.mark.parametrize("optimizer_class", [Remembering, Reading])
def test_a_class_whose_step_is_no_function_is_found_out(optimizer_class: Any) -> None:
    findings = examine(optimizer_class)
    assert findings.failure
    assert "\n" not in findings.failure


@pytest.mark.parametrize(
    ("name", "constants"),
    [
        ("SGD", {"momentum"}),
        ("Adagrad", {"initial_accumulator_value"}),
        ("Nadam", set()),
    ],
)
def test_keras_classes(name: str, constants: set[str]) -> None:
    assert examine(getattr(keras.optimizers, name)) == Findings(frozenset(constants))


def test_other_values_of_constants_are_verified() -> None:
    findings = Findings(frozenset({"momentum"}))
    assert verify(keras.optimizers.SGD, (("momentum", 0.5), ("nesterov", True)), findings) == ""
    assert "momentum" in verify(keras.optimizers.SGD, (("momentum", 2.0),), findings)
    # What is taken for a tensor by mistake is seen where its value is another.
    assert verify(keras.optimizers.SGD, (("momentum", 0.5),), Findings())
