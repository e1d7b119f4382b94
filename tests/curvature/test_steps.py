"""The best step and the stability of steps, against dense linear algebra."""

import numpy as np
import pytest
from keras import ops
from scipy.linalg import eigh
from scipy.sparse.linalg import aslinearoperator

from benchmark.curvature import HessianProgram, Surroundings, diagnose
from benchmark.curvature.lanczos import lanczos
from benchmark.curvature.steps import (
    SteppedOperator,
    StepRule,
    ascended,
    best_step,
    stability,
)
from tests.curvature.spectra import symmetric


def root_of(preconditioner):
    return lambda vectors: vectors / np.sqrt(preconditioner)[:, None]


MATRIX, VECTORS = symmetric(np.r_[np.linspace(-1, 1, 57), 5.0, 8.0, 20.0])


@pytest.mark.parametrize("is_exact", [True, False])
def test_the_preconditioned_sharpness_is_the_generalised_eigenvalue(is_exact):
    """P^(-1/2) H P^(-1/2) has the eigenvalues of the pair (H, P)."""
    preconditioner = np.random.default_rng(1).uniform(0.5, 4.0, 60)
    expected = eigh(MATRIX, np.diag(preconditioner), eigvals_only=True)[-1]
    rule = StepRule(0.1, 38.0, root_of(preconditioner), note="P is held fixed.")
    quantities, findings = stability(
        aslinearoperator(MATRIX), rule, 20.0, MATRIX if is_exact else None, 40, 0
    )
    assert quantities["preconditioned_lambda_max"] == pytest.approx(expected, rel=1e-9)
    assert quantities["scaled_sharpness"] == pytest.approx(0.1 * expected, rel=1e-9)
    assert quantities["stability_limit"] == 38.0
    end = "so steps are stable" if is_exact else "unless Lanczos' method missed an eigenvalue"
    assert findings["stability"].endswith(f"{end}. P is held fixed.")


def test_an_ascent_lowers_the_limit_the_more_the_smaller_the_gradient_is():
    """At the limit s, s (1 + ρ λ / ‖g‖) is that of the method without ascent."""
    rule = StepRule(0.1, 3.0, radius=0.05)
    for norm in (1e-6, 0.1, 1.0, 1e6):
        s = ascended(rule, norm)
        assert s * (1 + 0.05 * (s / 0.1) / norm) == pytest.approx(3.0, rel=1e-12)
    assert ascended(rule, 1e9) == pytest.approx(3.0, rel=1e-6)
    quantities, findings = stability(aslinearoperator(MATRIX), rule, 20.0, MATRIX, 10, 0, 0.1)
    assert quantities["stability_limit"] == pytest.approx(ascended(rule, 0.1))
    assert "above the limit" in findings["stability"]
    quantities, findings = stability(aslinearoperator(MATRIX), rule, 20.0, MATRIX, 10, 0, 0.0)
    assert (quantities, "‖g‖ is zero" in findings["stability"]) == ({}, True)


@pytest.mark.parametrize(
    ("rate", "words"),
    [(0.05, "50 % of the limit 2, so steps are stable"), (0.2, "above the limit 2")],
)
def test_the_verdict_is_what_gradient_descent_does(rate, words):
    _, findings = stability(aslinearoperator(MATRIX), StepRule(rate, 2.0), 20.0, MATRIX, 10, 0)
    assert words in findings["stability"]
    theta = VECTORS[:, -1].copy()
    for _ in range(20):
        theta -= rate * MATRIX @ theta
    assert (np.linalg.norm(theta) > 1) == ("above" in words)


def test_a_loss_that_curves_upwards_nowhere_has_no_rate_too_large():
    matrix = -np.eye(3)
    _, findings = stability(aslinearoperator(matrix), StepRule(0.1, 2.0), -1.0, matrix, 3, 0)
    assert "no learning rate is too large" in findings["stability"]


def test_products_with_several_vectors_are_those_one_by_one():
    scaled = SteppedOperator(aslinearoperator(MATRIX), root_of(np.linspace(1, 2, 60)))
    block = np.random.default_rng(2).normal(size=(60, 4))
    columns = [scaled.matvec(column) for column in block.T]
    np.testing.assert_allclose(scaled.matmat(block), np.stack(columns, axis=1), rtol=1e-12)
    assert scaled.shape == (60, 60)


def test_a_step_that_gains_nothing_says_so():
    _, findings = best_step(np.array([1.0]), 2.0, 1e-12, lambda _: 7.0, 1.0)
    assert "raises it by 6" in findings["optimal_step"]
    quantities, findings = best_step(np.array([np.inf]), 2.0, 1e-12)
    assert (quantities, "not finite" in findings["optimal_step"]) == ({}, True)


@pytest.mark.parametrize(
    ("residual", "words"),
    [
        (
            0.0,
            "≥ 1.8, with its residual up to 1.8: at most 90 % of the limit 2, so steps are",
        ),
        (
            1.0,
            "≥ 1.8, with its residual up to 1.9: at most 95 % of the limit 2, so steps are",
        ),
        (2.5, "up to 2.05, and the limit is 2: whether steps are stable is not resolved"),
    ],
)
def test_a_ritz_value_is_a_bound_and_said_to_be_one(residual, words):
    """Before, "steps are stable" was said of a lower bound of λmax."""
    operator = aslinearoperator(MATRIX)
    quantities, findings = stability(
        operator, StepRule(0.1, 2.0), 18.0, None, 10, 0, residual=residual
    )
    assert quantities["scaled_sharpness"] == pytest.approx(1.8)
    assert words in findings["stability"]
    # Beyond the limit a lower bound is enough.
    _, findings = stability(operator, StepRule(0.2, 2.0), 18.0, None, 10, 0, residual=residual)
    assert (
        "η·λ_max ≥ 3.6: above the limit 2, so on the quadratic model steps grow"
        in (findings["stability"])
    )


def test_few_lanczos_steps_resolve_no_preconditioned_limit():
    """A limit between the Ritz value of four steps and λmax = 20."""
    ritz = lanczos(aslinearoperator(MATRIX), 4, 0)
    largest = float(ritz.ritz_values[-1])
    assert largest < 20 < largest + ritz.residuals[-1]
    limit = 0.1 * (largest + 20) / 2
    rule = StepRule(0.1, limit, root_of(np.ones(60)))
    _, findings = stability(aslinearoperator(MATRIX), rule, 20.0, None, 4, 0)
    assert "is not resolved" in findings["stability"]
    _, findings = stability(aslinearoperator(MATRIX), rule, 20.0, None, 60, 0)
    assert "above the limit" in findings["stability"]


def test_the_diagnosis_hands_the_residual_on():
    spectrum = np.r_[np.linspace(0.1, 1, 399), 10.0]

    def loss(parameters, x, y):
        return ops.sum(x[0] * parameters[0] ** 2) / 2

    operator = HessianProgram(loss).at([np.ones(400)], spectrum[None], np.zeros(1))
    around = Surroundings(rule=StepRule(0.1, 2.0))
    curvature = diagnose(operator, exact_limit=0, lanczos_steps=40, surroundings=around)
    assert (
        "at most 50 % of the limit 2, so steps are stable unless" in curvature.findings["stability"]
    )
    rough = diagnose(operator, exact_limit=0, lanczos_steps=2, surroundings=around)
    theta, residual = (rough.quantities[n] for n in ("lambda_max", "lambda_max_residual"))
    is_resolved = 0.1 * (theta + residual) < 2
    assert ("so steps are stable unless" in rough.findings["stability"]) == is_resolved


def at_one(rate=0.1, limit=2.0, spectrum=(2.0, 1.0), radius=0.0, norm=1.0, is_exact=True):
    """The verdict on a diagonal Hessian, with what the diagnosis knows of its lower end."""
    matrix = np.diag(spectrum)
    return stability(
        aslinearoperator(matrix),
        StepRule(rate, limit, radius=radius),
        max(spectrum),
        matrix if is_exact else None,
        2,
        0,
        norm,
        lambda_min=min(0.0, *spectrum),
    )


def test_at_the_limit_steps_neither_shrink_nor_grow():
    """Of η = 2 / λmax "above the limit, so steps grow" was said."""
    _, findings = at_one(rate=1.0)
    assert "= 2: at the limit, so on the quadratic model steps neither" in findings["stability"]
    theta = 1.0
    for _ in range(9):
        theta -= 1.0 * 2.0 * theta
    assert abs(theta) == 1.0
    _, findings = at_one(rate=1.0, is_exact=False)
    assert "not resolved" in findings["stability"]


def test_stable_is_said_only_of_what_curves_upwards():
    """Along negative curvature gradient descent grows at every rate."""
    _, findings = at_one(spectrum=(2.0, -1.0))
    assert findings["stability"].endswith("so steps are stable where the loss curves upwards.")
    _, findings = at_one(spectrum=(2.0, 1.0))
    assert findings["stability"].endswith("so steps are stable.")
    _, findings = at_one(spectrum=(2.0, -1.0), is_exact=False)
    assert "stable where the loss curves upwards unless" in findings["stability"]


def test_the_diagnosis_tells_the_limit_of_negative_curvature():
    def loss(parameters, x, y):
        return ops.sum(x[0] * parameters[0] ** 2) / 2

    around = Surroundings(rule=StepRule(0.1, 2.0))
    for spectrum, is_said in (([2.0, -1.0], True), ([2.0, 0.0], False)):
        operator = HessianProgram(loss).at([np.ones(2)], np.array([spectrum]), np.zeros(1))
        sentence = diagnose(operator, surroundings=around).findings["stability"]
        assert ("where the loss curves upwards" in sentence) == is_said


@pytest.mark.parametrize("is_exact", [True, False])
def test_an_ascent_may_overshoot_along_negative_curvature(is_exact):
    """There the gradient at W + ρ g / ‖g‖ points the other way, λ (1 + ρ λ / ‖g‖) of W."""
    spectrum, rate, radius, norm = (2.0, -100.0), 0.1, 0.1, 0.1
    quantities, findings = at_one(rate, 2.0, spectrum, radius, norm, is_exact)
    assert quantities["scaled_sharpness"] < quantities["stability_limit"]
    assert "along λ_min = -100 the ascent reverses g" in findings["stability"]
    assert "stable" not in findings["stability"]
    for eigenvalue, grows in zip(spectrum, (False, True), strict=True):
        theta = 1.0
        for _ in range(9):
            theta -= rate * eigenvalue * (1 + radius * eigenvalue / norm) * theta
        assert (abs(theta) > 1) == grows
    _, findings = at_one(rate, 2.0, (2.0, -1.0), radius, norm, is_exact)
    assert "beyond the limit too" not in findings["stability"]


@pytest.mark.parametrize(("rate", "largest"), [(np.nan, 2.0), (0.1, np.inf)])
def test_what_is_not_finite_is_above_no_limit(rate, largest):
    quantities, findings = stability(
        aslinearoperator(np.eye(2)), StepRule(rate, 2.0), largest, np.eye(2), 2, 0
    )
    assert quantities == {}
    assert "η·λ_max is not known: η = " in findings["stability"]


@pytest.mark.parametrize("size", [1e-100, 1e-60, 1e60, 1e100])
def test_tiny_and_huge_gradients_have_a_best_step(size):
    """(gᵀg)² leaves the range of float64 from 1e-81 and 1e77 on; it raised there."""
    gradient, curvature = np.array([size]), 1e-30
    quantities, _ = best_step(
        gradient, curvature * size * size, 0.0, lambda _: 0.0, 0.5e30 * size**2
    )
    assert quantities["optimal_step"] == pytest.approx(1e30)
    assert quantities["predicted_decrease"] == pytest.approx(0.5e30 * size**2)
    assert quantities["measured_decrease"] == pytest.approx(0.5e30 * size**2)


@pytest.mark.parametrize(("epsilon", "is_measured"), [(2.0**-52, True), (2.0**-23, False)])
def test_a_decrease_that_rounding_hides_is_not_measured(epsilon, is_measured):
    """1e-6 of the loss is 8 machine epsilons of float32; "-222 %" was said of such noise."""
    quantities, findings = best_step(
        np.array([1e-3]), 0.5e-6, 1e-12, lambda _: 1.0 - 1e-6, 1.0, epsilon
    )
    assert ("measured_decrease" in quantities) == is_measured
    sentence = findings["optimal_step"]
    assert ("100 % of what" in sentence, "too little to measure" in sentence) == (
        is_measured,
        not is_measured,
    )


@pytest.mark.parametrize("loss", [np.inf, np.nan])
def test_a_step_into_overflow_has_no_share(loss):
    quantities, findings = best_step(np.array([1.0]), 1.0, 1e-12, lambda _: loss, 0.3)
    assert "measured_decrease" not in quantities
    assert findings["optimal_step"].endswith("but the loss is not finite there.")
