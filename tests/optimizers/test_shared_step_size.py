"""Step sizes that all variables share: Barzilai–Borwein, DoG, Prodigy."""

from typing import Any

import keras
import numpy as np
import pytest

from benchmark.optimizers import load_optimizer
from tests.optimizers.cases.classical import barzilai_borwein_points

START = np.array([1.5, -2.0, 0.3, 0.7, -0.1])
CURVATURES = np.array([1.0, 3.0, 0.5, 2.0, 1.5])
NUMBERS: dict[str, dict[str, float]] = {
    "barzilai_borwein": {"learning_rate": 0.25},
    "dog": {"initial_movement": 0.125},
    "prodigy": {"initial_distance": 0.125},
}
FIRST: dict[str, float] = {
    "barzilai_borwein": 0.25,
    "dog": 0.125 * (1 + float(np.linalg.norm(START))) / 1e-4,
    "prodigy": 0.125,
}
"""What decay is multiplied with in the first step where the gradient is zero."""


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("name", NUMBERS)
def test_is_that_of_all_variables_together(name: str) -> None:
    def walk(parts: list[slice]) -> Any:
        optimizer = load_optimizer(name)(**NUMBERS[name])
        variables = [keras.Variable(START[part]) for part in parts]
        for _ in range(12):
            gradients = [
                v.value * CURVATURES[part] for v, part in zip(variables, parts, strict=True)
            ]
            optimizer.apply(gradients, variables)
        return np.concatenate([variable.numpy() for variable in variables])

    whole = walk([slice(0, 5)])
    # Sums in another order, over twelve steps.
    np.testing.assert_allclose(walk([slice(0, 2), slice(2, 5)]), whole, rtol=1e-9)
    assert np.abs(whole - START).max() > 0.1


@pytest.mark.parametrize("name", NUMBERS)
def test_decay_is_decoupled_and_scaled_as_the_step(name: str) -> None:
    optimizer = load_optimizer(name)(**NUMBERS[name], weight_decay=2.0**-10)
    weights, spared = (
        keras.Variable(START[part], dtype="float32") for part in (slice(3), slice(3, 5))
    )
    optimizer.exclude_from_weight_decay([spared])
    optimizer.apply([keras.ops.zeros((3,)), keras.ops.zeros((2,))], [weights, spared])
    expected = START[:3] * (1 - FIRST[name] * 2.0**-10)
    np.testing.assert_allclose(weights.numpy(), expected, rtol=1e-5)  # the root of DoG's ε
    np.testing.assert_array_equal(spared.numpy(), START[3:].astype("float32"))


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("short_step", [False, True])
def test_barzilai_borwein_reaches_the_minimum_of_an_ill_conditioned_quadratic(
    short_step: bool, follow: Any
) -> None:
    spectrum = np.geomspace(1e-3, 1.0, 8)
    optimizer = load_optimizer("barzilai_borwein")(0.5, short_step=short_step)
    points = follow(optimizer, np.ones(8), lambda w, t: spectrum * w, 200)
    # At the best constant step, 2 / (λ₁ + λ₈), two thirds of the distance would be left.
    assert np.linalg.norm(points[-1]) < 1e-4
    # Rounding of the first steps grows with every secant that follows.
    expected = barzilai_borwein_points(
        np.ones(8), lambda w, t: spectrum * w, 10, learning_rate=0.5, short_step=short_step
    )
    np.testing.assert_allclose(points[:10], expected, rtol=1e-9)


def test_barzilai_borwein_keeps_its_step_without_curvature_and_within_its_bounds() -> None:
    optimizer = load_optimizer("barzilai_borwein")(
        0.25, minimum_step_size=0.125, maximum_step_size=2.0
    )
    weights = keras.Variable([1.0])
    sizes = []
    # Curvature along the step: −4, then 0.25, 64 / 15, and none.
    for gradient in (-1.0, -2.0, -1.875, 14.125, 14.125):
        optimizer.apply([keras.ops.convert_to_tensor([gradient])], [weights])
        sizes.append(float(optimizer.step_size.value))
    assert sizes == [0.25, 0.25, 2.0, 3.75 / 16, 3.75 / 16]
    optimizer.set_hyperparameters({"minimum_step_size": 0.375})
    optimizer.apply([keras.ops.convert_to_tensor([14.125])], [weights])
    assert float(optimizer.step_size.value) == 0.375


@pytest.mark.usefixtures("float64")
def test_prodigy_never_overestimates_the_distance_on_a_convex_problem(follow: Any) -> None:
    optimizer = load_optimizer("prodigy")(initial_distance=1e-3)
    points = follow(optimizer, START, lambda w, t: w * CURVATURES, 200)
    # The estimate is a lower bound of the largest coordinate of the way to the minimum.
    assert 0.1 < float(optimizer.distance.value) <= np.abs(START).max()
    assert np.abs(points[-1]).max() < 1e-3


@pytest.mark.slow
@pytest.mark.usefixtures("float64")
def test_dog_goes_as_far_as_the_minimum_from_any_small_beginning(follow: Any) -> None:
    ends = []
    for movement in (1e-4, 1e-3):
        optimizer = load_optimizer("dog")(initial_movement=movement)
        ends.append(follow(optimizer, START, lambda w, t: w * CURVATURES, 150)[-1])
    assert np.abs(ends).max() < 1e-2


@pytest.mark.usefixtures("float64")
def test_dampened_momentum_is_the_heavy_ball_at_a_shorter_rate(follow: Any, bumpy: Any) -> None:
    ours = load_optimizer("dampened_momentum")(learning_rate=0.25, momentum=0.75)
    theirs = keras.optimizers.SGD(learning_rate=0.0625, momentum=0.75)
    points, expected = (follow(optimizer, START, bumpy, 20) for optimizer in (ours, theirs))
    # 20 steps of float64 rounding, in another order of operations.
    np.testing.assert_allclose(points, expected, rtol=1e-11, atol=1e-12)
