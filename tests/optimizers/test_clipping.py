"""Clipping: bounds, directions and what non-finite gradients become."""

from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from benchmark.optimizers import build_optimizer
from benchmark.optimizers.clipping import (
    clip_by_global_norm,
    clip_by_norm,
    clip_by_value,
    global_norm,
)

# Whole float32 range but for subnormals, which TensorFlow and XLA flush to zero.
ELEMENTS = st.floats(width=32, allow_nan=False, allow_infinity=False, allow_subnormal=False)
# Few shapes: JAX compiles every operation for each new one.
GRADIENTS = st.lists(
    st.sampled_from([(1,), (4,), (2, 3)]).flatmap(
        lambda shape: hnp.arrays(np.float32, shape, elements=ELEMENTS)
    ),
    min_size=1,
    max_size=2,
)
THRESHOLDS = st.floats(min_value=2.0**-20, max_value=2.0**20, width=32)
# Four roundings of 6e-8 each between norm, quotient and product.
ROUNDING = 5e-7


def clipped(function: Any, gradients: list[Any], threshold: float) -> list[Any]:
    tensors = [keras.ops.convert_to_tensor(gradient) for gradient in gradients]
    result = function(tensors, keras.ops.convert_to_tensor(threshold, dtype="float32"))
    return [np.asarray(keras.ops.convert_to_numpy(tensor), np.float64) for tensor in result]


def check_norm_clipping(before: Any, after: Any, threshold: float) -> None:
    norm = np.linalg.norm(before)
    assert np.linalg.norm(after) <= threshold * (1 + ROUNDING)
    if norm <= threshold * (1 - ROUNDING):
        np.testing.assert_array_equal(after, before)
    elif norm > threshold:
        # Same direction, and the norm is the threshold. In units of the largest element
        # anything below the smallest normal number, 1.2e-38, is lost.
        lost = 1.2e-38 * max(threshold, 1.0)
        np.testing.assert_allclose(after, before * (threshold / norm), rtol=ROUNDING, atol=2 * lost)


@settings(max_examples=40, deadline=None)
@given(gradients=GRADIENTS, threshold=THRESHOLDS)
def test_the_norm_of_each_variable_is_bounded(gradients: list[Any], threshold: float) -> None:
    for before, after in zip(gradients, clipped(clip_by_norm, gradients, threshold), strict=True):
        check_norm_clipping(before.astype(np.float64).ravel(), after.ravel(), threshold)


@settings(max_examples=40, deadline=None)
@given(gradients=GRADIENTS, threshold=THRESHOLDS)
def test_the_norm_of_all_variables_is_bounded(gradients: list[Any], threshold: float) -> None:
    after = clipped(clip_by_global_norm, gradients, threshold)
    check_norm_clipping(
        np.concatenate([g.astype(np.float64).ravel() for g in gradients]),
        np.concatenate([g.ravel() for g in after]),
        threshold,
    )


@settings(max_examples=40, deadline=None)
@given(gradients=GRADIENTS, threshold=THRESHOLDS)
def test_each_element_is_bounded(gradients: list[Any], threshold: float) -> None:
    for before, after in zip(gradients, clipped(clip_by_value, gradients, threshold), strict=True):
        np.testing.assert_array_equal(after, np.clip(before, -threshold, threshold))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_non_finite_gradients_stay_visible(bad: float) -> None:
    gradients = [np.array([1.0, bad], "float32"), np.array([3.0, 4.0], "float32")]
    first, second = clipped(clip_by_norm, gradients, 1.0)
    assert np.isnan(first).all()
    np.testing.assert_allclose(second, [0.6, 0.8], rtol=ROUNDING)
    assert all(np.isnan(part).all() for part in clipped(clip_by_global_norm, gradients, 1.0))
    first, second = clipped(clip_by_value, gradients, 2.0)
    np.testing.assert_array_equal(first, [1.0, np.clip(bad, -2.0, 2.0)])
    np.testing.assert_array_equal(second, [2.0, 2.0])


def test_the_norm_of_zero_gradients_is_no_trap() -> None:
    zeros = [np.zeros(3, "float32"), np.zeros((2, 2), "float32")]
    for function in (clip_by_norm, clip_by_global_norm, clip_by_value):
        assert all((part == 0).all() for part in clipped(function, zeros, 1.0))


def test_a_norm_beyond_the_square_root_of_the_range_does_not_overflow() -> None:
    tensors = [keras.ops.convert_to_tensor(np.full(4, 1e30, "float32"))]
    assert float(global_norm(tensors)) == pytest.approx(2e30, rel=ROUNDING)
    [part] = clipped(clip_by_norm, [np.full(4, 3e38, "float32")], 1.0)
    np.testing.assert_allclose(part, 0.5, rtol=ROUNDING)


@pytest.mark.parametrize("shape", [(), (5,), (1, 9), (7, 3), (64, 10), (3, 3, 4, 8), (1, 1)])
def test_the_global_norm_of_any_shape_is_that_of_all_elements(shape: tuple[int, ...]) -> None:
    drawn = np.asarray(np.random.default_rng(4).normal(size=shape), "float32")
    arrays = [drawn, np.array([2.0], "float32")]
    expected = np.sqrt(sum((array.astype("float64") ** 2).sum() for array in arrays))
    norm = global_norm([keras.ops.convert_to_tensor(array) for array in arrays])
    assert float(norm) == pytest.approx(expected, rel=ROUNDING)


def test_a_new_threshold_takes_effect_and_its_rule_holds() -> None:
    weights = keras.Variable(np.zeros(1, "float32"))
    optimizer = build_optimizer("sgd", {"learning_rate": 1.0}, {"clipvalue": 1.0})
    optimizer.apply([keras.ops.ones((1,)) * 8.0], [weights])
    optimizer.set_hyperparameters({"clipvalue": 2.0})
    optimizer.apply([keras.ops.ones((1,)) * 8.0], [weights])
    assert float(weights.numpy()[0]) == -3.0
    optimizer.clipvalue = 4.0
    optimizer.apply([keras.ops.ones((1,)) * 8.0], [weights])
    assert float(weights.numpy()[0]) == -7.0
    with pytest.raises(ValueError, match=r"clipvalue must be > 0. Received 0. Give for instance"):
        optimizer.set_hyperparameters({"clipvalue": 0})


def test_two_kinds_of_clipping_are_refused() -> None:
    with pytest.raises(ValueError, match=r"at most one kind .* clipnorm and clipvalue. Leave out"):
        build_optimizer("sgd", {}, {"clipnorm": 1.0, "clipvalue": 1.0})
