"""Closed-form gradients and Hessians against the backend's derivatives and differences."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from benchmark import backend
from benchmark.problems import PROBLEMS, build_problem
from benchmark.problems.quadratic import Quadratic

CASES = [
    ("quadratic", {}),
    ("quadratic", {"dimension": 1, "condition_number": 1}),
    ("quadratic", {"dimension": 6, "spectrum": "two_clusters", "noise": 0.5, "samples": 8}),
    ("quadratic", {"dimension": 12, "spectrum": "outliers", "condition_number": 1e4}),
    ("quadratic", {"dimension": 3, "spectrum": "linear"}),
    ("diagonal_quadratic", {"dimension": 4}),
    ("rosenbrock", {}),
    ("rosenbrock", {"dimension": 5}),
    ("beale", {}),
    ("saddle", {"positive_curvature": 2.0, "negative_curvature": 0.5}),
    ("deep_linear_chain", {}),
    ("deep_linear_chain", {"layers": 2, "width": 1}),
    ("noisy_quadratic", {"dimension": 10, "samples": 17, "seed": 3}),
]
identity = "{0[0]}-{0[1]}".format


def mean_loss(problem):
    return lambda parameters, x: ops.mean(problem.value(parameters[0], x))


def points(problem):
    """The start, the minimum, and a random point near the start."""
    random = problem.start + np.random.default_rng(5).normal(size=problem.dimension) / 4
    return problem.start, problem.minimum, random


@pytest.fixture(params=CASES, ids=identity)
def problem(request):
    return build_problem(*request.param)


def test_every_problem_is_a_case():
    assert {name for name, _ in CASES} == set(PROBLEMS)


def test_gradients_equal_the_backend(problem):
    gradient = backend.value_and_grad(mean_loss(problem))
    for theta in points(problem):
        _, (slope,) = gradient([ops.convert_to_tensor(theta)], problem.data)
        exact = problem.gradient(theta)
        # Rounding of sums whose terms may be larger than the sum.
        np.testing.assert_allclose(slope, exact, rtol=1e-10, atol=1e-10)


def test_hessians_equal_the_backend(problem):
    product = backend.hessian_vector_product(mean_loss(problem))
    columns = backend.compile(
        backend.vectorize(lambda p, v, x: product([p], [v], x)[0], (None, 0, None))
    )
    for theta in points(problem):
        hessian = problem.hessian(theta)
        products = columns(theta, np.eye(problem.dimension), problem.data)
        np.testing.assert_allclose(products, hessian, rtol=1e-10, atol=1e-10)
        np.testing.assert_array_equal(hessian, hessian.T)


def test_derivatives_equal_central_differences(problem):
    def value(theta):
        return float(ops.mean(problem.value(ops.convert_to_tensor(theta), problem.data)))

    theta, step = points(problem)[2], 1e-5
    units = np.eye(problem.dimension) * step
    slopes = [(value(theta + u) - value(theta - u)) / (2 * step) for u in units]
    bends = [
        (problem.gradient(theta + u) - problem.gradient(theta - u)) / (2 * step) for u in units
    ]
    # Error of central differences: step² × a third derivative (up to 10³ here), and rounding
    # of the value (up to 10²) divided by the step.
    np.testing.assert_allclose(slopes, problem.gradient(theta), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(bends, problem.hessian(theta), rtol=1e-6, atol=1e-6)


def test_the_minimum_is_one(problem):
    value = ops.mean(problem.value(ops.convert_to_tensor(problem.minimum), problem.data))
    np.testing.assert_allclose(float(value), problem.optimum, rtol=1e-12, atol=1e-24)
    np.testing.assert_allclose(problem.gradient(problem.minimum), 0, atol=1e-12)
    assert np.linalg.eigvalsh(problem.hessian(problem.minimum)).min() > -1e-12


def test_values_keep_dtype_and_have_one_entry_for_each_example(problem):
    for dtype in ("float32", "float64"):
        theta = ops.convert_to_tensor(problem.start.astype(dtype))
        x = np.repeat(problem.data[:1], 3, axis=0)
        value = ops.convert_to_numpy(problem.value(theta, x))
        assert value.shape == (3,)
        assert value.dtype == dtype


def test_a_problem_is_built_again_from_its_options(problem):
    again = build_problem(problem.name, problem.options)
    np.testing.assert_array_equal(again.start, problem.start)
    np.testing.assert_array_equal(again.hessian(again.start), problem.hessian(problem.start))
    assert repr(again) == repr(problem)


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 12), st.floats(1, 1e6), st.floats(1e-3, 1e3), st.integers(0, 9))
def test_the_quadratic_has_the_spectrum_asked_for(dimension, condition_number, largest, seed):
    bowl = Quadratic(dimension, condition_number, largest, seed=seed)
    spectrum = np.asarray(np.linalg.eigvalsh(bowl.hessian(bowl.start)), np.float64)
    # Backward stability: an eigenvalue errs by a few epsilon of the largest one.
    np.testing.assert_allclose(spectrum, bowl.eigenvalues, atol=1e-14 * dimension * largest, rtol=0)
    assert spectrum[-1] == pytest.approx(largest)
    offset = bowl.start - bowl.minimum
    assert offset @ offset == pytest.approx(dimension)
