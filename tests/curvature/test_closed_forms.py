"""Hessians that are known in closed form, through Keras and through every method."""

import keras
import numpy as np
import pytest
from keras import ops

from benchmark.curvature import (
    GaussNewtonProgram,
    HessianProgram,
    estimate_moments,
    exact_eigenvalues,
    extreme_eigenvalues,
    model_loss,
    spectral_density,
)
from benchmark.curvature.lanczos import lanczos

DATA = np.zeros((1, 1)), np.zeros(1)


def rosenbrock(parameters, x, y):
    """100 Σ (θ_{i+1} − θ_i²)² + Σ (1 − θ_i)²."""
    theta = parameters[0]
    return ops.sum(100 * (theta[1:] - theta[:-1] ** 2) ** 2 + (1 - theta[:-1]) ** 2)


ROSENBROCK = HessianProgram(rosenbrock, block_size=4)


def rosenbrock_hessian(theta):
    size = theta.size
    matrix = np.zeros((size, size))
    for i in range(size - 1):
        matrix[i, i] += 1200 * theta[i] ** 2 - 400 * theta[i + 1] + 2
        matrix[i + 1, i + 1] += 200
        matrix[i, i + 1] = matrix[i + 1, i] = -400 * theta[i]
    return matrix


@pytest.mark.parametrize("seed", [None, 0, 1])
def test_rosenbrock(seed):
    theta = np.ones(8) if seed is None else np.random.default_rng(seed).normal(size=8)
    operator = ROSENBROCK.at([theta], *DATA)
    expected = rosenbrock_hessian(theta)
    spectrum = exact_eigenvalues(operator)
    np.testing.assert_allclose(spectrum.hessian, expected, rtol=1e-13, atol=1e-11)
    eigenvalues = np.linalg.eigvalsh(expected)
    scale = np.abs(eigenvalues).max()
    pairs = extreme_eigenvalues(operator, 2, 2, tolerance=1e-8)
    np.testing.assert_allclose(pairs.eigenvalues, eigenvalues[[0, 1, -2, -1]], atol=1e-12 * scale)
    whole = lanczos(operator, 8).ritz_values
    np.testing.assert_allclose(whole, eigenvalues, atol=1e-12 * scale)
    moments = estimate_moments(operator, 24)
    assert moments.trace.value == pytest.approx(np.trace(expected), rel=1e-10)
    assert moments.frobenius_norm.value == pytest.approx(np.linalg.norm(expected), rel=1e-10)
    low, high = spectral_density(operator, 20, 8).moment(2).interval(0.999)
    assert low <= np.mean(eigenvalues**2) <= high


def test_the_valley_of_rosenbrock_is_known():
    """At the minimum in two dimensions κ is 2508 (trace 1002, determinant 400)."""
    values = exact_eigenvalues(HessianProgram(rosenbrock).at([np.ones(2)], *DATA)).eigenvalues
    assert values.sum() == pytest.approx(1002, rel=1e-13)
    assert values.prod() == pytest.approx(400, rel=1e-10)
    assert values[1] / values[0] == pytest.approx(2508.01, abs=0.01)


def chain_hessian(w, target):
    """Of ½ (Πw − y)²: with p = Πw and e = p − y, H_ij = (p² + e p [i ≠ j]) / (w_i w_j)."""
    p = w.prod()
    bend = p**2 + (p - target) * p * (1 - np.eye(w.size))
    return bend / np.outer(w, w)


@pytest.mark.parametrize("size", [2, 5])
def test_the_deep_linear_chain(size):
    """Layers of one weight: the gradient of each is e p / w_i, the spectrum that of H above."""
    layers = [keras.layers.Dense(1, use_bias=False) for _ in range(size)]
    model = keras.Sequential([keras.Input((1,)), *layers])
    w = np.random.default_rng(size).uniform(0.5, 1.5, size)
    target, x = 2.5, np.ones((1, 1))
    loss = model_loss(model, lambda y, z: ops.square(z - y) / 2)
    at = [value.reshape(1, 1) for value in w], x, target * x
    operator = HessianProgram(loss, block_size=4).at(*at)
    p = w.prod()
    np.testing.assert_allclose(operator.gradient(), (p - target) * p / w, rtol=1e-13)
    spectrum = exact_eigenvalues(operator)
    np.testing.assert_allclose(spectrum.hessian, chain_hessian(w, target), rtol=1e-12)
    # What remains without the bend of the outputs has rank one: (∂p/∂w)(∂p/∂w)ᵀ.
    outer = exact_eigenvalues(GaussNewtonProgram(loss, block_size=4).at(*at))
    np.testing.assert_allclose(outer.hessian, np.outer(p / w, p / w), rtol=1e-12)
    assert outer.eigenvalues[-1] == pytest.approx(np.sum((p / w) ** 2), rel=1e-12)
    # At equal weights λ = w: one eigenvalue n p²/w² + (n − 1) e p/w², the others −e p/w².
    equal = np.full(size, 0.8)
    values = exact_eigenvalues(
        HessianProgram(loss, block_size=4).at([v.reshape(1, 1) for v in equal], *at[1:])
    ).eigenvalues
    q = 0.8**size
    error = (q - target) * q / 0.64
    top = size * q**2 / 0.64 + (size - 1) * error
    np.testing.assert_allclose(values, np.sort([*([-error] * (size - 1)), top]), rtol=1e-11)


def test_a_quadratic_is_its_matrix():
    generator = np.random.default_rng(0)
    matrix = generator.normal(size=(30, 30))
    matrix = matrix @ matrix.T + np.diag(np.geomspace(1, 1e4, 30))

    def quadratic(parameters, x, y):
        return ops.sum(parameters[0] * ops.matmul(x, parameters[0])) / 2 + ops.sum(y)

    operator = HessianProgram(quadratic).at([generator.normal(size=30)], matrix, np.zeros(30))
    pairs = extreme_eigenvalues(operator, 5, 2, tolerance=1e-9)
    expected = np.linalg.eigvalsh(matrix)
    np.testing.assert_allclose(pairs.eigenvalues, expected[[0, 1, *range(25, 30)]], rtol=1e-10)
