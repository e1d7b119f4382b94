"""A spectral density on the symmetric logarithmic axis that it is drawn on."""

from functools import partial

import numpy as np

from benchmark.curvature import SpectralDensity
from benchmark.inspection.subject import Array
from benchmark.report.eigenvalues import DENSITY_DECADES
from benchmark.report.portrait import DensityCurve
from benchmark.report.symlog import edges, linear_until, symlog

WIDTH = 0.12
"""The deviation of the smoothing curve, in decades."""
POINTS = 241


def density_curve(seen: SpectralDensity, values: Array) -> DensityCurve:
    """Smooth a spectrum on the axis s(λ) = sign(λ) log₁₀(1 + |λ| / unit).

        φ(s) = Σᵢ N(s; s(λᵢ), σ²)

    is a sum of a function of the eigenvalues, which the probes estimate with an error. The 95 %
    interval at each place covers that error in about nine of ten cases, for single eigenvalues
    make it skew; not what the nodes of a probe cannot resolve, which near zero may be several
    decades of the axis.

    Args:
        seen: the spectrum as the probes see it.
        values: eigenvalues or Ritz values, for the ends of the axis.
    """
    nodes = seen.nodes[seen.weights > 0]
    both = np.concatenate([np.ravel(nodes), np.ravel(values)])
    unit = linear_until(both, DENSITY_DECADES)
    ends = edges(both, unit)
    places = np.linspace(ends[0] - 4 * WIDTH, ends[-1] + 4 * WIDTH, POINTS)
    estimate, low, high = np.empty((3, POINTS))
    for index, place in enumerate(places):
        found = seen.mean(partial(_normal, place=place, unit=unit))
        band = found.interval()
        estimate[index] = seen.size * found.value
        low[index], high[index] = (seen.size * end for end in band)
    return DensityCurve(places, unit, estimate, np.maximum(low, 0.0), high, WIDTH)


def _normal(eigenvalues: Array, *, place: float, unit: float) -> Array:
    distance = symlog(eigenvalues, unit) - place
    return np.exp(-((distance / WIDTH) ** 2) / 2) / (WIDTH * np.sqrt(2 * np.pi))
