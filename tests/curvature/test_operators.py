"""Hessian products of a Keras network against differences of a gradient written by hand."""

import keras
import numpy as np
import pytest
from keras import ops
from scipy.sparse.linalg import eigsh

from benchmark.curvature import HessianProgram, exact_eigenvalues, model_loss
from benchmark.curvature.lanczos import lanczos
from benchmark.curvature.operators import multiply

LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def flat(parts):
    return np.concatenate([np.asarray(part, np.float64).ravel() for part in parts])


@pytest.fixture(scope="module")
def operator(network, program):
    return program.at(network.weights, network.x, network.y)


def test_the_gradient_equals_backpropagation_by_hand(network, operator):
    expected = network.reference_gradient(flat(network.weights))
    np.testing.assert_allclose(operator.gradient(), expected, rtol=1e-10, atol=1e-13)


def test_the_value_is_the_loss_that_keras_trains(network, operator):
    network.model.set_weights(network.weights)
    expected = LOSS(network.y, network.model(network.x))
    # Keras computes it in float32.
    assert operator.value() == pytest.approx(float(expected), rel=1e-5)


def test_the_hessian_equals_differences_of_the_gradient(operator, reference):
    spectrum = exact_eigenvalues(operator)
    # Fourth-order differences: step⁴ × a fifth derivative, and 1e-16 / step of rounding.
    np.testing.assert_allclose(spectrum.hessian, reference, atol=1e-10, rtol=0)
    expected = np.linalg.eigvalsh((reference + reference.T) / 2)
    np.testing.assert_allclose(spectrum.eigenvalues, expected, atol=1e-10, rtol=0)
    assert spectrum.asymmetry < 1e-14


def test_matvec_matmat_and_scipy_agree(network, operator):
    vectors = np.random.default_rng(0).normal(size=(operator.shape[0], 50))
    before = operator.products
    products = operator.matmat(vectors)
    assert operator.products == before + 50
    for column in (0, 42, 43, 49):  # both sides of the border between two blocks
        single = operator.matvec(vectors[:, column])
        np.testing.assert_allclose(products[:, column], single, atol=1e-13, rtol=0)
    assert operator.products == before + 54
    largest = eigsh(operator.to_scipy(), k=1, which="LA", return_eigenvectors=False)
    ritz = lanczos(operator, 60)
    assert ritz.ritz_values[-1] == pytest.approx(largest[0], rel=1e-9)


def regression(parameters, x, y):
    """A one-layer network without Keras, quick to compile."""
    return ops.mean((ops.tanh(ops.matmul(x, parameters[0]) + parameters[1]) - y) ** 2)


def test_chunks_change_nothing():
    generator = np.random.default_rng(1)
    weights = [generator.normal(size=(6, 2)), generator.normal(size=2)]
    x, y = generator.normal(size=(50, 6)), generator.normal(size=(50, 2))
    vectors = generator.normal(size=(14, 10))
    whole = HessianProgram(regression, block_size=8).at(weights, x, y)
    chunked = HessianProgram(regression, chunk_size=20, block_size=8)
    bound = chunked.at(weights, x, y)
    # The order of summation differs.
    pairs = [
        (bound.gradient(), whole.gradient()),
        (bound.matmat(vectors), whole.matmat(vectors)),
    ]
    for product, expected in pairs:
        np.testing.assert_allclose(product, expected, rtol=1e-12, atol=1e-14)
    assert bound.value() == pytest.approx(whole.value(), rel=1e-13)
    # 50 = 2 × 20 + 10: two shapes of chunks, each compiled once for two functions.
    assert chunked.compilations == 4
    assert bound.products == 10


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_data_that_do_not_stay_on_the_device_change_nothing(dtype, monkeypatch):
    """Chunks that are copied anew for each product give the same bits."""
    generator = np.random.default_rng(1)
    weights = [generator.normal(size=(6, 2)), generator.normal(size=2)]
    x, y = generator.normal(size=(40, 6)), generator.normal(size=(40, 2))
    program = HessianProgram(regression, chunk_size=20, block_size=8, dtype=dtype)
    on_device = program.at(weights, x, y)
    monkeypatch.setattr("benchmark.curvature.program.RESIDENT_BYTES", 100)
    anew = program.at(weights, x, y)
    vectors = generator.normal(size=(14, 3))
    np.testing.assert_array_equal(anew.matmat(vectors), on_device.matmat(vectors))
    np.testing.assert_array_equal(anew.gradient(), on_device.gradient())


def test_few_vectors_are_multiplied_singly():
    """Where a block would be mostly empty, estimators take single products."""
    weights = [np.ones((6, 2)), np.ones(2)]
    operator = HessianProgram(regression, block_size=8).at(
        weights, np.ones((3, 6)), np.zeros((3, 2))
    )
    vectors = np.random.default_rng(0).normal(size=(14, 3))
    expected = np.stack([operator.matvec(column) for column in vectors.T], axis=1)
    np.testing.assert_array_equal(multiply(operator, vectors), expected)
    assert operator.products == 6


def test_float32_agrees_within_its_precision(network, operator):
    single = HessianProgram(model_loss(network.model, LOSS, dtype="float32"), dtype="float32")
    bound = single.at(network.weights, network.x, network.y)
    vector = np.random.default_rng(2).normal(size=operator.shape[0])
    expected = operator.matvec(vector)
    # Sums of 150 examples in float32, relative to the largest entry.
    scale = 1e-5 * np.abs(expected).max()
    np.testing.assert_allclose(bound.matvec(vector), expected, atol=scale, rtol=0)
    assert bound.epsilon == np.finfo(np.float32).eps
    assert bound.matvec(vector).dtype == np.float64


def test_new_weights_and_data_compile_nothing(network, program):
    generator = np.random.default_rng(3)
    results, counts = [], set()
    for scale in (1.0, 0.5, 0.1):
        weights = [scale * weight for weight in network.weights]
        rows = generator.permutation(len(network.x))
        operator = program.at(weights, network.x[rows], network.y[rows])
        operator.gradient()
        results.append(exact_eigenvalues(operator).eigenvalues)
        lanczos(operator, 5)
        counts.add(program.compilations)
    assert len(counts) == 1
    assert np.abs(results[0] - results[2]).max() > 1e-3


def test_keras_variables_are_taken_as_they_are(network, program, operator):
    network.model.set_weights(network.weights)
    bound = program.at(network.model.trainable_variables, network.x, network.y)
    np.testing.assert_array_equal(bound.gradient(), operator.gradient())


def test_two_products_are_bitwise_equal(operator):
    vector = np.random.default_rng(4).normal(size=operator.shape[0])
    np.testing.assert_array_equal(operator.matvec(vector), operator.matvec(vector))


def test_refusals(network, program, operator):
    with pytest.raises(ValueError, match=r"must have 172 entries.*Received 3"):
        operator.matvec(np.zeros(3))
    with pytest.raises(ValueError, match=r"must have 172 entries"):
        operator.matmat(np.zeros((3, 2)))
    with pytest.raises(ValueError, match=r"same number of examples.*Received 150 and 149"):
        program.at(network.weights, network.x, network.y[1:])
    with pytest.raises(ValueError, match=r"at least one"):
        program.at(network.weights, network.x[:0], network.y[:0])
    with pytest.raises(ValueError, match=r"chunk_size must be ≥ 1. Received 0"):
        HessianProgram(ops.sum, chunk_size=0)
    with pytest.raises(ValueError, match=r"dtype must be float32 or float64. Received 'float16'"):
        HessianProgram(ops.sum, dtype="float16")
