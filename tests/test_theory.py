"""Closed forms on a quadratic against the spectral radius of the iteration itself."""

import numpy as np
import pytest

from benchmark.theory import METHODS, contraction, optimal_settings

KAPPAS = (1.0, 4.0, 100.0, 1e4)


def radius(optimizer: str, eigenvalue: float, rate: float, momentum: float = 0.0) -> float:
    """The spectral radius of (θ_t, θ_{t-1}) -> (θ_{t+1}, θ_t) along one eigenvector."""
    damped = 1 - rate * eigenvalue
    if optimizer == "nesterov":
        matrix = [[(1 + momentum) * damped, -momentum * damped], [1, 0]]
    else:
        matrix = [[1 + momentum - rate * eigenvalue, -momentum], [1, 0]]
    return float(np.abs(np.linalg.eigvals(np.array(matrix))).max())


@pytest.mark.parametrize("optimizer", METHODS)
@pytest.mark.parametrize("kappa", KAPPAS)
def test_the_contraction_is_the_largest_radius_over_the_spectrum(optimizer, kappa):
    largest = 3.0
    chosen = optimal_settings(optimizer, largest / kappa, largest)
    rate, momentum = chosen["learning_rate"], chosen.get("momentum", 0.0)
    found = max(
        radius(optimizer, eigenvalue, rate, momentum)
        for eigenvalue in np.geomspace(largest / kappa, largest, 50)
    )
    # A double root is found to the square root of the rounding, 1.5e-8.
    assert found == pytest.approx(contraction(optimizer, kappa), abs=1e-7)


@pytest.mark.parametrize("optimizer", METHODS)
@pytest.mark.parametrize("kappa", KAPPAS[1:])
def test_no_other_setting_on_a_grid_contracts_faster(optimizer, kappa):
    spectrum = np.geomspace(1 / kappa, 1.0, 20)
    chosen = optimal_settings(optimizer, 1 / kappa, 1.0)
    momenta = [0.0]
    if "momentum" in chosen:
        momenta = [*np.linspace(0, 0.99, 12), chosen["momentum"]]
    # Nesterov's settings are those for its standard rate 1/L only: a longer step does better.
    rates = [chosen["learning_rate"]]
    if optimizer != "nesterov":
        rates += list(chosen["learning_rate"] * np.linspace(0.5, 1.5, 11))
    best = min(
        max(radius(optimizer, eigenvalue, rate, momentum) for eigenvalue in spectrum)
        for rate in rates
        for momentum in momenta
    )
    assert best >= contraction(optimizer, kappa) - 1e-7
