"""Thick-restart block Lanczos on spectra that are known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.linalg import LinearOperator, aslinearoperator

from benchmark.curvature import extreme_eigenvalues
from tests.curvature.spectra import SPECTRA, rotated


@pytest.fixture(params=SPECTRA, ids=str)
def spectrum(request):
    return np.sort(SPECTRA[request.param])


def found_in(matrix, *ends, **options):
    return extreme_eigenvalues(aslinearoperator(matrix), *ends, **options)


def ends_of(spectrum, largest, smallest):
    return np.r_[spectrum[:smallest], spectrum[spectrum.size - largest :]]


@pytest.mark.parametrize(("largest", "smallest"), [(1, 0), (6, 0), (0, 3), (4, 2)])
def test_both_ends_are_found_as_often_as_they_occur(spectrum, largest, smallest):
    """Blocks of four find every copy; the basis is refilled many times."""
    pairs = found_in(rotated(spectrum), largest, smallest, tolerance=1e-9, block_size=4)
    scale = np.abs(spectrum).max()
    assert pairs.converged.all()
    expected = ends_of(spectrum, largest, smallest)
    np.testing.assert_allclose(pairs.eigenvalues, expected, atol=1e-12 * scale, rtol=0)


def test_residuals_are_those_of_orthonormal_vectors(spectrum):
    matrix = rotated(spectrum)
    pairs = found_in(matrix, 4, 2, tolerance=1e-3, block_size=2, vectors=True)
    scale = np.abs(spectrum).max()
    rest = matrix @ pairs.vectors - pairs.vectors * pairs.eigenvalues
    np.testing.assert_allclose(np.linalg.norm(rest, axis=0), pairs.residuals, atol=1e-13 * scale)
    assert np.linalg.norm(rest, 2) == pytest.approx(pairs.joint_residual, abs=1e-13 * scale)
    np.testing.assert_allclose(pairs.vectors.T @ pairs.vectors, np.eye(6), atol=1e-13)


@pytest.mark.parametrize("tolerance", [0.3, 1e-2, 1e-4])
def test_every_bound_holds_for_every_seed(spectrum, tolerance):
    """One eigenvalue within each residual, and all of them paired within the joint one."""
    matrix = rotated(spectrum)
    for seed in range(12):
        pairs = found_in(
            matrix, 3, 2, tolerance=tolerance, block_size=1 + seed % 3, max_products=60, seed=seed
        )
        away = np.abs(pairs.eigenvalues[:, None] - spectrum).min(axis=1)
        assert (away <= pairs.bounds).all()
        assert paired(pairs.eigenvalues, spectrum) <= pairs.joint_residual + pairs.rounding
        asked = tolerance * np.abs(pairs.eigenvalues)
        floor = tolerance * 2.0**-26 * np.abs(pairs.eigenvalues).max()
        np.testing.assert_array_equal(pairs.converged, pairs.residuals <= np.maximum(asked, floor))


def paired(values, spectrum):
    """The least reach by which ascending values have eigenvalues of their own, copies counted."""
    low, high = 0.0, 4 * np.abs(spectrum).max()
    for _ in range(200):
        reach = (low + high) / 2
        low, high = (low, reach) if fits(values, spectrum, reach) else (reach, high)
    return low


def fits(values, spectrum, reach):
    index = 0
    for value in values:
        index += np.searchsorted(spectrum[index:], value - reach)
        if index == spectrum.size or spectrum[index] > value + reach:
            return False
        index += 1
    return True


def test_single_vectors_show_no_ghosts():
    """Far more products than the ends need: each simple eigenvalue still comes once."""
    spectrum = SPECTRA["gaps"]
    pairs = found_in(rotated(spectrum), 12, 4, tolerance=1e-10, basis_size=22)
    assert pairs.restarts > 3
    np.testing.assert_allclose(pairs.eigenvalues[-5:], [2.0, 5.0, 11.0, 30.0, 70.0], rtol=1e-11)
    np.testing.assert_allclose(pairs.eigenvalues[:2], [-8.0, -3.0], rtol=1e-11)
    assert np.abs(pairs.eigenvalues[2:-5]).max() <= 0.1 + 1e-12


def test_an_isolated_eigenvalue_is_more_accurate_than_its_residual():
    spectrum = SPECTRA["gaps"]
    pairs = found_in(rotated(spectrum), 1, tolerance=1e-4)
    assert abs(pairs.eigenvalues[0] - 70.0) < 1e-8 * 70.0


def test_a_small_basis_and_a_large_one_agree():
    matrix = rotated(SPECTRA["even"])
    small = found_in(matrix, 3, 1, tolerance=1e-8, basis_size=8)
    large = found_in(matrix, 3, 1, tolerance=1e-8, basis_size=90)
    np.testing.assert_allclose(small.eigenvalues, large.eigenvalues, atol=1e-13)
    assert small.restarts > large.restarts == 0
    assert small.products > large.products


def test_old_vectors_are_a_better_start():
    matrix = rotated(SPECTRA["even"])
    changed = matrix + 1e-6 * rotated(np.linspace(-1, 1, 100), seed=5)
    before = found_in(matrix, 4, tolerance=1e-8, vectors=True)
    cold = found_in(changed, 4, tolerance=1e-4)
    warm = found_in(changed, 4, tolerance=1e-4, start=before.vectors)
    assert warm.products == 4 < cold.products
    expected = np.linalg.eigvalsh(changed)[-4:]
    np.testing.assert_allclose(warm.eigenvalues, expected, atol=1e-9)


def test_starts_that_depend_on_each_other_are_replaced():
    matrix = rotated(SPECTRA["copies"])
    start = np.ones((matrix.shape[0], 3))
    pairs = found_in(matrix, 4, tolerance=1e-9, start=start)
    np.testing.assert_allclose(pairs.eigenvalues, [7.0, 7.0, 7.0, 9.0], atol=1e-11)


@pytest.mark.parametrize("block_size", [1, 3, 9])
def test_the_whole_spectrum_of_a_small_matrix(block_size):
    spectrum = np.array([-3.0, 0.0, 0.0, 0.0, 2.0, 2.0])
    pairs = found_in(rotated(spectrum), 4, 5, block_size=block_size, vectors=True)
    np.testing.assert_allclose(pairs.eigenvalues, spectrum, atol=1e-13)
    np.testing.assert_allclose(pairs.residuals, 0, atol=1e-13)
    assert pairs.converged.all()


def test_zero_and_one_dimension():
    assert not found_in(np.zeros((5, 5)), 2).eigenvalues.any()
    assert found_in(np.array([[-3.0]]), 1).eigenvalues.tolist() == [-3.0]


def test_what_does_not_converge_says_so():
    pairs = found_in(rotated(np.geomspace(1e-6, 1e2, 100)), 0, 2, max_products=50)
    assert pairs.products == 50
    assert not pairs.converged.any()
    assert (pairs.residuals > 0).all()


def test_products_in_float32_widen_the_bounds():
    matrix = rotated(SPECTRA["gaps"])

    class Single:
        shape = matrix.shape
        epsilon = float(np.finfo(np.float32).eps)

        def matvec(self, vector):
            return (matrix.astype(np.float32) @ vector.astype(np.float32)).astype(np.float64)

        matmat = matvec

    pairs = extreme_eigenvalues(Single(), 3, 1, tolerance=1e-5)
    expected = [-8.0, 11.0, 30.0, 70.0]
    assert (np.abs(pairs.eigenvalues - expected) <= pairs.bounds).all()
    assert pairs.rounding == pytest.approx(100 * 2.0**-23 * 70, rel=1e-4)
    assert pairs.converged.all()


def test_the_seed_decides_the_result():
    matrix = rotated(SPECTRA["even"])
    first, again, different = (found_in(matrix, 2, tolerance=0.1, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.eigenvalues, again.eigenvalues)
    assert (first.eigenvalues != different.eigenvalues).any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"largest": 0}, "largest and smallest must be ≥ 0, and not both 0. Received 0 and 0"),
        ({"largest": -1, "smallest": 2}, "Received -1 and 2"),
        ({"tolerance": 0.0}, "tolerance must be > 0. Received 0.0"),
        ({"block_size": 0}, "block_size must be ≥ 1. Received 0"),
        ({"max_products": 0}, "max_products must be ≥ 1. Received 0"),
        ({"basis_size": 3}, "basis_size must be ≥ 4 for 1 eigenvalues in blocks of 1. Received 3"),
        ({"start": np.ones((3, 1))}, r"start must hold 1 to 8 finite vectors of 8.*\(3, 1\)"),
        ({"start": np.full((8, 1), np.nan)}, "start must hold"),
    ],
)
def test_refusals(options, message):
    with pytest.raises(ValueError, match=message):
        extreme_eigenvalues(aslinearoperator(np.eye(8)), **options)


def test_products_that_are_not_finite_are_refused():
    broken = LinearOperator((4, 4), matvec=lambda v: v * np.nan, dtype=np.float64)
    with pytest.raises(FloatingPointError, match="must be finite"):
        extreme_eigenvalues(broken)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(-9, 9), min_size=2, max_size=25),
    st.integers(1, 4),
    st.integers(0, 3),
    st.integers(1, 3),
    st.integers(0, 5),
)
def test_nothing_is_found_more_often_than_it_occurs(entries, largest, smallest, block, seed):
    spectrum = np.sort(np.array(entries, np.float64))
    pairs = found_in(
        np.diag(spectrum), largest, smallest, block_size=block, max_products=12, seed=seed
    )
    reach = pairs.joint_residual + 1e-12 * max(1.0, np.abs(spectrum).max())
    assert fits(pairs.eigenvalues, spectrum, reach)
