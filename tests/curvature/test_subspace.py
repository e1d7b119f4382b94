"""Bounds from a few directions, against the whole spectrum."""

import numpy as np
import pytest

from benchmark.curvature import Subspace

SIZE = 40


def subspace_of(hessian: np.ndarray, basis: np.ndarray, gradient: np.ndarray) -> Subspace:
    products = basis @ hessian
    parts = (basis @ basis.T, basis @ products.T, products @ products.T, basis @ gradient)
    return Subspace(*parts, len(hessian), 2.0**-52)


def drawn(seed: int, *, definite: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A matrix, an orthonormal basis that spans a gradient, and the gradient."""
    generator = np.random.default_rng(seed)
    q = np.linalg.qr(generator.standard_normal((SIZE, SIZE)))[0]
    spectrum = np.geomspace(0.1, 50.0, SIZE) * (1 if definite else generator.choice([-1, 1], SIZE))
    gradient = generator.standard_normal(SIZE)
    rows = np.stack([gradient, *generator.standard_normal((4, SIZE))])
    return q @ np.diag(spectrum) @ q.T, np.linalg.qr(rows.T)[0].T, gradient


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("definite", [True, False])
def test_every_bound_holds(seed: int, definite: bool) -> None:
    hessian, basis, gradient = drawn(seed, definite=definite)
    values = np.linalg.eigvalsh(hessian)
    subspace = subspace_of(hessian, basis, gradient)
    quantities = subspace.quantities()
    assert quantities["lambda_max"] <= values[-1]
    assert quantities["lambda_min_upper_bound"] >= values[0]
    assert np.abs(values - quantities["lambda_max"]).min() <= quantities["lambda_max_residual"]
    kappa = np.abs(values).max() / np.abs(values).min()
    assert 1 <= quantities["condition_number_lower_bound"] <= kappa
    bend = gradient @ hessian @ gradient
    # Sums in another order; relative to the terms, for gᵀHg may cancel.
    step = pytest.approx(gradient @ gradient / bend, rel=1e-9)
    assert quantities.get("optimal_step", step) == step
    assert ("optimal_step" in quantities) == (bend > 0)
    top = subspace.top() @ basis
    assert top @ hessian @ top == pytest.approx(quantities["lambda_max"], rel=1e-12)  # rounding


def test_signs_that_cancel_make_no_condition_number() -> None:
    """κ of diag(1, −1) is 1, although the Rayleigh quotient of (1, 1)/√2 is zero."""
    hessian, both = np.diag([1.0, -1.0]), np.full((1, 2), 0.5**0.5)
    quantities = subspace_of(hessian, both, np.zeros(2)).quantities()
    assert quantities["lambda_max"] == pytest.approx(0, abs=1e-15)  # rounding of √½
    assert quantities["condition_number_lower_bound"] == pytest.approx(1)
    assert "optimal_step" not in quantities


def test_a_whole_basis_gives_the_spectrum_itself_and_rows_of_zeros_nothing() -> None:
    hessian, _, gradient = drawn(0, definite=True)
    values = np.linalg.eigvalsh(hessian)
    basis = np.vstack([np.eye(SIZE), np.zeros((3, SIZE))])
    quantities = subspace_of(hessian, basis, gradient).quantities()
    # Rounding of sums of 40 numbers; of κ what is taken off for it, that of squares of 500.
    assert quantities["lambda_max"] == pytest.approx(values[-1], rel=1e-12)
    assert quantities["lambda_min_upper_bound"] == pytest.approx(values[0], rel=1e-9)
    kappa = quantities["condition_number_lower_bound"]
    assert kappa == pytest.approx(values[-1] / values[0], rel=1e-8)


def test_nothing_is_said_where_a_product_is_not_finite_or_no_direction_is_left() -> None:
    hessian, basis, gradient = drawn(0, definite=True)
    for value in (np.nan, np.inf):
        parts = (np.eye(5), np.full((5, 5), value), np.full((5, 5), value), np.ones(5))
        assert Subspace(*parts, SIZE, 2.0**-52).quantities() == {}
    nowhere = subspace_of(hessian, 0 * basis, gradient)
    assert nowhere.quantities() == {}
    assert not nowhere.top().any()


def test_no_step_is_made_of_rounding() -> None:
    """gᵀHg is 1e-9 of gᵀg ‖H‖, which float32 cannot tell from zero."""
    hessian, gradient = np.diag([1.0, 1e-9]), np.array([0.0, 2.0])
    parts = (np.eye(2), hessian, hessian @ hessian, gradient, 2)
    assert "optimal_step" not in Subspace(*parts, 2.0**-23).quantities()
    assert Subspace(*parts, 2.0**-52).quantities()["optimal_step"] == pytest.approx(1e9)


def test_a_flat_loss_has_neither_condition_number_nor_best_step() -> None:
    hessian, basis, gradient = drawn(0, definite=True)
    flat = dict.fromkeys(("lambda_max", "lambda_max_residual", "lambda_min_upper_bound"), 0.0)
    assert subspace_of(0 * hessian, basis, gradient).quantities() == flat


@pytest.mark.parametrize("smallest", [1e-9, 1e-11])
def test_bounds_hold_below_the_root_of_machine_epsilon(smallest: float) -> None:
    """κ ≥ 5e13 was claimed of κ = 1e9, and residuals of zero of ones that squares hide."""
    for seed in range(20):
        generator = np.random.default_rng(seed)
        q = np.linalg.qr(generator.standard_normal((SIZE, SIZE)))[0]
        spectrum = np.geomspace(smallest, 1.0, SIZE)
        hessian = q @ np.diag(spectrum) @ q.T
        quantities = subspace_of(hessian, q.T, generator.standard_normal(SIZE)).quantities()
        assert quantities["condition_number_lower_bound"] <= 1 / smallest
        # A direction that is 1e-10 off an eigenvector has a residual of that size.
        basis = np.linalg.qr((q[:, -1] + 1e-10 * q[:, 0])[:, None])[0].T
        off = subspace_of(hessian, basis, np.ones(SIZE)).quantities()
        true = np.linalg.norm(hessian @ basis[0] - off["lambda_max"] * basis[0])
        assert off["lambda_max_residual"] >= true
