"""What the theory promises of the optimizers that ask for the objective."""

import itertools
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

from benchmark.optimizers import load_optimizer
from benchmark.optimizers.objective import function_objective, objective_of
from tests.optimizers.objectives.functions import Array, quadratic, rosenbrock

pytestmark = pytest.mark.usefixtures("float64")


def minimized(optimizer, objective, start: Array, steps: int) -> tuple[Array, list[float]]:
    """The weights after some steps, and the values before each and at the end."""
    weights = keras.Variable(start)
    values = [float(optimizer.minimize(objective, [weights])) for _ in range(steps)]
    return weights.numpy(), [*values, float(objective.value([weights.value]))]


@pytest.mark.parametrize("condition", [1.0, 10.0, 1000.0])
def test_steepest_descent_contracts_as_kantorovich_says(condition: float) -> None:
    bowl, minimum = quadratic(np.geomspace(1 / condition, 1.0, 5))
    optimizer = load_optimizer("steepest_descent")(maximum_step=1e6)
    start = minimum + np.random.default_rng(1).normal(size=5)
    _, values = minimized(optimizer, bowl, start, 12)
    rate = ((condition - 1) / (condition + 1)) ** 2
    for before, after in itertools.pairwise(values):
        # 1e-30: at κ = 1 a single step ends in rounding.
        assert after <= before * rate * (1 + 1e-9) + 1e-30


def test_steepest_descent_meets_the_worst_rate_where_it_is_reached() -> None:
    bowl = function_objective(lambda w: (w[0][0] ** 2 + 100 * w[0][1] ** 2) / 2)
    optimizer = load_optimizer("steepest_descent")(maximum_step=1e6)
    _, values = minimized(optimizer, bowl, np.array([100.0, 1.0]), 8)
    ratios = np.array(values[1:]) / np.array(values[:-1])
    # From (κ, 1) on every step contracts by exactly ((κ − 1) / (κ + 1))².
    np.testing.assert_allclose(ratios, (99 / 101) ** 2, rtol=1e-10)


@pytest.mark.parametrize("dimension", [1, 3, 6])
def test_conjugate_gradients_solve_a_quadratic_in_as_many_steps_as_dimensions(
    dimension: int,
) -> None:
    bowl, minimum = quadratic(np.arange(1.0, dimension + 1))
    optimizer = load_optimizer("nonlinear_conjugate_gradient")(maximum_step=1e6)
    start = minimum + np.random.default_rng(2).normal(size=dimension)
    weights, _ = minimized(optimizer, bowl, start, dimension)
    np.testing.assert_allclose(weights, minimum, atol=1e-12)  # rounding, enlarged by κ ≤ 6


def test_newton_cg_solves_a_quadratic_in_one_step() -> None:
    bowl, minimum = quadratic(np.geomspace(0.01, 100.0, 6))
    optimizer = load_optimizer("newton_cg")(radius=1e3, forcing_term=1e-13)
    start = minimum + np.random.default_rng(3).normal(size=6)
    weights, values = minimized(optimizer, bowl, start, 1)
    # Conjugate gradients end at a residual of 1e-13 ‖g‖, 100 times that in the weights.
    np.testing.assert_allclose(weights, minimum, atol=1e-8)
    assert values[-1] < 1e-16 * values[0]


def test_levenberg_marquardt_solves_linear_least_squares_in_one_step() -> None:
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(20, 5)), rng.normal(size=20)
    line = objective_of(
        lambda w: (ops.matmul(ops.convert_to_tensor(x), w[0]), []),
        lambda z: ops.mean((z - ops.convert_to_tensor(y)) ** 2),
    )
    optimizer = load_optimizer("levenberg_marquardt")(damping=1e-10, forcing_term=1e-13)
    weights, _ = minimized(optimizer, line, np.zeros(5), 1)
    expected, *_ = np.linalg.lstsq(x, y, rcond=None)
    np.testing.assert_allclose(weights, expected, rtol=1e-8)  # λ = 1e-10 of eigenvalues near 1


def test_penalties_are_part_of_the_gauss_newton_matrix() -> None:
    rng = np.random.default_rng(5)
    x, y, ridge = rng.normal(size=(20, 5)), rng.normal(size=20), 0.3
    line = objective_of(
        lambda w: (ops.matmul(ops.convert_to_tensor(x), w[0]), [ridge * ops.sum(w[0] ** 2)]),
        lambda z: ops.sum((z - ops.convert_to_tensor(y)) ** 2),
    )
    optimizer = load_optimizer("levenberg_marquardt")(damping=1e-10, forcing_term=1e-13)
    weights, _ = minimized(optimizer, line, np.zeros(5), 1)
    expected = np.linalg.solve(x.T @ x + ridge * np.eye(5), x.T @ y)
    np.testing.assert_allclose(weights, expected, rtol=1e-8)  # as above


@pytest.mark.parametrize(
    ("name", "settings", "steps"),
    [
        ("lbfgs", {"memory": 3, "line_search_trials": 6}, 45),
        ("newton_cg", {"cg_iterations": 3}, 30),
        (
            "levenberg_marquardt",
            {"cg_iterations": 3, "forcing_term": 1e-6, "damping_factor": 2.0},
            26,
        ),
    ],
)
@pytest.mark.slow
def test_the_minimum_of_rosenbrock_is_reached(name: str, settings: Any, steps: int) -> None:
    optimizer = load_optimizer(name)(**settings)
    weights, values = minimized(optimizer, rosenbrock(), np.array([-1.2, 1.0]), steps)
    np.testing.assert_allclose(weights, [1.0, 1.0], atol=1e-6)  # f is flat: 1e-13 there
    assert all(after <= before for before, after in itertools.pairwise(values))


def test_newton_cg_leaves_a_saddle_on_which_gradient_descent_rests() -> None:
    # x² − y² + y⁴/4 with minima −1 at y = ±√2; almost on the ridge y = 0.
    saddle = function_objective(lambda w: w[0][0] ** 2 - w[0][1] ** 2 + w[0][1] ** 4 / 4)
    start = np.array([0.5, 1e-6])
    weights, values = minimized(load_optimizer("newton_cg")(cg_iterations=2), saddle, start, 8)
    np.testing.assert_allclose(np.abs(weights), [0.0, np.sqrt(2.0)], atol=1e-5)
    assert values[-1] == pytest.approx(-1.0)
    slow, still = keras.Variable(start), load_optimizer("sgd")(learning_rate=0.1)
    for _ in range(8):
        _, gradient = saddle.value_and_gradient([slow.value])
        still.apply(gradient, [slow])
    assert float(saddle.value([slow.value])) > -1e-3


def test_polyak_steps_reach_the_optimum_at_the_rate_of_the_condition() -> None:
    bowl, minimum = quadratic(np.array([1.0, 2.0, 10.0]))
    optimizer = load_optimizer("polyak_step")(learning_rate=1e6, scaling=1.0)
    start = minimum + 1.0
    weights = keras.Variable(start)
    before = np.linalg.norm(start - minimum)
    for _ in range(10):
        optimizer.minimize(bowl, [weights])
        after = np.linalg.norm(weights.numpy() - minimum)
        # Polyak 1987, section 5.3: ‖w − w*‖² falls at least by the factor 1 − μ / (4 L).
        assert after**2 <= before**2 * (1 - 1 / 40)
        before = after


def test_sam_leaves_a_sharp_minimum_that_gradient_descent_stays_in() -> None:
    # Two valleys as deep as each other, the one at −1 sharp, the one at 1 flat.
    def f(w):
        return -ops.exp(-8 * (w[0][0] + 1) ** 2) - ops.exp(-((w[0][0] - 1) ** 2) / 4)

    start = np.array([-1.05])
    sharp, _ = minimized(
        load_optimizer("sam")(learning_rate=0.05, momentum=0.5, rho=1e-6),
        function_objective(f),
        start,
        10,
    )
    flat, _ = minimized(
        load_optimizer("sam")(learning_rate=0.05, momentum=0.5, rho=0.75),
        function_objective(f),
        start,
        30,
    )
    assert sharp[0] < -0.9
    assert flat[0] > -0.5


def test_sophia_scales_each_weight_by_its_own_curvature() -> None:
    # A diagonal Hessian is found exactly by one product with signs.
    stretch = np.array([1.0, 10.0, 100.0])
    bowl = function_objective(lambda w: ops.sum(ops.convert_to_tensor(stretch) * w[0] ** 2) / 2)
    optimizer = load_optimizer("sophia")(0.25, 0.0, 0.0, 1.0)
    weights, _ = minimized(optimizer, bowl, np.ones(3), 1)
    np.testing.assert_allclose(weights, 0.75 * np.ones(3), rtol=1e-12)


SADDLES = {
    "unbounded": (lambda w: w[0][0] ** 2 - w[0][1] ** 2, None),
    "bounded": (lambda w: w[0][0] ** 2 - w[0][1] ** 2 + w[0][1] ** 4 / 4, 2**0.5),
}


@pytest.mark.parametrize("name", SADDLES)
def test_levenberg_marquardt_takes_no_step_along_negative_curvature(name: str) -> None:
    """Before, one of length 1e8 was accepted, since the loss went down as far as it could."""
    f, minimum = SADDLES[name]
    objective = function_objective(f)
    weights = keras.Variable(np.array([1.0, 0.1]))
    optimizer = load_optimizer("levenberg_marquardt")()
    values = []
    for _ in range(34):  # three more than the slower of the two needs
        before = np.asarray(weights.value).copy()
        values.append(float(optimizer.minimize(objective, [weights])))
        moved = np.linalg.norm(np.asarray(weights.value) - before)
        # With (H + λ I) positive definite and λ one of 0.01 · 10ᵏ, no step is longer.
        assert moved <= 2 * np.linalg.norm(before) + 1
    # It never goes up, and leaves the saddle for the next minimum, if there is any.
    # (but for the rounding that the ratio of gains allows).
    assert all(later <= earlier + 1e-12 for earlier, later in itertools.pairwise(values))
    y = float(np.asarray(weights.value)[1])
    assert y == pytest.approx(minimum, abs=1e-3) if minimum else abs(y) > 1
