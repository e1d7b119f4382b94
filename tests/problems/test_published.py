"""Published figures and theory of the closed-form problems."""

import numpy as np
import pytest

from benchmark.problems import build_problem
from benchmark.problems.deep_linear_chain import DeepLinearChain
from benchmark.problems.noisy_quadratic import NoisyQuadratic
from benchmark.problems.saddle import Saddle


def test_noisy_quadratic_is_the_problem_of_deepobs():
    """DeepOBS quadratic_deep (Schneider et al., ICLR 2019): spectrum and initial test loss."""
    problem = NoisyQuadratic()
    spectrum = np.linalg.eigvalsh(problem.hessian(problem.start))
    assert spectrum[0] == pytest.approx(0.0055221171, rel=1e-8)
    assert spectrum[-1] == pytest.approx(53.1290154, rel=1e-8)
    # Rebuilt independently to the digits given; a small eigenvalue errs by 1e-14 × λmax / λmin.
    assert spectrum[-1] / spectrum[0] == pytest.approx(9621.1316, rel=1e-8)
    # The published run drops the last batch: 7 batches of 128.
    assert problem.test_data is not None
    test_points = problem.test_data[:896].astype(np.float64)
    offset = problem.start - test_points
    loss = np.sum((offset @ problem.hessian(problem.start)) * offset) / 2 / 896
    # Published in float32 (353.44676), rebuilt in float64 (353.44677): seven figures.
    assert loss == pytest.approx(353.44676, abs=2e-5)


def test_noisy_quadratic_follows_the_published_training_curve():
    """SGD with learning rate 1.5849e-2: published test losses, and a rebuild with its spread."""
    problem = NoisyQuadratic()
    hessian = problem.hessian(problem.start)
    assert problem.test_data is not None
    test_points = problem.test_data[:896].astype(np.float64)
    order = np.random.default_rng(0).permutation(1000)[:896].reshape(7, 128)
    means = [problem.data[rows].astype(np.float64).mean(axis=0) for rows in order]
    theta, losses = problem.start, {}
    for epoch in range(1, 101):
        for mean in means:
            theta = theta - 1.5849e-2 * hessian @ (theta - mean)
        if epoch not in (1, 10, 100):
            continue
        offset = theta - test_points
        losses[epoch] = np.sum((offset @ hessian) * offset) / 2 / 896
    # The mean of ten independent rebuilds is within 0.22 of the published run, with a standard
    # deviation of 0.16 over batch orders; three deviations around that mean.
    for epoch, expected in ((1, 105.23), (10, 92.89), (100, 87.30)):
        assert losses[epoch] == pytest.approx(expected, abs=0.48)


@pytest.mark.parametrize("layers", [2, 3, 5])
def test_a_deep_chain_raises_eigenvalues_to_the_depth(layers):
    chain = DeepLinearChain(layers=layers, width=3)
    expected = chain.eigenvalues**layers
    eigenvalues = np.linalg.eigvalsh(chain.end_to_end(chain.start))
    np.testing.assert_allclose(eigenvalues, expected, rtol=1e-13)


@pytest.mark.parametrize("layers", [2, 4, 7])
def test_the_gradient_of_a_deep_chain_scales_with_depth_minus_one(layers):
    chain = DeepLinearChain(layers=layers, width=4, smallest_eigenvalue=0.3, largest_eigenvalue=1.8)
    first = chain.gradient(chain.start).reshape(layers, 4, 4)[0]
    along = chain.rotation.T @ first @ chain.rotation
    power = chain.eigenvalues ** (layers - 1)
    expected = np.diag(power * (chain.eigenvalues**layers - 1))
    # Rounding of products up to λⁿ.
    np.testing.assert_allclose(along, expected, atol=1e-12 * np.abs(expected).max(), rtol=0)


def test_the_minimum_of_a_deep_chain_is_flat_in_all_but_one_direction_in_n():
    chain = DeepLinearChain(layers=4, width=3)
    spectrum = np.linalg.eigvalsh(chain.hessian(chain.minimum))
    np.testing.assert_allclose(spectrum[:27], 0, atol=1e-14)
    np.testing.assert_allclose(spectrum[27:], 4, rtol=1e-14)


def test_the_saddle_has_one_escape_direction():
    saddle = Saddle(positive_curvature=3.0, negative_curvature=2.0)
    np.testing.assert_array_equal(saddle.gradient(saddle.saddle_point), 0)
    np.testing.assert_array_equal(np.diag(saddle.hessian(saddle.saddle_point)), [3.0, -2.0])
    np.testing.assert_allclose(np.diag(saddle.hessian(saddle.minimum)), [3.0, 4.0])


def test_known_starting_values():
    """Moré, Garbow, Hillstrom 1981: f = 24.2 for Rosenbrock, 14.203125 for Beale."""
    for name, expected in (("rosenbrock", 24.2), ("beale", 14.203125)):
        problem = build_problem(name)
        value = problem.value(problem.start, problem.data)
        assert float(value[0]) == pytest.approx(expected, rel=1e-12)
