"""The stopping rule of gradient descent, and the callback that ends training by it."""

from typing import Any

import keras
import numpy as np
import pytest

from benchmark.optimizers import build_optimizer
from benchmark.optimizers.rules.gradient_descent import GradientDescent
from benchmark.optimizers.stopping import StopOnConvergence


def descend(optimizer: Any, starts: list[float], steps: int) -> list[list[float]]:
    """Minimise ½‖W‖² over several variables; return their values after each step."""
    variables = [keras.Variable([start]) for start in starts]
    points = []
    for _ in range(steps):
        optimizer.apply([variable.value for variable in variables], variables)
        points.append([float(variable.value[0]) for variable in variables])
    return points


def test_weights_rest_after_the_first_step_below_the_tolerance() -> None:
    optimizer = GradientDescent(learning_rate=0.5, tolerance=0.7)
    # Steps of (1.5, 2) 2^-k: their norms are 2.5, 1.25, 0.625 (the first below), ….
    points = descend(optimizer, [3.0, 4.0], 6)
    assert points[:3] == [[1.5, 2.0], [0.75, 1.0], [0.375, 0.5]]
    assert points[3:] == [[0.375, 0.5]] * 3
    assert bool(optimizer.converged.value)
    assert float(optimizer.update_norm.value) == pytest.approx(0.625)
    assert int(optimizer.iterations.value) == 6


def test_the_rule_is_strict_and_zero_never_stops() -> None:
    # The norm 0.625 = 5/8 of the third step is exact; it must be below, not equal.
    equal = GradientDescent(learning_rate=0.5, tolerance=0.625)
    assert descend(equal, [3.0, 4.0], 4)[3] == [0.1875, 0.25]
    never = GradientDescent(learning_rate=0.5, tolerance=0.0)
    variable = keras.Variable([1.0])
    never.apply([keras.ops.zeros((1,))], [variable])
    assert not bool(never.converged.value)


def test_before_the_first_step_nothing_is_measured_and_reset_returns_there() -> None:
    optimizer = GradientDescent(learning_rate=0.5, tolerance=10.0)
    optimizer.build([keras.Variable([1.0])])
    for _ in range(2):
        assert float(optimizer.update_norm.value) == np.inf
        assert not bool(optimizer.converged.value)
        optimizer.apply([keras.ops.ones((1,))])
        assert bool(optimizer.converged.value)
        optimizer.reset()


def test_a_nan_gradient_neither_converges_nor_moves_what_has_converged() -> None:
    variable = keras.Variable([1.0])
    optimizer = GradientDescent(learning_rate=0.5, tolerance=10.0)
    nan = keras.ops.full((1,), float("nan"))
    optimizer.apply([nan], [variable])
    assert not bool(optimizer.converged.value)
    assert np.isnan(float(optimizer.update_norm.value))
    optimizer.reset()
    variable.assign([1.0])
    for gradient in (keras.ops.ones((1,)), nan, nan):
        optimizer.apply([gradient], [variable])
    assert float(variable.value[0]) == 0.5
    assert float(optimizer.update_norm.value) == 0.5


def test_the_clipped_step_is_the_one_that_is_measured() -> None:
    optimizer = build_optimizer(
        "gradient_descent", {"learning_rate": 1.0, "tolerance": 0.5}, {"global_clipnorm": 0.25}
    )
    descend(optimizer, [3.0, 4.0], 1)
    assert float(optimizer.update_norm.value) == pytest.approx(0.25)
    assert bool(optimizer.converged.value)


def linear_model(optimizer: Any) -> Any:
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    model.compile(optimizer, "mse")
    model.set_weights([np.zeros((1, 1))])
    return model


def test_the_callback_ends_fit_when_the_rule_is_met() -> None:
    # J = (w − 2)², ∇J = 2 (w − 2): with α = 1/4 the distance halves, steps are 2^-t, and
    # 2^-7 at t = 7 is the first below 0.01.
    optimizer = GradientDescent(learning_rate=0.25, tolerance=0.01)
    model = linear_model(optimizer)
    x = np.ones((8, 1), "float32")
    history = model.fit(
        x, 2 * x, batch_size=8, epochs=50, verbose=0, callbacks=[StopOnConvergence()]
    )
    assert len(history.epoch) == 8
    assert float(optimizer.update_norm.value) == pytest.approx(2.0**-7)
    assert float(model.get_weights()[0][0, 0]) == pytest.approx(2 - 2.0**-7)


def test_the_callback_refuses_other_optimizers() -> None:
    model = linear_model(build_optimizer("sgd"))
    x = np.ones((8, 1), "float32")
    with pytest.raises(TypeError, match=r"must be GradientDescent .* Received SGD. Compile"):
        model.fit(x, x, verbose=0, callbacks=[StopOnConvergence()])


@pytest.mark.parametrize(
    "argument", ["use_ema", "loss_scale_factor", "gradient_accumulation_steps"]
)
def test_what_moves_weights_outside_the_rule_is_refused_in_a_sentence(argument: str) -> None:
    """Before, a bare "unexpected keyword argument"."""
    given: dict[str, Any] = {argument: 2}
    absent: dict[str, Any] = {argument: None}
    sentence = (
        rf"GradientDescent must stand without {argument}: its stopping rule .* Remove the arg"
    )
    with pytest.raises(TypeError, match=sentence):
        GradientDescent(**given)
    assert GradientDescent(**absent).get_config()["learning_rate"] == pytest.approx(0.01)
    with pytest.raises(TypeError, match=r"without 'momentum': it has no such argument"):
        GradientDescent(momentum=0.9)
