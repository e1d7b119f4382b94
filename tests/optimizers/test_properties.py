"""What every optimizer keeps to, whatever its rule: the conformance suite, and what is ours alone.

The suite checks all properties of all optimizers among the slow tests
(``tests/conformance/test_checking.py``); here all of them for one optimizer of each kind.
"""

from typing import Any

import keras
import numpy as np
import pytest

from benchmark.conformance import PROPERTIES, check_property
from benchmark.optimizers import OPTIMIZERS, load_optimizer

START = np.array([1.5, -2.0, 0.3], "float32")


KINDS = ("sgd", "adam", "schedule_free_sgd", "dog", "adafactor")
"""One for each kind of state: none, like the weights, averaged, shared, of other shapes."""
ENGINES = ("vectorized as sequential", "any neighbours")  # tests/engine has these
OF_THE_RULE = ("zero gradient", "configuration")
"""Properties that hang on the rule itself, so that every optimizer is checked."""
CHECKS = [
    (optimizer, name)
    for optimizer in OPTIMIZERS
    for name in PROPERTIES
    if name in OF_THE_RULE or (optimizer in KINDS and name not in ENGINES)
]


@pytest.mark.parametrize(("optimizer", "name"), CHECKS)
def test_keeps_the_properties_of_the_conformance_suite(optimizer: str, name: str) -> None:
    check_property(optimizer, name).require()


def state_of(optimizer: Any) -> list[Any]:
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in optimizer.variables]


def test_takes_scalar_variables(case: Any, follow: Any) -> None:
    points = follow(case.build(), np.array(2.0), lambda w, t: w, 3)
    expected = case.points(np.array(2.0), lambda w, t: w, 3, **case.numbers)
    np.testing.assert_allclose(points, expected, rtol=1e-5)  # three float32 roundings


def test_reset_and_rerun_gives_the_same_bits(case: Any, follow: Any, bumpy: Any) -> None:
    optimizer = case.build(clipnorm=1.0)
    weights = keras.Variable(START)
    runs = []
    for _ in range(2):
        weights.assign(START)
        for t in range(5):
            g = keras.ops.convert_to_tensor(bumpy(weights.numpy(), t).astype("float32"))
            optimizer.apply([g], [weights])
        runs.append([weights.numpy(), *state_of(optimizer)])
        optimizer.reset()
        assert int(optimizer.iterations.numpy()) == 0
        assert optimizer.hyperparameters["clipnorm"] == 1.0
    for first, second in zip(*runs, strict=True):
        np.testing.assert_array_equal(first, second)


def test_nan_gradients_do_not_break_the_bookkeeping(case: Any, follow: Any, bumpy: Any) -> None:
    optimizer = case.build()
    weights = keras.Variable(START)
    for _ in range(2):
        optimizer.apply([keras.ops.full((3,), float("nan"))], [weights])
    assert np.isnan(weights.numpy()).all()
    assert int(optimizer.iterations.numpy()) == 2
    assert optimizer.hyperparameters == case.build().hyperparameters
    optimizer.reset()
    weights.assign(START)
    optimizer.apply([keras.ops.convert_to_tensor(bumpy(START, 0).astype("float32"))], [weights])
    np.testing.assert_array_equal(weights.numpy(), follow(case.build(), START, bumpy, 1)[0])


def test_config_round_trip(case: Any) -> None:
    numbers = {**case.numbers, "learning_rate": 0.05, "clipnorm": 0.3}
    optimizer = case.build(**numbers, name="twice")
    config = optimizer.get_config()
    assert all(type(config[name]) is float for name in optimizer.hyperparameters)
    for name, value in numbers.items():
        assert np.float32(config[name]) == np.float32(value)
    assert config["learning_rate"] == 0.05  # not 0.05000000074505806
    again = type(optimizer).from_config(config)
    assert again.get_config() == config
    revived = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert type(revived) is type(optimizer)
    assert revived.get_config() == config


def test_hyperparameters_are_variables_and_can_be_set(case: Any, follow: Any, bumpy: Any) -> None:
    changed = {name: value / 2 for name, value in case.numbers.items()}
    optimizer = case.build(clipvalue=10.0)
    optimizer.set_hyperparameters({**changed, "clipvalue": 0.5})
    assert optimizer.hyperparameters == case.build(**changed, clipvalue=0.5).hyperparameters
    for name, value in changed.items():
        assert np.float32(optimizer.hyperparameters[name]) == np.float32(value)
    ours = follow(optimizer, START, bumpy, 5)
    np.testing.assert_array_equal(
        ours, follow(case.build(**changed, clipvalue=0.5), START, bumpy, 5)
    )
    identities = {id(variable) for variable in optimizer.variables}
    assert all(id(optimizer._adjustable[name]) in identities for name in optimizer.hyperparameters)


def test_every_number_out_of_range_is_refused(case: Any) -> None:
    optimizer = case.build()
    before = optimizer.hyperparameters
    for name in case.numbers:
        for value in (-0.1, float("nan"), float("inf")):
            with pytest.raises(ValueError, match=rf"{name} must be .* Received {value:g}\. Give"):
                case.build(**{name: value})
            with pytest.raises(ValueError, match=rf"{name} must be"):
                # The first number is fine: nothing may be assigned all the same.
                optimizer.set_hyperparameters({"learning_rate": 0.5, name: value})
        with pytest.raises(TypeError, match=rf"{name} must be a number. Received 'much'"):
            case.build(**{name: "much"})
    assert optimizer.hyperparameters == before


def test_a_reset_optimizer_trains_on_in_a_compiled_model() -> None:
    """RAdam begins two states with one tensor, which JAX would donate twice."""
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    optimizer = load_optimizer("radam")()
    model.compile(optimizer, "mean_squared_error", jit_compile=keras.backend.backend() == "jax")
    x, y = np.ones((4, 2), "float32"), np.ones((4, 1), "float32")
    start = model.get_weights()
    losses = []
    for _ in range(2):
        model.set_weights(start)
        losses.append([float(model.train_on_batch(x, y)) for _ in range(2)])
        optimizer.reset()
        model.reset_metrics()
    assert losses[0] == losses[1]
