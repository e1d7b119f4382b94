"""The measured contraction against iterations whose contraction is known."""

import numpy as np
import pytest

from benchmark.problems.theory import METHODS, contraction, theory_settings
from benchmark.statistics import measured_contraction

CASES = [(name, tuning) for name in ("gradient_descent", "momentum", "nesterov")
         for tuning in METHODS[name]]  # fmt: skip


def losses(optimizer, kappa, steps, tuning="optimal", dtype=np.float32, dimension=3):
    """The losses of a method on ½ Σ λθ² from θ = 1/λ, step by step."""
    eigenvalues = np.geomspace(1 / kappa, 1.0, dimension).astype(dtype)
    given = theory_settings(optimizer, 1 / kappa, 1.0, tuning)
    chosen = {name: dtype(value) for name, value in given.items()}
    rate, momentum = chosen["learning_rate"], chosen.get("momentum", dtype(0))
    theta, velocity = 1 / eigenvalues, np.zeros(dimension, dtype)
    values = []
    for _ in range(steps + 1):
        values.append(float(np.sum(eigenvalues * theta * theta)) / 2)
        step = rate * eigenvalues * theta
        velocity = momentum * velocity - step
        theta = theta + (momentum * velocity - step if optimizer == "nesterov" else velocity)
    return np.array(values)


@pytest.mark.parametrize("kappa", [10.0, 1e2, 1e3, 1e4, 1e5])
@pytest.mark.parametrize(("optimizer", "tuning"), CASES)
def test_the_rate_is_measured_to_one_per_cent_in_float32(optimizer, tuning, kappa):
    measured = measured_contraction(losses(optimizer, kappa, 1000, tuning))
    predicted = contraction(optimizer, kappa, tuning)
    # The rate, not ρ: near κ = 10⁵ any ρ would be within 1 % of 0.99998.
    assert np.log(measured.factor) == pytest.approx(np.log(predicted), rel=0.01)


def test_a_method_that_is_done_in_a_step_contracts_to_nothing():
    for optimizer in ("gradient_descent", "momentum", "nesterov"):
        assert measured_contraction(losses(optimizer, 1.0, 20)).factor == 0


def test_another_rate_is_told_from_the_best_one():
    """The regression must not find what it hopes for: half the rate of gradient descent."""
    steps = np.arange(1001)
    mu, rate = 1e-3, 1.0  # theory's best is 2/(1 + μ)
    measured = measured_contraction(np.power(1 - rate * mu, 2.0 * steps))
    assert np.log(measured.factor) == pytest.approx(np.log(1 - mu), rel=1e-6)
    assert np.log(measured.factor) > 0.51 * np.log(contraction("gradient_descent", 1000.0))


def test_losses_below_the_floor_are_left_out():
    steps = np.arange(200)
    values = np.maximum(0.5 ** (2.0 * steps), 1e-20)
    measured = measured_contraction(values, smallest=1e-18)
    # The search for c ends at 1e-8, which a perfect decay cannot be told from.
    assert measured.factor == pytest.approx(0.5, rel=1e-7)
    assert measured.last < 31


def test_losses_that_stop_being_numbers_end_the_measurement():
    values = np.append(0.9 ** np.arange(100.0), [np.nan, np.inf])
    measured = measured_contraction(values)
    assert measured.factor == pytest.approx(np.sqrt(0.9))
    assert measured.last == 99
