"""What every optimizer keeps to, whatever its rule: one table, many properties."""

from typing import Any

import keras
import numpy as np
import pytest

from benchmark.optimizers import load_optimizer

START = np.array([1.5, -2.0, 0.3], "float32")


def rosenbrock(w: Any) -> float:
    return float((1 - w[0]) ** 2 + 100 * (w[1] - w[0] ** 2) ** 2)


def rosenbrock_gradient(w: Any, t: int) -> Any:
    valley = w[1] - w[0] ** 2
    return np.array([-2 * (1 - w[0]) - 400 * w[0] * valley, 200 * valley])


def state_of(optimizer: Any) -> list[Any]:
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in optimizer.variables]


def test_finds_the_minimum_of_a_parabola(case: Any, follow: Any) -> None:
    points = follow(case.build(), START, lambda w, t: w - (START + 0.5), 100)
    np.testing.assert_allclose(points[-1], START + 0.5, atol=case.reach)


def test_goes_down_the_valley_of_rosenbrock(case: Any, follow: Any) -> None:
    start = np.array([-1.2, 1.0])
    points = follow(case.build(learning_rate=case.rate), start, rosenbrock_gradient, 60)
    assert rosenbrock(start) > 24
    # The floor of the valley lies below 4.2 where the start's x is; then it falls slowly.
    assert rosenbrock(points[-1]) < 4.5
    assert rosenbrock(points[-1]) < rosenbrock(points[20])


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
@pytest.mark.usefixtures("float64")
def test_keeps_the_type_of_the_weights(case: Any, dtype: str) -> None:
    weights = keras.Variable(START, dtype=dtype)
    optimizer = case.build()
    optimizer.apply([weights.value], [weights])
    assert keras.backend.standardize_dtype(weights.dtype) == dtype
    slot_type = "float64" if dtype == "float64" else "float32"
    for slots in optimizer._states:
        assert {keras.backend.standardize_dtype(slot.dtype) for slot in slots.values()} <= {
            slot_type
        }


def test_moves_weights_of_16_bits(case: Any, follow: Any) -> None:
    points = follow(case.build(), START, lambda w, t: w - (START + 0.5), 60, dtype="bfloat16")
    # bfloat16 has 8 bits: the neighbours of 2 are 0.008 and 0.016 away, and a step
    # shorter than half of that (rate 2⁻⁴ on a distance of 0.125) is lost.
    np.testing.assert_allclose(points[-1].astype("float32"), START + 0.5, atol=0.13)


def test_a_zero_gradient_moves_nothing(case: Any, follow: Any) -> None:
    optimizer = case.build(**case.undecayed)
    points = follow(optimizer, START, lambda w, t: np.zeros_like(w), 3)
    np.testing.assert_array_equal(points[-1], START)


def test_takes_scalar_variables(case: Any, follow: Any) -> None:
    points = follow(case.build(), np.array(2.0), lambda w, t: w, 3)
    expected = case.points(np.array(2.0), lambda w, t: w, 3, **case.numbers)
    np.testing.assert_allclose(points, expected, rtol=1e-5)  # three float32 roundings


def test_state_keeps_its_shapes_and_types(case: Any, follow: Any, bumpy: Any) -> None:
    optimizer = case.build()
    optimizer.build([keras.Variable(START)])
    before = [(value.shape, value.dtype) for value in state_of(optimizer)]
    again = case.build()
    follow(again, START, bumpy, 3)
    assert [(value.shape, value.dtype) for value in state_of(again)] == before


def test_a_resumed_run_equals_an_uninterrupted_one(case: Any, follow: Any, bumpy: Any) -> None:
    whole = follow(case.build(), START, bumpy, 10)
    first = case.build()
    half = follow(first, START, bumpy, 5)
    second = case.build()
    weights = keras.Variable(half[-1])
    second.build([weights])
    second.set_weights(state_of(first))
    for t in range(5, 10):
        g = keras.ops.convert_to_tensor(bumpy(weights.numpy(), t).astype("float32"))
        second.apply([g], [weights])
    np.testing.assert_array_equal(weights.numpy(), whole[-1])


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
    """RAdam begins two slots with one tensor, which JAX would donate twice."""
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
