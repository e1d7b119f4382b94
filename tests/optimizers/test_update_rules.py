"""Every update rule against a NumPy loop, Keras's own class and scikit-learn's."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from sklearn.neural_network._stochastic_optimizers import AdamOptimizer, SGDOptimizer

from benchmark.optimizers import build_optimizer
from benchmark.optimizers.rules.adam import adam
from benchmark.optimizers.rules.momentum import heavy_ball

START = np.array([[1.5, -2.0, 0.3], [0.7, -0.1, 3.0]])
CLIPPING: list[dict[str, float]] = [
    {"clipvalue": 0.5},
    {"clipnorm": 1.0},
    {"global_clipnorm": 1.0},
]


@pytest.mark.usefixtures("float64")
def test_follows_the_numpy_loop_in_float64(case: Any, follow: Any, bumpy: Any) -> None:
    ours = follow(case.build(), START, bumpy, 40)
    oracle = case.points(START, bumpy, 40, **case.numbers)
    # 40 steps of float64 rounding, in another order of operations.
    np.testing.assert_allclose(ours, oracle, rtol=1e-11, atol=1e-12)


def test_follows_the_numpy_loop_in_float32(case: Any, follow: Any, bumpy: Any) -> None:
    ours = follow(case.build(), START, bumpy, 40)
    oracle = case.points(START, bumpy, 40, **case.numbers)
    # 40 float32 roundings of 6e-8 each, on weights up to 3 and a map that contracts.
    np.testing.assert_allclose(ours, oracle, atol=2e-5)


@pytest.mark.usefixtures("float64")
def test_takes_the_steps_of_keras_in_float64(case: Any, follow: Any, bumpy: Any) -> None:
    theirs = follow(case.build_twin(), START, bumpy, 20)
    ours = follow(case.build(), START, bumpy, 20)
    np.testing.assert_allclose(ours, theirs, rtol=case.twin_rtol, atol=case.twin_rtol / 10)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("clipping", CLIPPING, ids=lambda c: next(iter(c)))
def test_clips_as_keras_in_float64(
    case: Any, follow: Any, bumpy: Any, clipping: dict[str, float]
) -> None:
    theirs = follow(case.build_twin(**clipping), START, bumpy, 20)
    ours = follow(case.build(**clipping), START, bumpy, 20)
    np.testing.assert_allclose(ours, theirs, rtol=case.twin_rtol, atol=case.twin_rtol / 10)


def test_takes_the_steps_of_keras_in_float32(case: Any, follow: Any, bumpy: Any) -> None:
    theirs = follow(case.build_twin(), START, bumpy, 20)
    ours = follow(case.build(), START, bumpy, 20)
    # 20 float32 roundings; for Adam also 1 − β₂, which Keras takes from the Python float.
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_clipping_works_on_all_variables_as_in_keras(case: Any) -> None:
    values = [np.array([3.0, -4.0], "float32"), np.array([[0.01]], "float32")]
    gradients = [np.array([3.0, -4.0], "float32"), np.array([[12.0]], "float32")]
    for clipping in CLIPPING:
        results = []
        for optimizer in (case.build(**clipping), case.build_twin(**clipping)):
            variables = [keras.Variable(value) for value in values]
            for _ in range(3):
                optimizer.apply([keras.ops.convert_to_tensor(g) for g in gradients], variables)
            results.append(np.concatenate([v.numpy().ravel() for v in variables]))
        # float32 rounding of the norm, formed in another order.
        np.testing.assert_allclose(results[0], results[1], rtol=1e-5, err_msg=str(clipping))


def test_weight_decay_is_decoupled_and_after_clipping_as_in_keras(
    case: Any, follow: Any, bumpy: Any
) -> None:
    if case.optimizer == "gradient_descent":
        with pytest.raises(TypeError, match="weight_decay"):
            case.build(weight_decay=0.1)
        return
    arguments = {"weight_decay": 0.1, "clipnorm": 0.5}
    theirs = follow(case.build_twin(**arguments), START, bumpy, 10)
    ours = follow(case.build(**arguments), START, bumpy, 10)
    # 10 float32 roundings of weights up to 3.
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


AROUND = [
    {"use_ema": True, "ema_momentum": 0.75},
    {"use_ema": True, "ema_momentum": 0.75, "ema_overwrite_frequency": 3},
    {"loss_scale_factor": 8.0},
]
"""What Keras does around a rule, besides clipping and decay."""


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("arguments", AROUND, ids=["average", "overwriting", "scaled loss"])
def test_averages_and_scales_as_keras_in_float64(case: Any, arguments: dict[str, Any]) -> None:
    if case.optimizer == "gradient_descent":
        with pytest.raises(TypeError, match=rf"must stand without {next(iter(arguments))}"):
            case.build(**arguments)
        return
    weights = []
    for optimizer in (case.build(**arguments), case.build_twin(**arguments)):
        variable = keras.Variable(START)
        trained = []
        for step in range(8):
            gradient = np.cos(step + START) * arguments.get("loss_scale_factor", 1.0)
            optimizer.apply([keras.ops.convert_to_tensor(gradient)], [variable])
            trained.append(variable.numpy().copy())
        if arguments.get("use_ema"):
            optimizer.finalize_variable_values([variable])
        weights.append([*trained, variable.numpy()])
    np.testing.assert_allclose(
        weights[0], weights[1], rtol=case.twin_rtol, atol=case.twin_rtol / 10
    )


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("how", ["by variable", "by name"])
def test_spares_variables_from_decay_as_keras_in_float64(case: Any, how: str) -> None:
    if case.optimizer == "gradient_descent":
        pytest.skip("it offers no weight decay, which another test shows")
    results = []
    for optimizer in (case.build(weight_decay=0.25), case.build_twin(weight_decay=0.25)):
        variables = [keras.Variable(START, name="kernel"), keras.Variable(START[0], name="bias")]
        if how == "by name":
            optimizer.exclude_from_weight_decay(var_names=["bias"])
        else:
            optimizer.exclude_from_weight_decay(var_list=variables[1:])
        for step in range(6):
            gradients = [np.cos(step + START), np.sin(step + START[0])]
            optimizer.apply(
                [keras.ops.convert_to_tensor(gradient) for gradient in gradients], variables
            )
        results.append(np.concatenate([variable.numpy().ravel() for variable in variables]))
    np.testing.assert_allclose(
        results[0], results[1], rtol=case.twin_rtol, atol=case.twin_rtol / 10
    )


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("name", ["sgd", "momentum", "nesterov", "adam"])
def test_takes_the_steps_of_scikit_learn(
    name: str, follow: Callable[..., Any], bumpy: Callable[..., Any]
) -> None:
    numbers: dict[str, Any]
    theirs: Any
    if name == "adam":
        numbers = {"learning_rate": 0.02, "epsilon": 1e-8}
        theirs = AdamOptimizer([START], learning_rate_init=0.02)
    else:
        momentum = {} if name == "sgd" else {"momentum": 0.9}
        numbers = {"learning_rate": 0.02, **momentum}
        theirs = SGDOptimizer(
            [START],
            learning_rate_init=0.02,
            momentum=momentum.get("momentum", 0.0),
            nesterov=name == "nesterov",
        )
    weights = START.copy()
    expected = []
    for t in range(40):
        theirs.update_params([weights], [bumpy(weights, t)])
        expected.append(weights.copy())
    ours = follow(build_optimizer(name, numbers), START, bumpy, 40)
    # 40 steps of float64 rounding, in another order of operations.
    np.testing.assert_allclose(ours, expected, rtol=1e-11, atol=1e-12)


def test_a_schedule_drives_the_learning_rate(follow: Any) -> None:
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([1, 2], [0.5, 0.25, 0.125])
    optimizer = build_optimizer("sgd", {})
    optimizer.learning_rate = schedule
    points = follow(optimizer, np.zeros(1), lambda w, t: np.ones(1), 5)
    # Rates of steps 0 to 4: the boundaries are included in the earlier piece.
    assert [float(point[0]) for point in points] == [-0.5, -1.0, -1.25, -1.375, -1.5]
    assert optimizer.hyperparameters == {"learning_rate": 0.125}


def test_rules_take_hyperparameters_with_a_leading_trial_axis() -> None:
    rng = np.random.default_rng(0)
    gradient, velocity = rng.normal(size=(2, 3, 5))
    numbers = {"learning_rate": rng.uniform(size=(3, 1)), "momentum": rng.uniform(size=(3, 1))}
    _, together = heavy_ball({"velocity": velocity}, gradient, numbers)
    for trial in range(3):
        trial_numbers = {name: value[trial, 0] for name, value in numbers.items()}
        _, alone = heavy_ball({"velocity": velocity[trial]}, gradient[trial], trial_numbers)
        np.testing.assert_array_equal(together[trial], alone)


@pytest.mark.usefixtures("float64")
def test_the_rule_of_adam_takes_a_leading_trial_axis() -> None:
    rng = np.random.default_rng(0)
    gradient, first = rng.normal(size=(2, 3, 5))
    second = rng.uniform(size=(3, 5))
    names = ("learning_rate", "beta_1", "beta_2", "epsilon")
    numbers = {name: rng.uniform(0.1, 0.9, size=(3, 1)) for name in names}
    state = {"first_moment": first, "second_moment": second, "step": 3.0}
    _, together = adam(state, gradient, numbers)
    for trial in range(3):
        trial_numbers = {name: value[trial, 0] for name, value in numbers.items()}
        alone = {"first_moment": first[trial], "second_moment": second[trial], "step": 3.0}
        _, update = adam(alone, gradient[trial], trial_numbers)
        # The power may be computed by another routine for an array than for a scalar.
        np.testing.assert_allclose(together[trial], update, rtol=1e-14)


@pytest.mark.usefixtures("float64")
def test_an_elementwise_rule_serves_trials_side_by_side(case: Any) -> None:
    optimizer = case.build()
    if not optimizer.is_elementwise:
        pytest.skip("its rule sees one variable of one trial")
    rng = np.random.default_rng(0)
    optimizer.build([keras.Variable(np.zeros(5))])
    names = {*optimizer._states[0], "weights", "gradient"}
    tensors = {name: rng.uniform(0.1, 1.0, size=(3, 5)) for name in sorted(names)}
    factors = rng.uniform(0.5, 1.0, size=(3, 1))
    numbers = {name: value * factors for name, value in optimizer.hyperparameters.items()}

    def step(arrays: dict[str, Any], numbers: dict[str, Any]) -> Any:
        state = {k: keras.ops.convert_to_tensor(v) for k, v in arrays.items() if k != "gradient"}
        state["step"] = keras.ops.convert_to_tensor(3.0, dtype="float64")
        tensors = {name: keras.ops.convert_to_tensor(value) for name, value in numbers.items()}
        gradient = keras.ops.convert_to_tensor(arrays["gradient"])
        return keras.ops.convert_to_numpy(optimizer.rule(state, gradient, tensors)[1])

    together = step(tensors, numbers)
    for trial in range(3):
        trial_numbers = {name: np.float64(value[trial, 0]) for name, value in numbers.items()}
        alone = step({name: value[trial] for name, value in tensors.items()}, trial_numbers)
        # The power may be computed by another routine for an array than for a scalar.
        np.testing.assert_allclose(together[trial], alone, rtol=1e-14)
