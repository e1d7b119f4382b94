"""The diagnosis on quadratics with known spectra, on logistic regression and on a network."""

import keras
import numpy as np
import pytest
from keras import ops
from scipy.sparse.linalg import aslinearoperator
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.preprocessing import StandardScaler

from benchmark.curvature import (
    HessianProgram,
    Surroundings,
    diagnose,
    diagnosis,
    model_loss,
    verdicts,
)
from benchmark.curvature.exact import ExactPlan, exact_eigenvalues


def quadratic(parameters, x, y):
    """½ θᵀ X θ + yᵀθ, with the matrix X as data: one program serves every matrix of a size."""
    theta = parameters[0]
    return ops.sum(theta * ops.matmul(x, theta)) / 2 + ops.sum(y * theta)


PROGRAM = HessianProgram(quadratic, block_size=8)
SINGLE = HessianProgram(quadratic, block_size=8, dtype="float32")


def at(spectrum, theta=None, program=PROGRAM, seed=0):
    """A rotated quadratic with the given spectrum."""
    spectrum = np.asarray(spectrum, np.float64)
    size = len(spectrum)
    q, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(size, size)))
    matrix = (q * spectrum) @ q.T
    point = q.sum(axis=1) if theta is None else q @ np.asarray(theta, np.float64)
    return program.at([point], (matrix + matrix.T) / 2, np.zeros(size))


DEFINITENESS = [
    ([1.0, 2.0, 3.0], "positive definite", (0, 0, 3)),
    ([0.0, 2.0, 3.0], "positive semidefinite", (0, 1, 2)),
    ([-1.0, -2.0, -3.0], "negative definite", (3, 0, 0)),
    ([-1.0, 0.0, 0.0], "negative semidefinite", (1, 2, 0)),
    ([-1e-3, 0.0, 5.0], "indefinite", (1, 1, 1)),
    ([0.0, 0.0, 0.0], "zero", (0, 3, 0)),
    # 1e-15 is below the tolerance 3 × 2.2e-16 × 5, and 1e-13 above it.
    ([1e-15, 1.0, 5.0], "positive semidefinite", (0, 1, 2)),
    ([1e-13, 1.0, 5.0], "positive definite", (0, 0, 3)),
]


@pytest.mark.parametrize(("spectrum", "definiteness", "counts"), DEFINITENESS)
def test_signs_are_counted_with_the_stated_tolerance(spectrum, definiteness, counts):
    curvature = diagnose(at(spectrum))
    assert curvature.definiteness == definiteness
    sign_counts = tuple(curvature.quantities[key] for key in ("negative", "zero", "positive"))
    assert sign_counts == counts
    largest = np.abs(spectrum).max()
    assert curvature.quantities["tolerance"] == pytest.approx(3 * 2.0**-52 * largest)
    assert any(definiteness in sentence for sentence in curvature.sentences)


def test_exact_extremes_and_condition_number():
    spectrum = np.array([-4.0, -0.5, 0.1, 2.0, 3.0])
    curvature = diagnose(at(spectrum))
    quantities = curvature.quantities
    np.testing.assert_allclose(curvature.eigenvalues, spectrum, rtol=1e-13)
    expected = {"lambda_max": 3, "lambda_min": -4, "lambda_abs_max": 4, "lambda_abs_min": 0.1}
    for name, value in (expected | {"condition_number": 40, "exact": 1, "products": 5}).items():
        assert quantities[name] == pytest.approx(value, rel=1e-12), name
    assert "condition_number_lower_bound" not in quantities


@pytest.mark.parametrize(("spectrum", "end"), [([0, 1, 2], "min"), ([-2, -1, 0], "max")])
def test_an_end_of_the_spectrum_that_is_mere_rounding_has_no_digits(spectrum, end):
    for seed in range(5):
        quantities = diagnose(at(spectrum, seed=seed)).quantities
        assert quantities[f"lambda_{end}"] == 0.0
        assert quantities["tolerance"] > 0


def test_a_singular_hessian_has_a_bound_and_no_condition_number():
    curvature = diagnose(at([0.0, 1.0, 2.0]))
    quantities = curvature.quantities
    assert "condition_number" not in quantities
    bound = quantities["condition_number_lower_bound"]
    largest, tolerance = quantities["lambda_abs_max"], quantities["tolerance"]
    assert largest / (2 * tolerance) <= bound <= largest / tolerance
    assert any(sentence.startswith("κ ≥") for sentence in curvature.sentences)


@pytest.mark.parametrize("settings", [{}, {"exact_limit": 0, "lanczos_steps": 4}])
@pytest.mark.parametrize("seed", range(3))
def test_no_digits_of_mere_rounding_are_shown(seed, settings):
    curvature = diagnose(at([0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 2.0], seed=seed), **settings)
    sentence = curvature.findings["extremes"]
    assert "λ_max = 2" in sentence and "|λ_min| ≤ " in sentence
    assert "λ_min =" not in sentence and "|λ| =" not in sentence
    if not settings:  # the bound is the stated tolerance, whatever the rounding was
        tolerance = f"{7 * 2.0**-52 * 2:.2g}"
        assert sentence == (
            f"λ_max = 2, |λ_min| ≤ {tolerance} and the smallest |λ| ≤ {tolerance}, "
            "from all 7 eigenvalues."
        )


def test_the_bound_holds_just_below_the_tolerance():
    """An eigenvalue of half the tolerance: the true κ must not be below the bound."""
    half = 1.5 * 2.0**-52 * 4
    curvature = diagnose(at([half, 1.0, 4.0]))
    assert curvature.quantities["condition_number_lower_bound"] <= 4 / half


def test_a_condition_number_near_the_tolerance_has_its_range():
    twice = 2 * 3 * 2.0**-52 * 4
    curvature = diagnose(at([twice, 1.0, 4.0]))
    low, high = 4 / (1.5 * twice), 4 / (0.5 * twice)
    sentence = curvature.findings["condition_number"]
    assert f"from {low:.2g} to {high:.2g}" in sentence
    assert "rounding" not in diagnose(at([0.5, 1.0, 4.0])).findings["condition_number"]


def test_float32_has_a_wider_tolerance():
    spectrum = [1e-6, 1.0, 10.0]
    assert diagnose(at(spectrum)).definiteness == "positive definite"
    curvature = diagnose(at(spectrum, program=SINGLE))
    assert curvature.quantities["tolerance"] == pytest.approx(3 * 2.0**-23 * 10, rel=1e-5)
    assert "condition_number" not in curvature.quantities


LANCZOS = [
    (np.geomspace(1e-4, 1e2, 80), "undetermined"),
    (np.r_[np.full(70, 1.0), np.linspace(50, 60, 10)], "undetermined"),
    (np.r_[-np.linspace(1, 9, 9), np.linspace(0, 1, 61), np.linspace(10, 90, 10)], "indefinite"),
    (-np.geomspace(1e-2, 1e2, 80), "undetermined"),
    (np.zeros(80), "zero"),
]


@pytest.mark.parametrize(("spectrum", "definiteness"), LANCZOS)
@pytest.mark.parametrize("steps", [3, 12, 30])
def test_lanczos_claims_only_what_is_true(spectrum, definiteness, steps):
    curvature = diagnose(at(spectrum), exact_limit=0, lanczos_steps=steps)
    quantities = curvature.quantities
    rounding = 1e-12 * np.abs(spectrum).max()
    assert quantities["exact"] == 0
    # Up to ten from the gradient follow; the zero matrix has none.
    assert steps <= quantities["products"] <= steps + 10
    assert quantities.get("lambda_abs_min_upper_bound", np.inf) >= np.abs(spectrum).min()
    assert curvature.definiteness in {definiteness, "undetermined"}
    assert quantities["lambda_max"] <= spectrum.max() + rounding
    assert quantities["lambda_min"] >= spectrum.min() - rounding
    assert not {"condition_number", "lambda_abs_min", "negative"} & set(quantities)
    if spectrum.any():
        tolerance = quantities["tolerance"]
        assert quantities["negative_at_least"] <= (spectrum < -tolerance / 2).sum()
        assert quantities["positive_at_least"] <= (spectrum > tolerance / 2).sum()
        true = np.abs(spectrum).max() / np.abs(spectrum).min() if spectrum.all() else np.inf
        assert 1 <= quantities["condition_number_lower_bound"] <= true
        assert any("cannot be resolved by" in sentence for sentence in curvature.sentences)


def test_thirty_lanczos_steps_resolve_separated_ends():
    spectrum = LANCZOS[2][0]
    curvature = diagnose(at(spectrum), exact_limit=0, lanczos_steps=30)
    quantities = curvature.quantities
    assert curvature.definiteness == "indefinite"
    for name, value in (("lambda_max", 90.0), ("lambda_min", -9.0)):
        assert quantities[name] == pytest.approx(
            value, abs=2 * quantities[f"{name}_residual"] + 1e-9
        )
        assert quantities[f"{name}_residual"] < 0.5
    assert quantities["negative_at_least"] >= 3
    assert quantities["positive_at_least"] >= 10


def test_few_parameters_are_exact_whatever_the_limit():
    curvature = diagnose(at([1.0, 2.0, 3.0]), exact_limit=0, lanczos_steps=3)
    assert curvature.quantities["exact"] == 1


def test_the_optimal_step_reaches_the_minimum_along_the_gradient():
    spectrum, coordinates = np.array([1.0, 3.0, 10.0]), np.array([2.0, -1.0, 0.5])
    gradient = spectrum * coordinates
    expected = gradient @ gradient / (gradient @ (spectrum * gradient))
    for exact_limit in (0, 1000):
        operator = at(spectrum, coordinates)
        quantities = diagnose(operator, exact_limit=exact_limit, lanczos_steps=2).quantities
        assert quantities["exact"] == (exact_limit > 0)
        assert quantities["optimal_step"] == pytest.approx(expected, rel=1e-12)
        assert quantities["gradient_norm"] == pytest.approx(np.linalg.norm(gradient), rel=1e-13)

    def along(step):
        point = coordinates - step * gradient
        return point @ (spectrum * point) / 2

    assert along(expected) < min(along(0.99 * expected), along(1.01 * expected))


@pytest.mark.parametrize(
    ("coordinates", "reason"),
    [
        ([1.0, 0.0, 0.0], r"no minimum along −g"),
        ([0.0, 0.0, 0.0], r"gradient is zero"),
        ([2.0, 0.0, 1.0], r"zero to rounding"),  # gᵀHg = Σ λ³θ² = −1·4 + 4
    ],
)
def test_where_there_is_no_optimal_step_a_sentence_says_why(coordinates, reason):
    curvature = diagnose(at([-1.0, 3.0, 4 ** (1 / 3)], coordinates))
    assert "optimal_step" not in curvature.quantities
    assert any(reason in sentence for sentence in curvature.sentences)


def test_binary_logistic_regression_obeys_its_bound():
    """λmax ≤ ¼ λmax(XᵀX/n); the closed form is Xᵀ diag(p(1 − p)) X / n."""
    features, targets = load_breast_cancer(return_X_y=True)
    x = StandardScaler().fit_transform(features)
    model = keras.Sequential([keras.Input((30,)), keras.layers.Dense(1, use_bias=False)])
    loss = model_loss(model, keras.losses.BinaryCrossentropy(from_logits=True))
    program = HessianProgram(loss)
    limit = np.linalg.eigvalsh(x.T @ x / len(x)).max() / 4
    for scale in (0.0, 0.05):
        w = scale * np.random.default_rng(0).normal(size=(30, 1))
        curvature = diagnose(program.at([w], x, targets.reshape(-1, 1)))
        p = 1 / (1 + np.exp(-x @ w))
        expected = np.linalg.eigvalsh(x.T @ (p * (1 - p) * x) / len(x))
        np.testing.assert_allclose(curvature.eigenvalues, expected, rtol=1e-9)
        assert curvature.definiteness == "positive definite"
        kappa = expected[-1] / expected[0]
        assert curvature.quantities["condition_number"] == pytest.approx(kappa, rel=1e-9)
        if scale == 0:  # p = ½ everywhere: the bound is reached
            assert curvature.quantities["lambda_max"] == pytest.approx(limit, rel=1e-12)
        else:
            assert curvature.quantities["lambda_max"] < limit


def test_softmax_regression_obeys_its_bound():
    """λmax ≤ ½ λmax(XᵀX/n); adding a vector to all classes changes nothing: d zeros."""
    features, targets = load_iris(return_X_y=True)
    x = StandardScaler().fit_transform(features)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, use_bias=False)])
    loss = model_loss(model, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    w = np.random.default_rng(0).normal(size=(4, 3))
    curvature = diagnose(HessianProgram(loss).at([w], x, targets))
    logits = x @ w
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    blocks = p[:, :, None] * np.eye(3) - p[:, :, None] * p[:, None, :]
    hessian = np.einsum("ni,nj,nkl->ikjl", x, x, blocks).reshape(12, 12) / len(x)
    scale = curvature.quantities["lambda_max"]
    expected = np.linalg.eigvalsh(hessian)
    np.testing.assert_allclose(curvature.eigenvalues, expected, atol=1e-13 * scale, rtol=0)
    assert scale <= np.linalg.eigvalsh(x.T @ x / len(x)).max() / 2
    assert curvature.definiteness == "positive semidefinite"
    assert (curvature.quantities["zero"], curvature.quantities["positive"]) == (4, 8)


def test_the_network_is_indefinite_by_both_methods(network, program, reference):
    operator = program.at(network.weights, network.x, network.y)
    expected = np.linalg.eigvalsh((reference + reference.T) / 2)
    exact = diagnose(operator)
    curvature = diagnose(operator, exact_limit=0)
    assert exact.definiteness == curvature.definiteness == "indefinite"
    for name, value in (("lambda_max", expected[-1]), ("lambda_min", expected[0])):
        assert exact.quantities[name] == pytest.approx(value, rel=1e-7)
        bound = curvature.quantities[f"{name}_residual"] + 1e-9
        assert np.abs(expected - curvature.quantities[name]).min() <= bound
    assert curvature.quantities["lambda_max"] == pytest.approx(expected[-1], rel=1e-6)
    steps = (exact.quantities["optimal_step"], curvature.quantities["optimal_step"])
    assert steps[0] == pytest.approx(steps[1], rel=1e-10)


KINDS = [
    ([1.0, 2.0, 3.0], [0.0, 0.0, 0.0], "minimum"),
    ([-1.0, -2.0, -3.0], [0.0, 0.0, 0.0], "maximum"),
    ([-1.0, 2.0, 3.0], [0.0, 0.0, 0.0], "saddle"),
    ([0.0, 2.0, 3.0], [0.0, 0.0, 0.0], "degenerate"),
    ([0.0, 0.0, 0.0], [0.0, 0.0, 0.0], "degenerate"),
    ([-1.0, 2.0, 3.0], [2e-5, 0.0, 0.0], "not a critical point"),
    ([-1.0, 2.0, 3.0], [0.5e-5, 0.0, 0.0], "saddle"),
]


@pytest.mark.parametrize(("spectrum", "coordinates", "verdict"), KINDS)
def test_the_gradient_is_tested_before_the_kind_of_point(spectrum, coordinates, verdict):
    curvature = diagnose(at(spectrum, coordinates))
    assert curvature.verdict == verdict
    sentence = curvature.findings["critical_point"]
    assert verdict in sentence.lower()
    assert "1e-05" in sentence  # the tolerance is stated
    assert curvature.quantities["gradient_tolerance"] == 1e-5


def test_too_few_products_tell_no_kind():
    curvature = diagnose(
        at(np.geomspace(1e-4, 1, 80), np.zeros(80)), exact_limit=0, lanczos_steps=5
    )
    assert curvature.verdict == "undetermined"
    assert "too little of the spectrum" in curvature.findings["critical_point"]


def test_on_a_quadratic_the_best_step_gains_what_is_predicted():
    spectrum, coordinates = np.array([1.0, 3.0, 10.0]), np.array([2.0, -1.0, 0.5])
    operator = at(spectrum, coordinates)
    q, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))

    def loss_at(shift):
        moved = coordinates + q.T @ shift
        return float(moved @ (spectrum * moved)) / 2

    curvature = diagnose(operator, surroundings=Surroundings(loss_at=loss_at))
    gradient = spectrum * coordinates
    expected = (gradient @ gradient) ** 2 / (gradient @ (spectrum * gradient)) / 2
    for name in ("predicted_decrease", "measured_decrease"):
        assert curvature.quantities[name] == pytest.approx(expected, rel=1e-12)
    assert "100 % of what" in curvature.findings["optimal_step"]


def test_weights_that_diverged_give_no_numbers():
    curvature = diagnose(PROGRAM.at([np.full(3, np.nan)], np.full((3, 3), np.nan), np.zeros(3)))
    assert curvature.definiteness == "undetermined"
    assert set(curvature.quantities) == {"products"}
    assert "must be finite" in curvature.sentences[0]


@pytest.mark.parametrize("limit", [1000, 0])
def test_weights_that_are_not_finite_say_nothing_though_products_are(limit):
    """The Hessian of a quadratic is the same at NaN; before, "positive definite" was said there."""
    operator = at(np.linspace(1, 2, 50), np.full(50, np.nan))
    assert np.isfinite(operator.matvec(np.ones(50))).all()
    curvature = diagnose(operator, exact_limit=limit)
    assert (curvature.definiteness, curvature.verdict) == ("undetermined", "undetermined")
    assert set(curvature.quantities) == {"products"} and not curvature.eigenvalues.size
    assert curvature.findings == {
        "definiteness": "the gradient must be finite. Received NaN or infinity."
    }


@pytest.mark.parametrize("size", [3, 60])
def test_a_flat_loss_has_no_sharpest_direction(size):
    """H = 0 and g ≠ 0; before, all of the gradient lay "along the sharpest direction"."""
    program = HessianProgram(lambda parameters, x, y: ops.sum(parameters[0] * x))
    operator = program.at([np.ones(size)], np.ones((1, size)), np.zeros(1))
    curvature = diagnose(operator)
    assert curvature.definiteness == "zero"
    assert "alignment" not in curvature.findings
    assert not [name for name in curvature.quantities if name.startswith("alignment")]
    assert curvature.verdict == "not a critical point"
    # Nor has one whose directions are all alike.
    assert "alignment" not in diagnose(at([2.0, 2.0, 2.0])).findings


def test_products_that_are_not_symmetric_give_no_signs():
    # What is measured is the rounding of a matrix that is zero, as two backends give it.
    noise = np.array([[1e-17, 4e-17], [-3e-17, -1e-17]])
    spectrum = exact_eigenvalues(aslinearoperator(noise))
    assert np.any(spectrum.eigenvalues > 0)
    assert np.any(spectrum.eigenvalues < 0)
    verdict = verdicts.from_exact(spectrum, 2 * np.finfo(np.float64).eps)
    assert verdict.definiteness == "zero"
    assert not {"condition_number", "condition_number_lower_bound"} & set(verdict.quantities)
    assert verdict.quantities["tolerance"] == pytest.approx(spectrum.asymmetry)
    assert "symmetry" in verdict.findings


def test_a_hessian_that_does_not_fit_is_looked_at_by_lanczos(monkeypatch):
    monkeypatch.setattr(diagnosis, "exact_plan", lambda size: ExactPlan(size, 10))
    spectrum = np.linspace(1.0, 50.0, 60)
    curvature = diagnose(at(spectrum), exact_limit=1000, lanczos_steps=20)
    assert curvature.quantities["exact"] == 0
    assert "does not fit" in curvature.findings["exact"]
    assert curvature.quantities["lambda_max"] == pytest.approx(50.0, rel=1e-2)  # 20 steps of 60


def test_what_is_below_the_tolerance_is_said_as_a_bound():
    """The digits of an eigenvalue that is zero to rounding are noise, not a value."""
    half = np.random.default_rng(0).standard_normal((6, 3))
    singular = verdicts.from_exact(exact_eigenvalues(aslinearoperator(half @ half.T)), 6 * 2.0**-52)
    bound = singular.quantities["tolerance"]
    assert "lambda_abs_min" not in singular.quantities
    assert 0 < singular.quantities["lambda_abs_min_upper_bound"] <= 2 * bound
    sentence = singular.findings["extremes"]
    assert f"|λ_min| ≤ {bound:.2g} and the smallest |λ| ≤ {bound:.2g}" in sentence
