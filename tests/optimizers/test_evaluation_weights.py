"""The weights at which a model is evaluated: oracles, Keras's hook, and what comes after it."""

from typing import Any

import keras
import numpy as np
import pytest

from benchmark.optimizers import build_optimizer
from benchmark.optimizers.adapter import adapt
from tests.optimizers.cases import CASES
from tests.optimizers.cases.recent import schedule_free_sequences

START = np.array([[1.5, -2.0, 0.3], [0.7, -0.1, 3.0]])
AVERAGING = [row for row in CASES if row.evaluated is not None]


def evaluated(optimizer: Any, weights: Any) -> Any:
    state = [variable.value for variable in optimizer.variables]
    [evaluation_weights] = optimizer.evaluation_weights(state, [weights.value])
    return keras.ops.convert_to_numpy(evaluation_weights)


def descend(optimizer: Any, weights: Any, steps: int, gradient: Any = None) -> list[Any]:
    """Where the optimizer is evaluated after each step; J = W²/2 unless a gradient is given."""
    points = []
    for t in range(steps):
        g = weights.value if gradient is None else gradient(weights.numpy(), t)
        optimizer.apply([keras.ops.cast(g, weights.dtype)], [weights])
        points.append(evaluated(optimizer, weights))
    return points


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("row", AVERAGING, ids=lambda row: row.name)
def test_follows_the_numpy_loop_in_float64(row: Any, bumpy: Any) -> None:
    weights, optimizer = keras.Variable(START, dtype="float64"), row.build()
    optimizer.build([weights])
    np.testing.assert_array_equal(evaluated(optimizer, weights), START)
    points = descend(optimizer, weights, 30, bumpy)
    # 30 steps of float64 rounding, in another order of operations.
    np.testing.assert_allclose(points, row.evaluated(START, bumpy, 30), rtol=1e-11, atol=1e-12)
    assert np.abs(points[-1] - weights.numpy()).max() > 0.01


def test_is_the_weights_themselves_as_a_rule() -> None:
    optimizer = build_optimizer("momentum")
    weights = keras.Variable([1.0])
    optimizer.build([weights])
    given = keras.ops.convert_to_tensor([2.0])
    assert not optimizer.has_evaluation_weights
    assert optimizer.evaluation_weights(optimizer.variables, [given])[0] is given


@pytest.mark.parametrize("name", [row.optimizer for row in AVERAGING])
def test_goes_on_from_the_judged_weights(name: str, bumpy: Any) -> None:
    weights, optimizer = keras.Variable(START, dtype="float32"), build_optimizer(name)
    *_, last = descend(optimizer, weights, 3, bumpy)
    trained = weights.numpy().copy()
    optimizer.finalize_variable_values([weights])
    np.testing.assert_array_equal(weights.numpy(), last)
    assert (trained != last).any()
    optimizer.finalize_variable_values([weights])  # twice is once
    np.testing.assert_array_equal(weights.numpy(), last)
    np.testing.assert_array_equal(evaluated(optimizer, weights), last)
    if name == "averaged_sgd":  # the next step is that of SGD from there
        optimizer.apply([weights.value], [weights])
        np.testing.assert_allclose(weights.numpy(), last - 0.01 * last, rtol=1e-6)


def test_fit_ends_at_the_average_of_its_iterates() -> None:
    class Recorder(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            points.append(self.model.get_weights()[0].copy())

    points: list[Any] = []
    random = np.random.default_rng(2)
    x, y = random.normal(size=(12, 3)).astype("float32"), random.normal(size=(12, 1))
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, use_bias=False)])
    model.compile(build_optimizer("averaged_sgd", {"learning_rate": 0.125}), "mse")
    model.fit(x, y, batch_size=4, epochs=2, verbose=0, callbacks=[Recorder()])
    assert len(points) == 6
    # Six float32 roundings of weights of order one.
    np.testing.assert_allclose(model.get_weights()[0], np.mean(points, axis=0), atol=1e-6)


def test_the_average_of_keras_counts_where_it_is_asked_for() -> None:
    arguments = {"learning_rate": 0.25, "use_ema": True, "ema_momentum": 0.5}
    theirs, expected = keras.optimizers.SGD(**arguments), keras.Variable(START, dtype="float32")
    for _ in range(3):
        theirs.apply([expected.value], [expected])
    theirs.finalize_variable_values([expected])
    adapted = adapt(keras.optimizers.SGD)(**arguments)
    ours = build_optimizer("averaged_sgd", {"learning_rate": 0.25})
    ours = type(ours)(**{**ours.get_config(), **arguments})
    for optimizer in (adapted, ours):
        weights = keras.Variable(START, dtype="float32")
        optimizer.build([weights])
        assert optimizer.has_evaluation_weights
        np.testing.assert_array_equal(evaluated(optimizer, weights), weights.numpy())
        *_, last = descend(optimizer, weights, 3)
        np.testing.assert_allclose(last, expected.numpy(), rtol=1e-6)  # three roundings
        optimizer.finalize_variable_values([weights])
        np.testing.assert_array_equal(weights.numpy(), last)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("is_adam", [False, True])
def test_schedule_free_decay_moves_z_alone(is_adam: bool, bumpy: Any) -> None:
    adam_numbers = {"beta_2": 0.9375, "epsilon": 0.0625}
    numbers = {"learning_rate": 0.125, "warmup_steps": 3}
    name = "schedule_free_adamw" if is_adam else "schedule_free_sgd"
    given = (
        {**numbers, **adam_numbers, "beta_1": 0.75} if is_adam else {**numbers, "momentum": 0.75}
    )
    optimizer_class = type(build_optimizer(name))
    optimizer = optimizer_class(**given, weight_decay=0.5)
    weights = keras.Variable(START, dtype="float64")
    points = descend(optimizer, weights, 20, bumpy)
    numbers |= {"interpolation": 0.75, "weight_decay": 0.5, **(adam_numbers if is_adam else {})}
    trained, expected = schedule_free_sequences(START, bumpy, 20, **numbers)
    # 20 steps of float64 rounding, in another order of operations.
    np.testing.assert_allclose(points, expected, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(weights.numpy(), trained[-1], rtol=1e-11, atol=1e-12)
    spared = optimizer_class(**given, weight_decay=0.5)
    spared.exclude_from_weight_decay([weights])
    weights.assign(START)
    plain = keras.Variable(START, dtype="float64")
    np.testing.assert_array_equal(
        descend(spared, weights, 3), descend(optimizer_class(**given), plain, 3)
    )


def test_takes_the_steps_of_keras_where_these_are_the_papers(follow: Any, bumpy: Any) -> None:
    if not hasattr(keras.optimizers, "ScheduleFreeAdamW"):
        pytest.skip("this Keras has no ScheduleFreeAdamW")
    if keras.backend.backend() != "jax":
        pytest.skip("on TensorFlow Keras 3.15 takes the new z for the old")
    numbers = {"learning_rate": 0.0625, "beta_1": 0.75, "beta_2": 0.9375, "epsilon": 2.0**-8}
    theirs = follow(keras.optimizers.ScheduleFreeAdamW(**numbers), START, bumpy, 10)
    ours = follow(build_optimizer("schedule_free_adamw", numbers), START, bumpy, 10)
    # Ten float32 roundings, of which Keras divides some by β₁.
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
