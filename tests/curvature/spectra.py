"""Matrices whose spectrum is known."""

import numpy as np

SPECTRA = {
    "gaps": np.r_[-8.0, -3.0, np.linspace(-0.1, 0.1, 93), 2.0, 5.0, 11.0, 30.0, 70.0],
    "cluster at the top": np.r_[np.linspace(0, 1, 90), 100 + 1e-3 * np.arange(10)],
    "copies": np.r_[[-1.0] * 3, np.linspace(0, 1, 90), [5.0] * 4, [7.0] * 3, 9.0],
    "one far away": np.r_[np.zeros(50), np.linspace(0, 1, 49), 1e6],
    "even": np.linspace(-1, 1, 100),
}


def symmetric(spectrum, seed=0):
    """A dense matrix with the given spectrum, and its eigenvectors as columns."""
    spectrum = np.asarray(spectrum, np.float64)
    q, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(len(spectrum), len(spectrum))))
    matrix = (q * spectrum) @ q.T
    return (matrix + matrix.T) / 2, q


def rotated(spectrum, seed=0):
    """The matrix alone."""
    return symmetric(spectrum, seed)[0]
