"""The Gauss-Newton matrix of a Keras network against NumPy."""

import keras
import numpy as np
import pytest

from benchmark.curvature import (
    ComposedLoss,
    GaussNewtonProgram,
    HessianProgram,
    check_products,
    exact_eigenvalues,
    model_loss,
)
from tests.curvature.conftest import LOSS, Network, join, softmax, split


@pytest.fixture(scope="module")
def loss(network: Network) -> ComposedLoss:
    return model_loss(network.model, LOSS)


@pytest.fixture(scope="module")
def matrix(network: Network, loss):
    operator = GaussNewtonProgram(loss, block_size=43).at(network.weights, network.x, network.y)
    return exact_eigenvalues(operator)


def logits(network: Network, flat):
    w1, b1, w2, b2 = split(flat, network.weights)
    return np.tanh(network.x.astype(np.float64) @ w1 + b1) @ w2 + b2


def test_it_equals_jacobians_by_differences_of_the_outputs(network, matrix):
    """Σ Jᵀ (diag p − p pᵀ) J / n with fourth-order central differences for J."""
    flat, step = join(network.weights), 1e-3
    jacobian = np.stack(
        [
            (
                8 * (logits(network, flat + u) - logits(network, flat - u))
                - (logits(network, flat + 2 * u) - logits(network, flat - 2 * u))
            )
            / (12 * step)
            for u in step * np.eye(flat.size)
        ],
        axis=-1,
    )
    p = softmax(logits(network, flat))
    bend = p[:, :, None] * np.eye(10) - p[:, :, None] * p[:, None, :]
    expected = np.einsum("icj,icd,idk->jk", jacobian, bend, jacobian, optimize=True) / len(p)
    # step⁴ × a fifth derivative, and 1e-16 / step of rounding.
    np.testing.assert_allclose(matrix.hessian, expected, atol=1e-9, rtol=0)


def test_it_is_the_fisher_information(network, matrix):
    """E over labels drawn from the model's own p of the squared gradients of its log-likelihood."""
    flat = join(network.weights)
    p = softmax(logits(network, flat))
    expected = np.zeros((flat.size, flat.size))
    for label in range(10):
        # Gradients of single examples by hand-written backpropagation.
        for row in range(0, 150, 10):
            example = Network(
                network.model,
                network.weights,
                network.x[row : row + 1],
                np.array([label], np.int32),
            )
            gradient = example.reference_gradient(flat)
            expected += p[row, label] * np.outer(gradient, gradient) / 15
    program = GaussNewtonProgram(model_loss(network.model, LOSS), block_size=43)
    spectrum = exact_eigenvalues(program.at(network.weights, network.x[::10], network.y[::10]))
    np.testing.assert_allclose(spectrum.hessian, expected, atol=1e-13, rtol=0)


def test_it_is_positive_semidefinite_where_the_hessian_is_not(network, matrix, reference):
    assert matrix.eigenvalues[0] > -1e-14 * matrix.eigenvalues[-1]
    assert np.linalg.eigvalsh(reference)[0] < -1e-3


def test_a_linear_model_has_the_same_hessian():
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(40, 3)), generator.normal(size=(40, 2))
    layer = keras.layers.Dense(2, kernel_regularizer=keras.regularizers.L2(0.25))
    model = keras.Sequential([keras.Input((3,)), layer])
    loss = model_loss(model, "mean_squared_error")
    at = [generator.normal(size=(3, 2)), np.zeros(2)], x, y
    bent = exact_eigenvalues(HessianProgram(loss, block_size=8).at(*at)).hessian
    matrix = exact_eigenvalues(GaussNewtonProgram(loss, block_size=8).at(*at)).hessian
    np.testing.assert_allclose(matrix, bent, rtol=1e-12, atol=1e-14)
    design = np.hstack([x, np.ones((40, 1))])
    expected = np.kron(design.T @ design / 40, np.eye(2)) + np.diag([0.5] * 6 + [0.0] * 2)
    np.testing.assert_allclose(matrix, expected, rtol=1e-12, atol=1e-14)


def test_chunks_state_and_arithmetic(network, loss, matrix):
    single = model_loss(network.model, LOSS, "float32")
    program = GaussNewtonProgram(single, chunk_size=60, dtype="float32")
    operator = program.at(network.weights, network.x, network.y)
    check_products(operator)
    v = np.random.default_rng(0).normal(size=172)
    expected = matrix.hessian @ v
    # Sums of 150 examples in float32, relative to the largest entry.
    np.testing.assert_allclose(operator.matvec(v), expected, atol=1e-5 * np.abs(expected).max())
    changed = HessianProgram(loss).at(network.weights, network.x, network.y)
    np.testing.assert_allclose(operator.gradient(), changed.gradient(), atol=1e-6)
    with pytest.raises(TypeError, match=r"float64. Received float32"):
        GaussNewtonProgram(single).at(network.weights, network.x, network.y).gradient()


@pytest.mark.parametrize("loss", ["categorical_crossentropy", keras.losses.BinaryCrossentropy()])
def test_probabilities_are_refused_for_keras_takes_the_logits_behind_them(loss):
    """Their Gauss-Newton matrix would silently be zero on TensorFlow."""
    last = "sigmoid" if loss != "categorical_crossentropy" else "softmax"
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, last)])
    with pytest.raises(ValueError, match=r"must be taken at the logits. Received a model whose"):
        GaussNewtonProgram(model_loss(model, loss))
    # Squares of probabilities are a loss of these outputs.
    GaussNewtonProgram(model_loss(model, "mean_squared_error"))
