"""Inside ``model.compile``: no second trace, reuse after reset, saving and loading."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

RNG = np.random.default_rng(5)
X = RNG.normal(size=(12, 3)).astype("float32")
Y = RNG.normal(size=(12, 2)).astype("float32")
STEPS = 6
"""Enough for every number to count: RAdam's first four steps need neither β₂ nor ε."""


@dataclass
class Compiled:
    """A compiled model with its first weights and how often its loss was traced."""

    model: Any
    start: list[Any]
    traces: list[int] = field(default_factory=list)

    def train(self, steps: int) -> list[Any]:
        """Train from wherever it stands; return the weights."""
        for step in range(steps):
            batch = slice(4 * (step % 3), 4 * (step % 3) + 4)
            self.model.train_on_batch(X[batch], Y[batch])
        return [np.array(weight) for weight in self.model.get_weights()]

    def states(self) -> list[Any]:
        """What the optimizer keeps for each weight."""
        return [
            np.array(value.value)
            for states in self.model.optimizer._states
            for value in states.values()
        ]

    def restart(self, numbers: dict[str, float]) -> None:
        """Return to the first weights with other hyperparameters, without compiling."""
        self.model.optimizer.reset()
        self.model.optimizer.set_hyperparameters(numbers)
        self.model.set_weights(self.start)


def fresh(optimizer: Any) -> Compiled:
    initializer = keras.initializers.GlorotUniform(seed=1)
    model = keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Dense(4, "tanh", kernel_initializer=initializer),
            keras.layers.Dense(2, kernel_initializer=initializer),
        ]
    )
    compiled = Compiled(model, model.get_weights())

    def loss(y: Any, prediction: Any) -> Any:
        compiled.traces.append(1)  # runs while tracing, not in the compiled program
        return keras.ops.mean(keras.ops.square(y - prediction), -1)

    # On JAX there is no program without it; on TensorFlow XLA only takes longer.
    model.compile(optimizer, loss, jit_compile=keras.backend.backend() == "jax")
    return compiled


@pytest.fixture(scope="module")
def compiled(case: Any) -> Compiled:
    """One compiled model a row; compilation is what takes the time."""
    return fresh(case.build(global_clipnorm=100.0))


def assert_same(first: list[Any], second: list[Any]) -> None:
    for first_value, second_value in zip(first, second, strict=True):
        np.testing.assert_array_equal(first_value, second_value)


def test_reset_and_rerun_gives_the_same_bits(case: Any, compiled: Compiled) -> None:
    numbers = {**case.numbers, "global_clipnorm": 100.0}
    runs = []
    for _ in range(2):
        compiled.restart(numbers)
        runs.append(compiled.train(5))
    assert_same(*runs)
    assert int(compiled.model.optimizer.iterations.value) == 5


def test_a_changed_hyperparameter_takes_effect_without_a_new_trace(
    case: Any, compiled: Compiled
) -> None:
    numbers = {**case.numbers, "global_clipnorm": 100.0}
    compiled.restart(numbers)
    usual, usual_states = compiled.train(STEPS), compiled.states()
    traced = len(compiled.traces)
    assert traced > 0
    for name, value in numbers.items():
        compiled.restart({**numbers, name: value / 1000 if "clip" in name else value / 2})
        changed = compiled.train(STEPS)
        pairs = [*zip(usual, changed, strict=True)]
        if "clip" in name:  # of Lion's steps a scale changes nothing but what it keeps
            pairs += zip(usual_states, compiled.states(), strict=True)
        assert any((usual_value != changed_value).any() for usual_value, changed_value in pairs), (
            name
        )
    assert len(compiled.traces) == traced
    # And what it computes is what a fresh model with these numbers computes.
    halved = {name: value / 2 for name, value in case.numbers.items()}
    compiled.restart({**halved, "global_clipnorm": 0.1})
    rebuilt = fresh(case.build(**halved, global_clipnorm=0.1))
    rebuilt.model.set_weights(compiled.start)
    assert_same(compiled.train(STEPS), rebuilt.train(STEPS))


def test_a_saved_model_goes_on_where_it_stood(
    case: Any, compiled: Compiled, tmp_path: Path
) -> None:
    compiled.restart({**case.numbers, "global_clipnorm": 100.0})
    compiled.train(3)
    path = tmp_path / "model.keras"
    compiled.model.save(path)
    whole = compiled.train(3)
    loaded = keras.saving.load_model(path, compile=True, custom_objects={"loss": "mse"})
    assert type(loaded.optimizer) is type(compiled.model.optimizer)
    assert loaded.optimizer.get_config() == compiled.model.optimizer.get_config()
    assert int(loaded.optimizer.iterations.value) == 3
    again = Compiled(loaded, compiled.start)
    assert_same(again.train(3), whole)
