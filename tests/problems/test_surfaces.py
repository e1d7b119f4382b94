"""The surfaces that a report draws are the problems that are trained."""

import numpy as np
import pytest
from keras import ops

from benchmark.problems import PROBLEMS, build_problem
from benchmark.problems.spectra import SPECTRA, eigenvalues
from benchmark.problems.surfaces import surface

PLANES = [
    *(("quadratic", {"dimension": 2, "seed": 3, "spectrum": spectrum}) for spectrum in SPECTRA),
    ("rosenbrock", {}),
    ("beale", {}),
    ("saddle", {"positive_curvature": 2.0, "negative_curvature": 0.5}),
    ("deep_linear_chain", {"layers": 2, "width": 1, "smallest_eigenvalue": 0.7}),
]


@pytest.mark.parametrize(("name", "options"), PLANES)
def test_a_surface_has_the_values_start_and_minimum_of_its_problem(name, options):
    drawn, problem = surface(name, options), build_problem(name, options)
    assert drawn is not None
    a, b = np.random.default_rng(1).normal(size=(2, 20))
    expected = [
        float(problem.value(ops.convert_to_tensor(np.array(point)), problem.data)[0])
        for point in zip(a, b, strict=True)
    ]
    # Sums in another order, of terms that may be larger than the sum.
    np.testing.assert_allclose(drawn.value(a, b), expected, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(drawn.start, problem.start, rtol=1e-15)
    for minimum in drawn.minima:
        np.testing.assert_allclose(problem.gradient(np.array(minimum)), 0, atol=1e-12)
        assert float(drawn.value(*map(np.array, minimum))) == pytest.approx(
            drawn.optimum, abs=1e-15
        )
    assert any(np.allclose(minimum, problem.minimum) for minimum in drawn.minima)
    assert drawn.optimum == problem.optimum


def test_what_has_other_dimensions_is_no_surface():
    planes = {name for name in PROBLEMS if surface(name, {}) is not None}
    assert planes == {name for name in PROBLEMS if build_problem(name).dimension == 2}
    assert surface("rosenbrock", {"dimension": 3}) is None
    assert surface("quadratic", {"dimension": 3}) is None


def test_spectra_have_their_ends_and_their_shares():
    for name in SPECTRA:
        values = eigenvalues(name, 0.5, 8.0, 20)
        assert values.shape == (20,)
        assert (np.diff(values) >= 0).all()
        np.testing.assert_allclose([values[0], values[-1]], [0.5, 8.0], rtol=1e-15)
    assert (eigenvalues("two_clusters", 0.5, 8.0, 5) == 8).sum() == 3
    assert (eigenvalues("outliers", 0.5, 8.0, 20) == 8).sum() == 2
    np.testing.assert_allclose(np.diff(eigenvalues("linear", 0, 4, 5)), 1)


def test_noise_adds_the_same_covariance_to_every_gradient():
    problem = build_problem(
        "quadratic", {"dimension": 3, "noise": 0.5, "samples": 20_000, "seed": 2}
    )
    theta = problem.start + 1
    # The gradient of one example, of whose values two points make a difference: it is affine.
    step = np.eye(3)
    slopes = np.stack(
        [
            np.asarray(
                problem.value(ops.convert_to_tensor(theta + u), problem.data)
                - problem.value(ops.convert_to_tensor(theta - u), problem.data)
            )
            / 2
            for u in step
        ],
        axis=1,
    )
    np.testing.assert_allclose(slopes.mean(axis=0), problem.gradient(theta), atol=1e-12)
    # 10,000 independent pairs: a relative error of √(2 / 10⁴) = 1.4 % of each; four of them.
    np.testing.assert_allclose(np.cov(slopes.T), 0.25 * np.eye(3), atol=0.25 * 0.057)
