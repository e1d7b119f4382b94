"""Steps on some of the variables: where one begins is at its own first gradient."""

from typing import Any

import keras
import numpy as np
import pytest

from benchmark.optimizers import load_optimizer

pytestmark = pytest.mark.usefixtures("float64")
A, B = np.array([1.0, -2.0]), np.array([30.0])
SLOPES = [np.array([0.5, -1.0]), np.array([2.0])]
TO_TENSOR = keras.ops.convert_to_tensor


def stepped(optimizer: Any) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """A step on the first of two variables, then two on both; the weights after each."""
    variables = [keras.Variable(A), keras.Variable(B)]
    optimizer.build(variables)
    optimizer.apply([TO_TENSOR(SLOPES[0])], variables[:1])
    after = [[np.asarray(variable.value).copy() for variable in variables]]
    for _ in range(2):
        optimizer.apply([TO_TENSOR(slope) for slope in SLOPES], variables)
        after.append([np.asarray(variable.value).copy() for variable in variables])
    return after[0], after[-1]


def test_dog_measures_each_variable_from_where_it_began() -> None:
    """Before, W₀ of the second was 0: it seemed to have come 30 units, and leapt."""
    first, last = stepped(load_optimizer("dog")(initial_movement=0.1))
    weights, start = [A.copy(), B.copy()], [A, B]
    farthest, squares = 0.1 * (1 + np.linalg.norm(A)), 0.0
    for step in range(3):
        taking = [0] if step == 0 else [0, 1]
        if step:
            ways = [weights[index] - start[index] for index in taking]
            farthest = max(farthest, np.sqrt(sum(way @ way for way in ways)))
        squares += sum(SLOPES[index] @ SLOPES[index] for index in taking)
        for index in taking:
            weights[index] = weights[index] - farthest / np.sqrt(squares + 1e-8) * SLOPES[index]
        if step == 0:
            np.testing.assert_allclose(first[0], weights[0])
    np.testing.assert_allclose(np.concatenate(last), np.concatenate(weights), rtol=1e-12)


def test_prodigy_correlates_each_variable_with_where_it_began() -> None:
    optimizer = load_optimizer("prodigy")(initial_distance=0.01)
    stepped(optimizer)
    # gᵀ(W₀ − W) of the second is 0 at its first step, and then that of one short step. Before,
    # it was −2 · 30 at once: r was below zero, and d could not grow.
    assert float(np.asarray(optimizer._shared["correlation"].value)) > 0


def test_yogi_begins_with_its_initial_value_at_the_first_gradient() -> None:
    numbers = {"learning_rate": 0.1, "initial_accumulator_value": 0.5, "beta_2": 0.75}
    _, last = stepped(load_optimizer("yogi")(**numbers))
    m, v, w, g = 0.0, 0.5, 30.0, 2.0
    for step in (2, 3):  # the corrections count the steps of the optimizer, as Keras's do
        m = 0.9 * m + 0.1 * g
        v = v - 0.25 * np.sign(v - g**2) * g**2
        w -= 0.1 * np.sqrt(1 - 0.75**step) / (1 - 0.9**step) * m / (np.sqrt(v) + 1e-3)
    np.testing.assert_allclose(last[1], [w], rtol=1e-12)


def test_the_secant_of_barzilai_and_borwein_has_no_step_from_nowhere() -> None:
    optimizer = load_optimizer("barzilai_borwein")(learning_rate=0.25)
    variables = [keras.Variable(A), keras.Variable(B)]
    optimizer.build(variables)
    curvature = [3.0, 1.0]
    optimizer.apply([TO_TENSOR(curvature[0] * A)], variables[:1])
    slopes = [
        c * np.asarray(variable.value) for c, variable in zip(curvature, variables, strict=True)
    ]
    optimizer.apply([TO_TENSOR(slope) for slope in slopes], variables)
    # Of the one that has moved: sᵀs / sᵀy = 1/3. Before, the 30 units of the other gave nearly 1.
    assert float(np.asarray(optimizer.step_size.value)) == pytest.approx(1 / 3)


@pytest.mark.parametrize("name", ["dog", "prodigy", "yogi", "barzilai_borwein"])
def test_a_gradient_of_zero_is_a_beginning_like_any_other(name: str) -> None:
    values = []
    for first in (0.0, 1.0):
        optimizer = load_optimizer(name)()
        variables = [keras.Variable(A), keras.Variable(B)]
        optimizer.build(variables)
        optimizer.apply([TO_TENSOR(SLOPES[0]), TO_TENSOR(first * SLOPES[1])], variables)
        optimizer.apply([TO_TENSOR(slope) for slope in SLOPES], variables)
        values.append(float(np.asarray(variables[1].value)[0]))
    # Short steps both, near where it began.
    assert all(abs(value - 30.0) < 1.0 for value in values)
