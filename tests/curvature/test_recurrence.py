"""Steps of Lanczos' method in one compiled call, against products one by one."""

import numpy as np
import pytest
from keras import ops
from scipy.sparse.linalg import aslinearoperator

from benchmark.curvature import HessianProgram
from benchmark.curvature import operators as operators_module
from benchmark.curvature.lanczos import LanczosBasis, extend, grow, lanczos
from benchmark.curvature.steps import SteppedOperator
from benchmark.optimizers.stability import diagonal
from tests.curvature.spectra import rotated
from tests.curvature.test_lanczos import relation


def quadratic(parameters, x, y):
    """½ θᵀ X θ with the matrix X as data."""
    return ops.sum(parameters[0] * ops.matmul(x, parameters[0])) / 2 + 0 * ops.sum(y)


PROGRAM = HessianProgram(quadratic)
FORTY = np.r_[-5.0, np.linspace(-1, 1, 37), 4.0, 9.0]


def operator_of(matrix):
    return PROGRAM.at([np.ones(len(matrix))], matrix, np.zeros(len(matrix)))


def test_a_basis_is_that_of_products_one_by_one():
    matrix = rotated(FORTY)
    start, operator = np.random.default_rng(0).standard_normal((1, 40)), operator_of(matrix)
    together, single = LanczosBasis(start, 20), LanczosBasis(start, 20)
    for steps in (1, 7, 4, 8):  # calls go on from one another
        grow(together, operator, steps)
    for _ in range(20):
        extend([single], aslinearoperator(matrix))
    assert operator.products == together.products == together.dimension == 20
    np.testing.assert_allclose(together.projection, single.projection, atol=1e-12)
    np.testing.assert_allclose(together.subdiagonal, single.subdiagonal, atol=1e-12)
    assert max(relation(together, matrix)) < 1e-13


def test_a_preconditioner_on_the_diagonal_goes_along():
    matrix, scale = rotated(FORTY), np.linspace(1.0, 4.0, 40)
    stepped = SteppedOperator(operator_of(matrix), diagonal(scale))
    start = np.random.default_rng(1).standard_normal((1, 40))
    basis = LanczosBasis(start, 15)
    grow(basis, stepped, 15)
    root = 1 / np.sqrt(scale)
    assert max(relation(basis, root[:, None] * matrix * root)) < 1e-13
    # One that mixes entries is multiplied step by step.
    mixed = SteppedOperator(operator_of(matrix), lambda vectors: vectors[::-1] / 2)
    assert mixed.lanczos_steps(start, 3, 15) is None


@pytest.mark.parametrize("steps", [12, 40])
def test_breakdowns_and_the_whole_space_are_those_of_products_one_by_one(steps):
    """Three distinct eigenvalues: every third product leaves nothing but rounding."""
    matrix = rotated(np.r_[np.full(15, -1.0), np.full(20, 2.0), np.full(5, 7.0)])
    result = lanczos(operator_of(matrix), steps, seed=2)
    expected = lanczos(aslinearoperator(matrix), steps, seed=2)
    assert result.steps == steps and result.restarts == expected.restarts >= 3
    np.testing.assert_allclose(result.ritz_values, expected.ritz_values, atol=1e-12)
    np.testing.assert_allclose(result.residuals, 0, atol=1e-12)
    alone = LanczosBasis(np.ones((1, 40)), 20)
    grow(alone, operator_of(matrix), 20)
    assert alone.is_complete and alone.dimension == 3


def test_what_is_not_finite_is_refused():
    with pytest.raises(FloatingPointError, match="must be finite"):
        lanczos(operator_of(np.full((40, 40), np.nan)), 5)


def test_data_in_chunks_and_large_bases_take_products_one_by_one(monkeypatch):
    def loss(parameters, x, y):
        return ops.mean((ops.matmul(x, parameters[0]) - y) ** 2) / 2

    x, y = np.random.default_rng(0).standard_normal((20, 6)), np.zeros(20)
    whole, cut = (HessianProgram(loss, chunk_size=size).at([np.ones(6)], x, y) for size in (20, 8))
    assert cut.lanczos_steps(np.ones((1, 6)), 2, 4) is None
    expected = np.linalg.eigvalsh(x.T @ x / 20)
    for operator in (whole, cut):
        np.testing.assert_allclose(lanczos(operator, 6).ritz_values, expected, atol=1e-13)
    monkeypatch.setattr(operators_module, "MOST_NUMBERS", 100)
    assert whole.lanczos_steps(np.ones((1, 6)), 2, 4) is None


def test_gradients_of_batches_in_one_call_are_those_one_by_one(network, program):
    batches = np.arange(150).reshape(5, 30)
    gradients = program.batch_gradients(network.weights, network.x[batches], network.y[batches])
    for rows, gradient in zip(batches, gradients, strict=True):
        expected = program.at(network.weights, network.x[rows], network.y[rows]).gradient()
        np.testing.assert_allclose(gradient, expected, atol=1e-15)
