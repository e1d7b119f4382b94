"""The density on its symmetric logarithmic axis, against the spectrum it is of."""

import numpy as np
import pytest
from scipy.sparse.linalg import aslinearoperator

from benchmark.curvature import spectral_density
from benchmark.curvature.symlog import symlog
from benchmark.inspection.spectrum import WIDTH, density_curve
from tests.curvature.spectra import rotated

SPECTRA = {
    "like a network's": np.r_[
        -np.geomspace(1e-6, 0.3, 80), np.geomspace(1e-7, 1, 200), 2.0, 4.0, 9.0, 30.0
    ],
    "even by logarithm": np.geomspace(1e-6, 1e2, 150),
}
VISIBLE = 0.3  # the lower end of the axis that it is drawn on


def smoothed(spectrum, places, unit):
    distance = (symlog(spectrum, unit) - places[:, None]) / WIDTH
    return np.exp(-(distance**2) / 2).sum(axis=1) / (WIDTH * np.sqrt(2 * np.pi))


@pytest.mark.parametrize("name", SPECTRA)
def test_the_band_holds_the_truth_nearly_as_often_as_it_says(name):
    spectrum, held = SPECTRA[name], []
    matrix = aslinearoperator(rotated(spectrum))
    for seed in range(25):
        curve = density_curve(spectral_density(matrix, 10, 60, seed), spectrum)
        truth = smoothed(spectrum, curve.places, curve.unit)
        visible = truth > VISIBLE
        held.append(((curve.low <= truth) & (truth <= curve.high))[visible].mean())
    # 95 %; the squares of a probe's ten entries along an outlier are skew, which costs a few.
    assert 0.88 <= np.mean(held) <= 0.99


def test_the_curve_counts_every_eigenvalue():
    spectrum = SPECTRA["even by logarithm"]
    density = spectral_density(aslinearoperator(rotated(spectrum)), 10, 60, 0)
    curve = density_curve(density, spectrum)
    # The ends of the axis are four deviations beyond the last eigenvalue.
    assert np.trapezoid(curve.estimate, curve.places) == pytest.approx(150, rel=1e-4)


@pytest.mark.parametrize("spectrum", [np.zeros(4), np.ones(4), np.array([-1e-9, 3e30])])
def test_degenerate_spectra_have_a_finite_curve(spectrum):
    density = spectral_density(aslinearoperator(np.diag(spectrum)), 3, 4)
    curve = density_curve(density, spectrum)
    for values in (curve.places, curve.estimate, curve.low, curve.high):
        assert np.isfinite(values).all()
