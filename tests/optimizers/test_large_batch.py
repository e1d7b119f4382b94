"""What LAMB and Adafactor do beside the common table."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest

from benchmark.optimizers import build_optimizer, load_optimizer
from tests.optimizers.cases.large_batch import ADAFACTOR, adafactor_points

START = np.array([[1.5, -2.0, 0.3], [0.7, -0.1, 3.0]])


def test_lamb_moves_a_variable_of_zeros_as_adam_does(follow: Callable[..., Any]) -> None:
    gradient = np.array([3.0, -0.5])
    first = follow(build_optimizer("lamb"), np.zeros(2), lambda w, t: gradient, 1)
    # Its first step has the length of the learning rate in each weight, but for ε.
    np.testing.assert_allclose(first[0], [-0.001, 0.001], rtol=1e-6)


@pytest.mark.usefixtures("float64")
def test_adafactor_takes_the_steps_of_keras_for_tensors_of_three_axes(
    follow: Callable[..., Any], noise: Any
) -> None:
    start = np.linspace(-1.0, 2.0, 12).reshape(2, 2, 3)
    runs = []
    for optimizer_class in (load_optimizer("adafactor"), keras.optimizers.Adafactor):
        optimizer = optimizer_class(**ADAFACTOR, beta_2_decay=-0.5)
        runs.append(follow(optimizer, start, lambda w, t: w + noise[t, :3], 6))
    np.testing.assert_allclose(runs[0], runs[1], rtol=1e-11)  # six steps of float64 rounding


def test_adafactor_bears_a_dead_input_beside_a_dead_unit(follow: Callable[..., Any]) -> None:
    """Whose v, ε₁² over the mean of the rows, is beyond the range of float32."""

    def gradient(w: Any, _: int) -> Any:
        slope = np.array(w) + 0.5
        slope[0], slope[:, 1] = 0.0, 0.0
        return slope

    # The oracle, in float64, knows no such range; three float32 steps.
    numbers = {"learning_rate": 0.5, "epsilon_1": 1e-30, "epsilon_2": 1e-3, "clip_threshold": 1.0}
    expected = adafactor_points(START, gradient, 3, **numbers, beta_2_decay=-0.8)
    points = follow(build_optimizer("adafactor", {"learning_rate": 0.5}), START, gradient, 3)
    np.testing.assert_allclose(points, expected, rtol=1e-5)
    np.testing.assert_array_equal(points[-1][:, 1], START[:, 1].astype("float32"))


@pytest.mark.usefixtures("float64")
def test_adafactor_takes_another_decay_of_its_means(follow: Callable[..., Any], bumpy: Any) -> None:
    optimizer = build_optimizer("adafactor", ADAFACTOR)
    with pytest.raises(ValueError, match=r"beta_2_decay must be < 0. Received 0. Give"):
        optimizer.set_hyperparameters({"beta_2_decay": 0.0})
    optimizer.set_hyperparameters({"beta_2_decay": -0.5})
    points = follow(optimizer, START, bumpy, 6)
    expected = adafactor_points(START, bumpy, 6, **ADAFACTOR, beta_2_decay=-0.5)
    np.testing.assert_allclose(points, expected, rtol=1e-11)  # six steps of float64 rounding


def test_relative_step_changes_nothing_as_in_keras(follow: Callable[..., Any], bumpy: Any) -> None:
    runs = [
        follow(optimizer_class(0.5, relative_step=choice), START, bumpy, 4)
        for optimizer_class in (load_optimizer("adafactor"), keras.optimizers.Adafactor)
        for choice in (True, False)
    ]
    np.testing.assert_array_equal(runs[0], runs[1])
    np.testing.assert_array_equal(runs[2], runs[3])
    # Four float32 roundings of weights up to 3.
    np.testing.assert_allclose(runs[0], runs[2], rtol=1e-5)
