"""Symmetric matrices with chosen eigenvalues, from NumPy alone."""

from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[np.float64]]

SPECTRA: dict[str, str] = {
    "geometric": "evenly spaced on a logarithmic scale",
    "linear": "evenly spaced",
    "two_clusters": "the smaller half at the smallest, the others at the largest",
    "outliers": "a tenth, at least one, at the largest, the others at the smallest",
}
"""How eigenvalues lie between the smallest and the largest, each in words."""
_SPACED: dict[str, Callable[[float, float, int], Array]] = {
    "geometric": np.geomspace,
    "linear": np.linspace,
}
_LARGE_SHARE = {"two_clusters": 2, "outliers": 10}
"""One in this many eigenvalues is the largest."""


def eigenvalues(spectrum: str, smallest: float, largest: float, dimension: int) -> Array:
    """Return the eigenvalues of a spectrum, ascending, shape (dimension,).

    Args:
        spectrum: a name in ``SPECTRA``.
        smallest: > 0.
        largest: ≥ ``smallest``, and equal to it in one dimension.
        dimension: how many, ≥ 1.

    Raises:
        ValueError: the spectrum is unknown.

    Example:
        >>> eigenvalues("geometric", 0.01, 1.0, 3).round(6).tolist()
        [0.01, 0.1, 1.0]
        >>> eigenvalues("outliers", 0.01, 1.0, 4).tolist()
        [0.01, 0.01, 0.01, 1.0]
    """
    if spectrum not in _LARGE_SHARE and spectrum not in _SPACED:
        raise ValueError(f"spectrum must be one of {', '.join(SPECTRA)}. Received {spectrum!r}.")
    if spectrum in _SPACED:
        return _SPACED[spectrum](smallest, largest, dimension)
    large = -(-dimension // _LARGE_SHARE[spectrum])
    return np.repeat([float(smallest), float(largest)], [dimension - large, large])


def random_rotation(dimension: int, generator: np.random.Generator) -> Array:
    """Draw an orthogonal matrix uniformly (Haar measure), shape (dimension, dimension).

    QR of a Gaussian matrix, with the signs of R's diagonal moved to Q; without that the
    distribution is not uniform.

    References:
        Mezzadri, How to generate random matrices from the classical compact groups, 2007, §5.
    """
    q, r = np.linalg.qr(generator.standard_normal((dimension, dimension)))
    return np.asarray(q * np.sign(np.diag(r)), np.float64)


def rotated(values: Array, rotation: Array) -> Array:
    """Return the symmetric matrix R diag(λ) Rᵀ.

    Args:
        values: λ, shape (n,).
        rotation: R, shape (n, n).
    """
    matrix = (rotation * values) @ rotation.T
    return np.asarray((matrix + matrix.T) / 2, np.float64)
