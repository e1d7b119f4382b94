"""Closed forms on a quadratic against the spectral radius of the iteration itself."""

import numpy as np
import pytest

from benchmark.problems.theory import METHODS, OPTIMAL, STANDARD, contraction, theory_settings

CASES = [(optimizer, tuning) for optimizer, known in METHODS.items() for tuning in known]
KAPPAS = (1.0, 4.0, 100.0, 1e4)


def radius(optimizer: str, eigenvalue: float, rate: float, momentum: float = 0.0) -> float:
    """The spectral radius of (θ_t, θ_{t-1}) -> (θ_{t+1}, θ_t) along one eigenvector."""
    damped = 1 - rate * eigenvalue
    if optimizer == "nesterov":
        matrix = [[(1 + momentum) * damped, -momentum * damped], [1, 0]]
    else:
        matrix = [[1 + momentum - rate * eigenvalue, -momentum], [1, 0]]
    return float(np.abs(np.linalg.eigvals(np.array(matrix))).max())


@pytest.mark.parametrize(("optimizer", "tuning"), CASES)
@pytest.mark.parametrize("kappa", KAPPAS)
def test_the_contraction_is_the_largest_radius_over_the_spectrum(optimizer, tuning, kappa):
    largest = 3.0
    chosen = theory_settings(optimizer, largest / kappa, largest, tuning)
    rate, momentum = chosen["learning_rate"], chosen.get("momentum", 0.0)
    largest_radius = max(
        radius(optimizer, eigenvalue, rate, momentum)
        for eigenvalue in np.geomspace(largest / kappa, largest, 50)
    )
    # A double root is found to the square root of the rounding, 1.5e-8.
    assert largest_radius == pytest.approx(contraction(optimizer, kappa, tuning), abs=1e-7)


@pytest.mark.parametrize("optimizer", METHODS)
@pytest.mark.parametrize("kappa", KAPPAS[1:])
def test_no_other_setting_on_a_grid_contracts_faster(optimizer, kappa):
    spectrum = np.geomspace(1 / kappa, 1.0, 20)
    chosen = theory_settings(optimizer, 1 / kappa, 1.0)
    momenta = [0.0]
    if "momentum" in chosen:
        momenta = [*np.linspace(0, 0.99, 12), chosen["momentum"]]
    rates = chosen["learning_rate"] * np.append(np.linspace(0.5, 1.5, 11), 1.0)
    best = min(
        max(radius(optimizer, eigenvalue, rate, momentum) for eigenvalue in spectrum)
        for rate in rates
        for momentum in momenta
    )
    assert best >= contraction(optimizer, kappa) - 1e-7


def test_nesterovs_two_tunings_at_a_condition_number_of_one_hundred():
    """Lessard, Recht and Packard 2016, proposition 1, with √301 = 17.3493516."""
    assert theory_settings("nesterov", 0.01, 1.0) == pytest.approx(
        {"learning_rate": 4 / 3.01, "momentum": 0.7932747}, rel=1e-6
    )
    assert theory_settings("nesterov", 0.01, 1.0, STANDARD) == pytest.approx(
        {"learning_rate": 1.0, "momentum": 9 / 11}
    )
    assert contraction("nesterov", 100.0, OPTIMAL) == pytest.approx(0.8847219, abs=1e-7)
    assert contraction("nesterov", 100.0, STANDARD) == pytest.approx(0.9)
