"""Lanczos' method on spectra that are known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.linalg import aslinearoperator

from benchmark.curvature.lanczos import LanczosBasis, extend, lanczos
from tests.curvature.spectra import rotated, symmetric

SPECTRA = {
    "gaps": np.r_[-8.0, -3.0, np.linspace(-0.1, 0.1, 193), 2.0, 5.0, 11.0, 30.0, 70.0],
    "cluster at the top": np.r_[np.linspace(0, 1, 190), 100 + 1e-3 * np.arange(10)],
    "log-spaced": np.geomspace(1e-6, 1e2, 200),
    "one far away": np.r_[np.zeros(150), np.linspace(0, 1, 49), 1e6],
}


@pytest.fixture(params=SPECTRA, ids=str)
def spectrum(request):
    return SPECTRA[request.param]


def test_every_ritz_value_has_an_eigenvalue_within_its_residual(spectrum):
    result = lanczos(aslinearoperator(rotated(spectrum)), 40)
    distance = np.abs(result.ritz_values[:, None] - spectrum[None, :]).min(axis=1)
    rounding = 1e-13 * np.abs(spectrum).max()
    assert (distance <= result.residuals + rounding).all()


def test_residuals_are_those_of_the_ritz_vectors(spectrum):
    """‖H y − θ y‖ computed from a basis built by plain Gram-Schmidt on the Krylov space."""
    matrix, steps, seed = rotated(spectrum), 12, 3
    result = lanczos(aslinearoperator(matrix), steps, seed)
    start = np.random.default_rng(seed).standard_normal(len(spectrum))
    basis = [start / np.linalg.norm(start)]
    while len(basis) < steps:
        vector = matrix @ basis[-1]
        for _ in range(3):
            for earlier in basis:
                vector = vector - (earlier @ vector) * earlier
        basis.append(vector / np.linalg.norm(vector))
    q = np.array(basis).T
    theta, s = np.linalg.eigh(q.T @ matrix @ q)
    residuals = np.linalg.norm(matrix @ q @ s - (q @ s) * theta, axis=0)
    scale = np.abs(spectrum).max()
    np.testing.assert_allclose(result.ritz_values, theta, atol=1e-11 * scale, rtol=0)
    np.testing.assert_allclose(result.residuals, residuals, atol=1e-11 * scale, rtol=0)


def test_ritz_values_interlace(spectrum):
    """Cauchy: the k-th smallest (largest) Ritz value is not below (above) the eigenvalue."""
    result = lanczos(aslinearoperator(rotated(spectrum)), 60)
    rounding = 1e-13 * np.abs(spectrum).max()
    ordered = np.sort(spectrum)
    assert (result.ritz_values >= ordered[: result.steps] - rounding).all()
    assert (result.ritz_values <= ordered[-result.steps :] + rounding).all()


def test_well_separated_ends_are_found_once_each():
    """200 products on a spectrum whose ends converge within 20: without ghosts."""
    spectrum = SPECTRA["gaps"]
    result = lanczos(aslinearoperator(rotated(spectrum)), 150)
    top, bottom = result.ritz_values[-5:], result.ritz_values[:2]
    np.testing.assert_allclose(top, [2.0, 5.0, 11.0, 30.0, 70.0], rtol=1e-12)
    np.testing.assert_allclose(bottom, [-8.0, -3.0], rtol=1e-12)
    assert np.abs(result.ritz_values[2:-5]).max() <= 0.1 + 1e-12


def test_as_many_steps_as_parameters_give_the_whole_spectrum(spectrum):
    result = lanczos(aslinearoperator(rotated(spectrum)), 10_000)
    assert result.steps == len(spectrum)
    scale = np.abs(spectrum).max()
    np.testing.assert_allclose(result.ritz_values, np.sort(spectrum), atol=1e-12 * scale, rtol=0)
    np.testing.assert_allclose(result.residuals, 0, atol=1e-12 * scale)


def test_breakdown_restarts_and_counts_copies():
    """Three distinct eigenvalues: each Krylov space has three dimensions."""
    spectrum = np.r_[np.full(20, -1.0), np.full(30, 2.0), np.full(5, 7.0)]
    result = lanczos(aslinearoperator(rotated(spectrum)), 12)
    assert result.restarts >= 3
    values, counts = np.unique(result.ritz_values.round(10), return_counts=True)
    assert values.tolist() == [-1.0, 2.0, 7.0]
    assert (counts >= 3).all()
    np.testing.assert_allclose(result.residuals, 0, atol=1e-12)


def test_the_zero_matrix_and_one_dimension():
    zero = lanczos(aslinearoperator(np.zeros((6, 6))), 4)
    assert not zero.ritz_values.any()
    assert not zero.residuals.any()
    single = lanczos(aslinearoperator(np.array([[-3.0]])), 5)
    assert single.ritz_values == pytest.approx([-3.0])
    assert single.residuals.tolist() == [0.0]


def test_the_seed_decides_the_result():
    operator = aslinearoperator(rotated(SPECTRA["log-spaced"]))
    first, again, different = (lanczos(operator, 10, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.ritz_values, again.ritz_values)
    assert (first.ritz_values != different.ritz_values).any()


def test_a_start_of_eigenvectors_finds_theirs_first():
    spectrum = np.linspace(-1, 1, 200)
    q, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(200, 200)))
    result = lanczos(aslinearoperator(rotated(spectrum)), 3, start=q[:, :3].sum(axis=1))
    np.testing.assert_allclose(result.ritz_values, spectrum[:3], atol=1e-12)


def relation(basis, matrix):
    """Q, and how far Q and H Q = Q T + Q₊ C are from exact."""
    q, after = basis.vectors(np.eye(basis.dimension)), basis.next_block.T
    whole = np.hstack([q, after])
    t = basis.projection[: basis.dimension, : basis.dimension]
    rest = matrix @ q - q @ t - after @ basis.coupling
    return np.abs(whole.T @ whole - np.eye(whole.shape[1])).max(), np.abs(rest).max()


@pytest.mark.parametrize("block", [1, 2, 3])
def test_the_recurrence_holds_also_after_restarts(spectrum, block):
    matrix, generator = rotated(spectrum), np.random.default_rng(0)
    start = generator.standard_normal((block, len(spectrum)))
    basis = LanczosBasis(start, 18, generator)
    for _ in range(3):
        while not basis.is_full:
            extend([basis], aslinearoperator(matrix))
        skew, rest = relation(basis, matrix)
        assert skew < 1e-13
        assert rest < 1e-13 * np.abs(spectrum).max()
        values, weights = basis.ritz()
        basis.restart(values, weights, np.array([0, 1, len(values) - 1]))
    assert basis.restarts == 3


def test_a_block_goes_on_where_a_part_of_it_is_invariant():
    """One start is an eigenvector, and the others are one vector."""
    spectrum = np.linspace(-1, 1, 50)
    matrix, vectors = symmetric(spectrum)
    both = vectors[:, 20] + vectors[:, 40]
    start = np.stack([vectors[:, 7], both, both])
    basis = LanczosBasis(start, 12, np.random.default_rng(0))
    while not basis.is_full:
        extend([basis], aslinearoperator(matrix))
    skew, rest = relation(basis, matrix)
    assert (basis.dimension, basis.products) == (12, 12)
    assert max(skew, rest) < 1e-13
    alone = LanczosBasis(start, 12)
    while not alone.is_complete:
        extend([alone], aslinearoperator(matrix))
    assert alone.dimension == 3
    np.testing.assert_allclose(alone.ritz()[0], spectrum[[7, 20, 40]], atol=1e-13)


def test_bases_side_by_side_are_those_alone():
    matrix = rotated(SPECTRA["gaps"])
    starts = np.random.default_rng(0).standard_normal((3, 200))
    together = [LanczosBasis(start[None], 9) for start in starts]
    for _ in range(9):
        extend(together, aslinearoperator(matrix))
    for basis, start in zip(together, starts, strict=True):
        ritz_values = lanczos(aslinearoperator(matrix), 9, start=start).ritz_values
        np.testing.assert_allclose(basis.tridiagonal_ritz()[0], ritz_values, atol=1e-12)
        np.testing.assert_allclose(basis.ritz()[0], ritz_values, atol=1e-12)


def test_refusals():
    for start in (np.zeros(2), np.ones(3), np.array([np.nan, 1.0])):
        with pytest.raises(ValueError, match=r"start must be a vector of 2 finite entries"):
            lanczos(aslinearoperator(np.eye(2)), 1, start=start)
    with pytest.raises(ValueError, match=r"steps must be ≥ 1. Received 0 in lanczos"):
        lanczos(aslinearoperator(np.eye(2)), 0)
    with pytest.raises(FloatingPointError, match="must be finite"):
        lanczos(aslinearoperator(np.full((2, 2), np.nan)), 2)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.floats(-100, 100), min_size=1, max_size=30),
    st.integers(1, 35),
    st.integers(0, 5),
)
def test_counts_never_exceed_the_truth(entries, steps, seed):
    spectrum = np.array(entries)
    result = lanczos(aslinearoperator(np.diag(spectrum)), steps, seed)
    tolerance = 1e-12 * max(np.abs(spectrum).max(), 1e-300)
    for level in (-50.0, -1.0, 1.0, 50.0):
        assert (result.ritz_values < level - tolerance).sum() <= (spectrum < level).sum()
        assert (result.ritz_values > level + tolerance).sum() <= (spectrum > level).sum()
