"""A symmetric logarithmic axis, for eigenvalues of both signs over many decades."""

from typing import Any

import numpy as np

DENSITY_DECADES = 4
"""Decades of the axis of a spectral density on either side of its linear middle."""
Array = np.ndarray[Any, np.dtype[np.float64]]


def linear_until(values: Any, decades: int = 6) -> float:
    """Return the half-width of the linear middle: a power of ten below the largest size.

    Args:
        values: numbers.
        decades: how far below the largest size.

    Example:
        >>> linear_until([-2.0, 50.0])
        0.0001
    """
    largest = float(np.abs(values).max()) or 1.0
    return float(10.0 ** np.ceil(np.log10(largest) - decades))


def symlog(values: Any, unit: float) -> Array:
    """Return sign(x) · log10(1 + |x| / unit): linear near zero, logarithmic far from it.

    Args:
        values: x.
        unit: the half-width of the linear middle.

    Example:
        >>> symlog([-9.0, 0.0, 99.0], 1.0).tolist()
        [-1.0, 0.0, 2.0]
    """
    array = np.asarray(values, dtype=float)
    return np.asarray(np.sign(array) * np.log10(1 + np.abs(array) / unit))


def inverse_symlog(positions: Any, unit: float) -> Array:
    """Return the numbers from their positions on the axis, the inverse of :func:`symlog`.

    Example:
        >>> inverse_symlog(symlog([-3.0, 0.5], 0.1), 0.1).round(12).tolist()
        [-3.0, 0.5]
    """
    array = np.asarray(positions, dtype=float)
    return np.asarray(np.sign(array) * unit * (10.0 ** np.abs(array) - 1))


def edges(values: Any, unit: float, count: int = 60) -> Array:
    """Return the edges of bins that cover all values and zero.

    Args:
        values: numbers.
        unit: the half-width of the linear middle.
        count: the number of bins.
    """
    low, high = symlog([min(np.min(values), 0.0), max(np.max(values), 0.0)], unit)
    return np.linspace(low - 0.1, high + 0.1, count + 1)
