"""A Keras model's training loss as a pure function."""

import keras
import numpy as np
import pytest
from keras import ops

from benchmark import backend
from benchmark.curvature import HessianProgram, exact_eigenvalues, model_loss


def weights_of(model, seed=0):
    generator = np.random.default_rng(seed)
    return [generator.normal(size=tuple(v.shape)) / 2 for v in model.trainable_variables]


@pytest.fixture
def data():
    generator = np.random.default_rng(1)
    return generator.normal(size=(40, 3)), generator.normal(size=(40, 2))


CASES = [
    ("mean_squared_error", lambda e: np.mean(e**2)),
    ("mean_absolute_error", lambda e: np.mean(np.abs(e))),
    (keras.losses.MeanSquaredError(), lambda e: np.mean(e**2)),
    (keras.losses.Huber(delta=0.5), lambda e: np.mean(huber(e))),
    (lambda y, p: ops.square(y - p), lambda e: np.mean(e**2)),
]


def huber(error):
    size = np.abs(error)
    return np.where(size <= 0.5, error**2 / 2, 0.5 * size - 0.125)


@pytest.mark.parametrize(("loss", "expected"), CASES)
def test_losses_are_computed_in_float64(loss, expected, data):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    x, y = data
    w, b = weights_of(model)
    value = model_loss(model, loss)([w, b], x, y)
    assert keras.backend.standardize_dtype(value.dtype) == "float64"
    assert float(value) == pytest.approx(expected(y - x @ w - b), rel=1e-14)


def test_integer_and_column_targets_are_squeezed_as_keras_does(data):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    x, weights = data[0], weights_of(model)
    targets = np.arange(40)
    loss = model_loss(model, keras.losses.MeanSquaredError())
    expected = np.mean((targets - (x @ weights[0] + weights[1])[:, 0]) ** 2)
    assert float(loss(weights, x, targets)) == pytest.approx(expected, rel=1e-13)


def test_weight_penalties_belong_to_the_loss(data):
    penalty = keras.regularizers.L2(0.5)
    layer = keras.layers.Dense(2, kernel_regularizer=penalty)
    model = keras.Sequential([keras.Input((3,)), layer])
    x, y = data
    w, b = weights_of(model)
    loss = model_loss(model, "mean_squared_error")
    expected = np.mean((y - x @ w - b) ** 2) + 0.5 * (w**2).sum()
    # The factor 0.5 is exact in float32, in which Keras keeps it.
    assert float(loss([w, b], x, y)) == pytest.approx(expected, rel=1e-12)
    hessian = exact_eigenvalues(HessianProgram(loss).at([w, b], x, y)).hessian
    design = np.hstack([x, np.ones((40, 1))])
    gram = design.T @ design / 40  # mean over 40 × 2 entries, times 2 of the square
    expected_hessian = np.kron(gram, np.eye(2)) + np.diag([1.0] * 6 + [0.0] * 2)
    np.testing.assert_allclose(hessian, expected_hessian, rtol=1e-12, atol=1e-14)


def test_moving_averages_are_an_argument(data):
    layers = [keras.layers.Dense(4), keras.layers.BatchNormalization(), keras.layers.Dense(2)]
    model = keras.Sequential([keras.Input((3,)), *layers])
    x, y = data
    weights = weights_of(model)
    mean, variance = np.full(4, 0.3), np.full(4, 2.0)
    loss = model_loss(model, "mean_squared_error")
    w, b, gamma, beta, v, c = weights
    hidden = (x @ w + b - 0.3) / np.sqrt(2.0 + 1e-3) * gamma + beta
    expected = np.mean((y - hidden @ v - c) ** 2)
    program = HessianProgram(loss, block_size=8)
    operator = program.at(weights, x, y, [mean, variance])
    assert operator.value() == pytest.approx(expected, rel=1e-12)
    assert np.isfinite(operator.matvec(np.ones(operator.shape[0]))).all()
    changed = program.at(weights, x, y, [mean + 1, variance])
    assert changed.value() != operator.value()
    assert program.compilations == 2
    with pytest.raises(ValueError, match=r"state must hold 2 tensors. Received 0.*non_trainable"):
        loss(weights, x, y)


def test_dropout_is_off(data):
    model = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dropout(0.5, seed=1), keras.layers.Dense(2)]
    )
    x, y = data
    w, b = weights_of(model)
    state = [ops.convert_to_numpy(v.value) for v in model.non_trainable_variables]
    value = model_loss(model, "mean_squared_error")([w, b], x, y, state)
    assert float(value) == pytest.approx(np.mean((y - x @ w - b) ** 2), rel=1e-13)


def test_the_model_is_not_changed(data):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    before = [ops.convert_to_numpy(v.value) for v in model.trainable_variables]
    loss = model_loss(model, "mean_squared_error")
    backend.compile(loss)(weights_of(model), *data)
    for variable, old in zip(model.trainable_variables, before, strict=True):
        assert variable.dtype == "float32"
        np.testing.assert_array_equal(ops.convert_to_numpy(variable.value), old)


def test_a_loss_in_another_arithmetic_is_refused(data):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    single = model_loss(model, "mean_squared_error", dtype="float32")
    operator = HessianProgram(single).at(weights_of(model), *data)
    with pytest.raises(TypeError, match=r"the arithmetic of its program, float64. Rec.* float32"):
        operator.gradient()


def test_a_loss_that_is_no_mean_is_refused():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    with pytest.raises(ValueError, match=r"reductions sum_over_batch_size, mean. Received 'sum'"):
        model_loss(model, keras.losses.MeanSquaredError(reduction="sum"))
