"""What is particular to one adaptive optimizer or another."""

import inspect
from fractions import Fraction
from typing import Any

import keras
import numpy as np
import pytest

from benchmark.optimizers import build_optimizer, load_optimizer
from benchmark.optimizers.rules.adam import Adam
from benchmark.optimizers.rules.adamw import AdamW
from benchmark.optimizers.rules.radam import rectification
from benchmark.optimizers.rules.rmsprop import RMSprop
from tests.optimizers.cases.adaptive import CASES

TWINS = [
    case.optimizer
    for case in CASES
    if case.name == case.optimizer
    and hasattr(keras.optimizers, load_optimizer(case.optimizer).__name__)
]
START = np.array([1.5, -2.0, 0.3], "float32")


@pytest.mark.parametrize("name", TWINS)
def test_constructor_and_config_are_those_of_keras(name: str) -> None:
    ours = load_optimizer(name)
    theirs = getattr(keras.optimizers, ours.__name__)
    expected = inspect.signature(theirs).parameters
    our_parameters = [
        parameter
        for parameter in inspect.signature(ours).parameters.values()
        if parameter.name != "arguments"
    ]
    # In Keras's order, so that arguments without a keyword mean the same.
    assert [(parameter.name, parameter.default) for parameter in our_parameters] == [
        (parameter.name, parameter.default)
        for parameter in list(expected.values())[: len(our_parameters)]
    ]
    config, theirs_config = ours(name="same").get_config(), theirs(name="same").get_config()
    assert in_float32(config) == in_float32(theirs_config)
    assert ours.from_config(theirs_config).get_config() == config
    assert in_float32(theirs.from_config(config).get_config()) == in_float32(config)


def in_float32(config: dict[str, Any]) -> dict[str, Any]:
    """Keras shows the learning rate as the float32 that it keeps."""
    return {
        name: float(np.float32(value)) if isinstance(value, float) else value
        for name, value in config.items()
    }


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("row", CASES, ids=lambda row: row.name)
def test_rules_take_a_leading_trial_axis(row: Any) -> None:
    rng = np.random.default_rng(0)
    optimizer = row.build()
    gradient = rng.normal(size=(3, 5))
    numbers = {k: v * rng.uniform(0.5, 1.0, size=(3, 1)) for k, v in row.numbers.items()}
    # A state of numbers that are possible: a mean of squares is no less than a squared mean.
    state = {
        name: rng.uniform(size=(3, 5 if value.shape else 1)) + ("second" in name)
        for name, value in optimizer.initial_state(keras.Variable(np.zeros(5))).items()
    }
    shared = {"step": 3.0, "weights": None}
    states, together = optimizer.rule({**state, **shared}, gradient, numbers)
    for trial in range(3):
        trial_numbers = {k: v[trial, 0] for k, v in numbers.items()}
        alone = {k: v[trial] for k, v in state.items()}
        trial_states, update = optimizer.rule({**alone, **shared}, gradient[trial], trial_numbers)
        # The power may be computed by another routine for an array than for a scalar.
        np.testing.assert_allclose(together[trial], update, rtol=1e-14)
        for name, value in trial_states.items():
            np.testing.assert_allclose(states[name][trial], value, rtol=1e-14)


@pytest.mark.parametrize("decay", ["0.9", "0.999", "0.99999"])
def test_radam_knows_the_length_of_its_mean_in_float32(decay: str, follow: Any) -> None:
    """Exact fractions say when rectification begins, and how strong it is."""
    beta_2 = Fraction(float(np.float32(decay)))  # what is stored, without rounding
    longest = 2 / (1 - beta_2) - 1
    optimizer = build_optimizer("radam", {"beta_2": float(decay)})
    weights = keras.Variable(START)
    begun = []
    for t in range(1, 9):
        optimizer.apply([keras.ops.ones(3)], [weights])
        (states,) = optimizer._states
        length = 1 + 2 * float(states["age_sum"].value) / float(states["power_sum"].value)
        exact = longest - 2 * t * beta_2**t / (1 - beta_2**t)
        assert length == pytest.approx(float(exact), rel=1e-6)  # t roundings of 6e-8
        assert (length > 4) == (exact > 4)
        begun.append(exact > 4)
        if exact > 4:
            square = (exact - 4) * (exact - 2) * longest
            square /= (longest - 4) * (longest - 2) * exact
            # JAX would leave 1 − β₂ of a Python number in float64.
            stored = keras.ops.convert_to_tensor(np.float32(decay), dtype="float32")
            strength = float(rectification(length, stored))
            # Roundings of ρ = 5 weigh five times as much in ρ − 4.
            assert strength == pytest.approx(float(square) ** 0.5, rel=5e-6)
    assert begun == [False] * 4 + [True] * 4


def test_radam_begins_with_steps_of_the_plain_mean(follow: Any) -> None:
    points = follow(build_optimizer("radam", {"learning_rate": 0.5}), START, lambda w, t: w, 1)
    np.testing.assert_allclose(points[0], START / 2, rtol=1e-6)  # a rounding or two


def test_centered_rmsprop_survives_a_gradient_that_stays_the_same(follow: Any) -> None:
    def constant(w: Any, t: int) -> Any:
        return np.full(3, 1000.1)

    arguments: dict[str, Any] = {"learning_rate": 1e-9, "rho": 0.5, "centered": True}
    theirs = follow(keras.optimizers.RMSprop(**arguments), START, constant, 60)
    ours = follow(RMSprop(**arguments), START, constant, 60)
    assert np.isfinite(ours).all()
    assert not np.isfinite(theirs).all()  # the departure that the docstring speaks of


def test_momentum_of_rmsprop_may_be_set_to_zero_and_back(follow: Any, bumpy: Any) -> None:
    plain = follow(RMSprop(0.01), START, bumpy, 8)
    np.testing.assert_allclose(
        plain, follow(keras.optimizers.RMSprop(0.01), START, bumpy, 8), atol=1e-6
    )  # eight float32 roundings
    optimizer = RMSprop(0.01, momentum=0.5)
    optimizer.momentum = 0.0
    np.testing.assert_array_equal(follow(optimizer, START, bumpy, 8), plain)
    optimizer.reset()
    optimizer.momentum = 0.5
    heavy = follow(RMSprop(0.01, momentum=0.5), START, bumpy, 8)
    optimizer2 = type(optimizer).from_config(optimizer.get_config())
    np.testing.assert_array_equal(follow(optimizer2, START, bumpy, 8), heavy)


def test_adamw_is_not_to_be_had_without_decay() -> None:
    with pytest.raises(ValueError, match=r"weight_decay must be >= 0. Received None. Give for"):
        AdamW(weight_decay=None)
    with pytest.raises(ValueError, match=r"Received -1. Give for instance 0.004"):
        AdamW(weight_decay=-1)


def test_adamw_without_decay_is_adam(follow: Any, bumpy: Any) -> None:
    ours = follow(AdamW(0.05, weight_decay=0.0), START, bumpy, 5)
    np.testing.assert_array_equal(ours, follow(Adam(0.05), START, bumpy, 5))


def test_adamw_spares_the_variables_that_are_excluded() -> None:
    results = []
    for optimizer in (AdamW(0.1, 0.5), keras.optimizers.AdamW(0.1, 0.5)):
        kernel, bias = keras.Variable([1.0], name="kernel"), keras.Variable([1.0], name="bias")
        optimizer.exclude_from_weight_decay(var_names=["bias"])
        optimizer.apply([keras.ops.zeros(1), keras.ops.zeros(1)], [kernel, bias])
        results.append([float(kernel.value[0]), float(bias.value[0])])
    assert results[0] == results[1] == [pytest.approx(0.95), 1.0]


def test_amsgrad_is_adam_with_that_option(follow: Any, bumpy: Any) -> None:
    option = build_optimizer("adam", {}, {}, {"amsgrad": True})
    assert option.get_config()["amsgrad"] is True
    assert "amsgrad" not in build_optimizer("amsgrad").get_config()
    named = follow(build_optimizer("amsgrad", {"learning_rate": 0.1}), START, bumpy, 20)
    option.learning_rate = 0.1
    np.testing.assert_array_equal(follow(option, START, bumpy, 20), named)
    plain = follow(build_optimizer("adam", {"learning_rate": 0.1}), START, bumpy, 20)
    assert (plain[-1] != named[-1]).any()


@pytest.mark.parametrize("gradient", [2e-3, 0.03, 5.0])
def test_the_first_step_of_yogi_is_the_one_that_its_docstring_compares_with_the_paper(
    follow: Any, gradient: float
) -> None:
    """TensorFlow Addons' algorithm and the paper's, each written out for one step of one weight."""
    rate, beta_1, beta_2, epsilon, initial = 0.01, 0.9, 0.999, 1e-3, 1e-6
    points = follow(build_optimizer("yogi"), np.zeros(1), lambda w, t: np.full(1, gradient), 1)
    # yogi.py of TensorFlow Addons 0.23: m from 0, v from the accumulator, both corrected.
    first = (1 - beta_1) * gradient
    second = initial + (1 - beta_2) * np.sign(gradient**2 - initial) * gradient**2
    corrected = rate * np.sqrt(1 - beta_2) / (1 - beta_1)
    assert -float(points[0][0]) == pytest.approx(
        corrected * first / (np.sqrt(second) + epsilon), rel=1e-5
    )
    stated = gradient / (
        np.sqrt(gradient**2 + initial / (1 - beta_2)) + epsilon / np.sqrt(1 - beta_2)
    )
    assert -float(points[0][0]) == pytest.approx(rate * stated, rel=1e-5)
    papers = rate * first / (np.sqrt(second) + epsilon)
    ratio = (1 - beta_1) / np.sqrt(1 - beta_2)
    assert papers == pytest.approx(-float(points[0][0]) * ratio, rel=1e-5)
    assert abs(float(points[0][0])) <= rate


def test_the_first_step_of_yogi_starts_from_its_accumulator(follow: Any) -> None:
    optimizer = build_optimizer("yogi", {"learning_rate": 1.0, "epsilon": 1e-6})
    optimizer.initial_accumulator_value = 4.0
    points = follow(optimizer, np.zeros(1), lambda w, t: np.ones(1), 1)
    # v = 4 − 0.001 · 1; α₁ = √0.001 / 0.1; m = 0.1
    assert float(points[0][0]) == pytest.approx(-((0.001 / 3.999) ** 0.5), rel=1e-4)
