"""Stochastic Lanczos quadrature against spectra that are known."""

import numpy as np
import pytest
from scipy.sparse.linalg import aslinearoperator
from scipy.stats import norm

from benchmark.curvature import density as densities
from benchmark.curvature import spectral_density
from tests.curvature.spectra import SPECTRA, rotated

BULK = np.r_[np.linspace(-1, 1, 90), 3 + np.linspace(0, 0.5, 8), 6.0, 8.0]


def seen(spectrum, **options):
    return spectral_density(aslinearoperator(rotated(spectrum)), **options)


def test_each_probe_is_gauss_quadrature():
    """Σ w θᵏ = vᵀHᵏv for k < 2 m, with v drawn as documented."""
    matrix, steps, seed = rotated(BULK), 5, 3
    density = spectral_density(aslinearoperator(matrix), 4, steps, seed)
    vectors = np.random.default_rng(seed).standard_normal((4, len(BULK)))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    powers = vectors
    for order in range(2 * steps):
        expected = np.sum(vectors * powers, axis=1)
        moments = np.sum(density.weights * density.nodes**order, axis=1)
        np.testing.assert_allclose(moments, expected, rtol=1e-11)
        powers = powers @ matrix
    assert density.products == 20


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_intervals_of_moments_hold_the_truth_as_often_as_they_say(order):
    truth, matrix = np.mean(BULK**order), aslinearoperator(rotated(BULK))
    held = 0
    for seed in range(200):
        low, high = spectral_density(matrix, 8, 6, seed).moment(order).interval(0.9)
        held += low <= truth <= high
    # 200 draws at 90 %: 180 ± 4.2; four deviations, and skew of the higher moments.
    assert 160 <= held <= 198


def test_the_band_holds_the_smoothed_density_as_often_as_it_says():
    sigma, grid = 0.4, np.linspace(-2, 9, 45)
    truth = norm.pdf(grid[:, None], BULK, sigma).mean(axis=1)
    matrix, held = aslinearoperator(rotated(BULK)), []
    for seed in range(40):
        estimate, low, high = spectral_density(matrix, 8, 25, seed).density(grid, sigma)
        assert (low <= estimate).all()
        assert (estimate <= high).all()
        held.append((low <= truth) & (truth <= high))
    # 95 % at each point; outliers that one probe of eight sees make the errors skew.
    assert 0.9 <= np.mean(held) <= 0.99


def test_the_whole_spectrum_gives_the_density_up_to_the_probes(monkeypatch):
    density = seen(BULK, probes=6, steps=100)
    estimate, low, _ = density.density(np.linspace(-3, 11, 2000), 0.2)
    assert np.trapezoid(estimate, np.linspace(-3, 11, 2000)) == pytest.approx(1, abs=1e-9)
    assert (low >= 0).all()
    low, high = density.count(5.0).interval(0.999)
    assert low <= 2 <= high
    assert density.count().value == pytest.approx(100)
    low, high = density.trace().interval(0.999)
    assert low <= BULK.sum() <= high
    low, high = density.mean(np.exp).interval(0.999)
    assert low <= np.exp(BULK).mean() <= high


def test_the_effective_rank_counts_magnitudes():
    spectrum = np.r_[np.zeros(60), np.full(10, -2.0), np.full(30, 2.0)]
    matrix, held = aslinearoperator(rotated(spectrum)), 0
    for seed in range(100):
        low, high = spectral_density(matrix, 8, 10, seed).effective_rank().interval()
        held += low <= 40 <= high
    assert 88 <= held <= 100  # 95 ± 2.2


def test_multiplicities_show_in_the_weights():
    """Three distinct eigenvalues: the Krylov spaces end after three steps."""
    spectrum = np.r_[np.full(60, -1.0), np.full(30, 2.0), np.full(10, 7.0)]
    density = seen(spectrum, probes=30, steps=20)
    for value, copies in ((-1.0, 60), (2.0, 30), (7.0, 10)):
        estimate = density.count(value - 1e-9, value + 1e-9)
        low, high = estimate.interval(0.999)
        assert low <= copies <= high
    np.testing.assert_allclose(density.weights.sum(axis=1), 1, rtol=1e-12)


def test_few_probes_at_a_time_see_the_same(monkeypatch):
    together = seen(BULK, probes=5, steps=12)
    monkeypatch.setattr(densities, "BASIS_BYTES", 8 * 100 * 12 * 2)
    apart = seen(BULK, probes=5, steps=12)
    np.testing.assert_allclose(apart.nodes, together.nodes, atol=1e-9)
    assert apart.moment(2).value == pytest.approx(together.moment(2).value, rel=1e-12)


def test_zero_and_multiples_of_one():
    zero = spectral_density(aslinearoperator(np.zeros((6, 6))), 3, 4)
    assert zero.effective_rank().value == 0
    assert zero.trace().value == 0
    multiple = spectral_density(aslinearoperator(2 * np.eye(6)), 3, 4)
    assert multiple.trace().value == pytest.approx(12)
    estimate, _, _ = multiple.density(np.array([2.0]), 0.5)
    assert estimate[0] == pytest.approx(norm.pdf(0, 0, 0.5))


def test_refusals():
    matrix = aslinearoperator(np.diag(SPECTRA["even"]))
    for probes, steps in ((1, 4), (2, 0)):
        with pytest.raises(ValueError, match=f"Received {probes} and {steps} in spectral_density"):
            spectral_density(matrix, probes, steps)
    density = spectral_density(matrix, 2, 4)
    with pytest.raises(ValueError, match=r"bandwidth must be > 0. Received 0.0"):
        density.density(np.zeros(1), 0.0)
    with pytest.raises(ValueError, match=r"confidence must be within \(0, 1\). Received 1"):
        density.trace().interval(1)
    with pytest.raises(FloatingPointError, match="must be finite"):
        spectral_density(aslinearoperator(np.full((4, 4), np.nan)))
