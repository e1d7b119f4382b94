"""Keras's optimizers with their numbers as variables, against the same classes as they are."""

from dataclasses import dataclass, field
from functools import cache
from typing import Any

import keras
import numpy as np
import pytest

from benchmark import backend
from benchmark.optimizers.adapter import adapt

STEPS, SHAPES = 20, ((3, 2), (2,))
RNG = np.random.default_rng(11)
START = [RNG.normal(size=shape).astype("float32") for shape in SHAPES]
GRADIENTS = [[RNG.normal(size=shape).astype("float32") for shape in SHAPES] for _ in range(STEPS)]
# Values that float32 holds exactly, so that 1 − β is the same from a float and from a tensor.
RATE = {"learning_rate": (2.0**-4, 2.0**-5)}
BETAS = {"beta_1": (0.75, 0.5), "beta_2": (0.9375, 0.875)}
EPSILON = {"epsilon": (2.0**-10, 2.0**-4)}


@dataclass(frozen=True, eq=False)
class Adapted:
    """A class of Keras with two values for each number.

    Args:
        name: of the class.
        numbers: values by name, one a row.
        fixed: options, and numbers that are constants there.
        rounding: how far 20 steps may be apart, relative to weights of order one.
    """

    name: str
    numbers: dict[str, tuple[float, float]]
    fixed: dict[str, Any] = field(default_factory=dict)
    rounding: float = 4e-6  # twenty steps, a fused multiplication (6e-8) or two in each


DECAY = {"weight_decay": (2.0**-4, 2.0**-2)}
TABLE = [
    Adapted("SGD", {**RATE, "clipnorm": (0.5, 1.0)}),
    Adapted("SGD", RATE),
    Adapted("SGD", {**RATE, "clipvalue": (0.5, 1.0)}, {"momentum": 0.75, "nesterov": True}),
    Adapted("RMSprop", {**RATE, **EPSILON, "rho": (0.75, 0.5)}),
    Adapted("RMSprop", {**RATE, **EPSILON}, {"centered": True, "momentum": 0.5}),
    Adapted("Adam", {**RATE, **BETAS, **EPSILON, "global_clipnorm": (0.5, 1.0)}),
    Adapted("Adam", {**RATE, **BETAS, **EPSILON}, {"amsgrad": True}),
    Adapted("AdamW", {**RATE, **BETAS, **DECAY}),
    Adapted("Adagrad", {**RATE, **EPSILON}),
    Adapted("Adadelta", {**RATE, **EPSILON, "rho": (0.75, 0.5)}),
    Adapted("Adamax", {**RATE, **BETAS, **EPSILON}),
    Adapted("Nadam", {**RATE, **BETAS, **EPSILON}),
    Adapted("Ftrl", {**RATE, "l1_regularization_strength": (0.0, 0.125)}),
    Adapted("Lion", {**RATE, **BETAS}),
    Adapted("Adafactor", {**RATE, "clip_threshold": (1.0, 0.5)}),
    Adapted("Lamb", {**RATE, **BETAS, **EPSILON}),
    # Newton and Schulz's iteration magnifies a rounding some ten times in each step.
    Adapted("Muon", {**RATE, **DECAY, "momentum": (0.75, 0.5)}, rounding=1e-4),
]
CONSTANTS = {
    "SGD": ["momentum"],
    "RMSprop": ["momentum"],
    "Adagrad": ["initial_accumulator_value"],
    "Ftrl": ["initial_accumulator_value"],
    "Muon": ["ns_steps"],
}


def keras_class(name: str) -> Any:
    """A class of Keras; skips the test where this Keras lacks it."""
    optimizer_class = getattr(keras.optimizers, name, None)
    if optimizer_class is None:
        pytest.skip(f"this Keras has no {name}")
    if name == "Muon" and keras.__version__.startswith("3.12."):
        pytest.skip("Muon of Keras 3.12 itself cannot step on TensorFlow: it asks for a path")
    return optimizer_class


def row_of(adapted: Adapted, row: int) -> dict[str, float]:
    return {name: values[row] for name, values in adapted.numbers.items()}


@cache
def plain_points(adapted: Adapted, row: int) -> list[Any]:
    """Where the class itself gets, by Keras's own ``apply``."""
    optimizer = keras_class(adapted.name)(**adapted.fixed, **row_of(adapted, row))
    variables = [keras.Variable(value) for value in START]
    for gradients in GRADIENTS:
        optimizer.apply([keras.ops.convert_to_tensor(g) for g in gradients], variables)
    return [np.array(keras.ops.convert_to_numpy(variable.value)) for variable in variables]


def stacked(optimizer: Any, rows: list[dict[str, float]]) -> list[Any]:
    """The optimizer's variables before the first step, a row for each set of numbers."""
    states = []
    for numbers in rows:
        optimizer.set_hyperparameters(numbers)
        states.append([np.array(v.value) for v in optimizer.variables])
    return [np.stack(values) for values in zip(*states, strict=True)]


@pytest.mark.parametrize(
    "adapted",
    [
        # These have constants, options, clipping, and states of other shapes; the rest is slow.
        adapted
        if adapted.name in {"SGD", "Adam", "Adafactor", "Muon"}
        else pytest.param(adapted, marks=pytest.mark.slow)
        for adapted in TABLE
    ],
    ids=[f"{adapted.name}-{'-'.join(adapted.fixed)}" for adapted in TABLE],
)
def test_one_program_equals_the_class_itself_for_every_value(adapted: Adapted) -> None:
    optimizer = adapt(keras_class(adapted.name), CONSTANTS.get(adapted.name, ()))(
        **adapted.fixed, **row_of(adapted, 0)
    )
    optimizer.build([keras.Variable(value) for value in START])
    step = backend.compile(backend.vectorize(optimizer.stateless_apply, (0, None, 0)))
    for rows in ([0, 1], [1, 0]):
        state = stacked(optimizer, [row_of(adapted, row) for row in rows])
        weights = [np.stack([value] * len(rows)) for value in START]
        for gradients in GRADIENTS:
            weights, state = step(list(state), gradients, list(weights))
        for index, row in enumerate(rows):
            for weight, expected in zip(weights, plain_points(adapted, row), strict=True):
                np.testing.assert_allclose(
                    np.array(weight)[index], expected, rtol=adapted.rounding, atol=adapted.rounding
                )
    assert step.compilations == 1


def test_numbers_are_plain_outside_of_a_step_also_where_it_fails() -> None:
    class Failing(keras.optimizers.Adam):
        seen: list[Any] = []  # noqa: RUF012

        def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
            self.seen.append(self.beta_1)
            raise RuntimeError("no step")

    optimizer = adapt(Failing)(beta_1=0.5)
    with pytest.raises(RuntimeError, match="no step"):
        optimizer.apply([keras.ops.ones((2,))], [keras.Variable([1.0, 2.0])])
    assert not isinstance(Failing.seen[0], float)
    assert optimizer.beta_1 == 0.5 and isinstance(optimizer.beta_1, float)


def test_configuration_and_copies_have_the_numbers_of_now() -> None:
    optimizer = adapt(keras.optimizers.Adam)(learning_rate=0.5, clipnorm=2.0, amsgrad=True)
    optimizer.set_hyperparameters({"beta_1": 0.25, "learning_rate": 0.125})
    optimizer.beta_2 = 0.75  # as Keras's users do
    copy = type(optimizer).from_config(optimizer.get_config())
    expected = {"learning_rate": 0.125, "beta_1": 0.25, "beta_2": 0.75, "clipnorm": 2.0}
    assert copy.hyperparameters == {**expected, "epsilon": 1e-7}
    assert copy.get_config() == optimizer.get_config()
    assert copy.amsgrad is True


@pytest.mark.parametrize("name", ["Adagrad", "Nadam", "Adam"])
def test_reset_gives_what_a_new_optimizer_begins_with(name: str) -> None:
    optimizer = adapt(keras_class(name), CONSTANTS.get(name, ()))(learning_rate=0.25)
    variables, points = [keras.Variable(value) for value in START], []
    for _ in range(2):
        for variable, value in zip(variables, START, strict=True):
            variable.assign(value)
        optimizer.reset()
        for gradients in GRADIENTS[:3]:
            optimizer.apply([keras.ops.convert_to_tensor(g) for g in gradients], variables)
        points.append([np.array(variable.value) for variable in variables])
    for first, second in zip(*points, strict=True):
        np.testing.assert_array_equal(first, second)
    assert int(optimizer.iterations.value) == 3


def test_bad_numbers_are_refused_with_a_sentence() -> None:
    adapted = adapt(keras.optimizers.Adam)
    with pytest.raises(ValueError, match=r"beta_1 must be >= 0 and < 1. Received 1"):
        adapted(beta_1=1.0)
    with pytest.raises(ValueError, match="at most one kind of clipping"):
        adapted(clipnorm=1.0, clipvalue=1.0)
    optimizer = adapted()
    with pytest.raises(ValueError, match="Did you mean `beta_1`"):
        optimizer.set_hyperparameters({"beta1": 0.5})
    with pytest.raises(ValueError, match="epsilon must be > 0"):
        optimizer.set_hyperparameters({"beta_1": 0.5, "epsilon": 0.0})
    assert optimizer.beta_1 == 0.9
