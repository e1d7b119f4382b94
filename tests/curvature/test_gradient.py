"""Alignment against dense linear algebra; noise against populations that are known."""

import numpy as np
import pytest
from scipy.sparse.linalg import aslinearoperator

from benchmark.curvature.gradient import (
    alignment_sentence,
    exact_alignment,
    gradient_noise,
    lanczos_alignment,
)
from tests.curvature.spectra import symmetric

MATRIX, VECTORS = symmetric(np.r_[np.linspace(-1, 1, 57), 5.0, 8.0, 20.0])


def test_alignment_is_the_share_in_the_eigenvectors():
    gradient = VECTORS @ np.r_[np.full(50, 0.1), np.full(9, 1.0), 4.0]
    expected = {"alignment_top_1": 16.0, "alignment_top_10": 25.0}
    quantities = exact_alignment(MATRIX, gradient)
    total = 0.5 + 9 + 16
    assert quantities == pytest.approx({k: v / total for k, v in expected.items()}, rel=1e-10)
    bend, shares = lanczos_alignment(aslinearoperator(MATRIX), gradient, 10, 20.0)
    assert bend == pytest.approx(gradient @ MATRIX @ gradient, rel=1e-12)
    # A Ritz value within 1 % of the eigenvalue, whose vector is off by a tenth at most.
    assert shares["alignment_top_1"] == pytest.approx(quantities["alignment_top_1"], rel=0.01)
    words = alignment_sentence(quantities)["alignment"]
    assert "63 % lies along the sharpest direction" in words
    assert "98 % within the 10 sharpest" in words
    words = alignment_sentence({"alignment_top_1": 0.00004, "alignment_top_10": 1.0})["alignment"]
    assert "0.004 % lies along the sharpest direction and 100 % within" in words


def test_equal_eigenvalues_are_one_space():
    matrix, vectors = symmetric([1.0, 2.0, 7.0, 7.0])
    gradient = vectors @ np.array([0.0, 1.0, 1.0, 1.0])
    assert exact_alignment(matrix, gradient)["alignment_top_1"] == pytest.approx(2 / 3)


def test_alignment_is_left_out_where_it_is_not_known():
    orthogonal = VECTORS @ np.r_[np.ones(59), 0.0]  # nothing along the sharpest direction
    assert lanczos_alignment(aslinearoperator(MATRIX), orthogonal, 6, 20.0)[1] == {}
    assert lanczos_alignment(aslinearoperator(MATRIX), VECTORS @ np.ones(60), 1, 20.0)[1] == {}
    assert exact_alignment(MATRIX, np.zeros(60)) == {}
    assert alignment_sentence({}) == {}


@pytest.mark.parametrize("copies", [2, 25, 45])
def test_a_large_space_of_equal_eigenvalues_is_measured_by_what_lies_outside(copies):
    """With more than half of all eigenvectors in the space, by those that are not."""
    spectrum = np.r_[np.linspace(-2, -1, 57 - copies), np.zeros(copies), 5.0, 6.0, 7.0]
    matrix, vectors = symmetric(spectrum)
    gradient = vectors @ np.linspace(1, 2, 60)
    values, dense = np.linalg.eigh(matrix)
    shares = (dense.T @ gradient) ** 2 / (gradient @ gradient)
    # The tenth largest is one of the zeros, where there are seven of them.
    tenth = shares[values >= (-1e-9 if copies > 6 else values[-10] - 1e-9)].sum()
    for known in (None, values):
        quantities = exact_alignment(matrix, gradient, known)
        assert quantities["alignment_top_1"] == pytest.approx(shares[-1], rel=1e-9)
        assert quantities["alignment_top_10"] == pytest.approx(tenth, rel=1e-9)


GRADIENT = np.array([3.0, 4.0])
DEVIATIONS = np.array([2.0, 6.0])
TRACE, SQUARE = 40.0, 25.0


def drawn(count, batch_size, seed, gradient=GRADIENT):
    """Gradients of batches: means of independent gradients of examples."""
    examples = np.random.default_rng(seed).normal(
        gradient, DEVIATIONS, size=(count, batch_size, len(gradient))
    )
    return examples.mean(axis=1)


def test_the_parts_are_unbiased():
    quantities = [gradient_noise(drawn(8, 16, seed), 16)[0] for seed in range(400)]
    for name, expected in (("gradient_noise_trace", TRACE), ("gradient_square", SQUARE)):
        values = np.array([numbers[name] for numbers in quantities])
        error = values.std() / np.sqrt(len(values))
        # Four standard errors of 400 draws with fixed seeds.
        assert abs(values.mean() - expected) < 4 * error


def test_the_standard_error_covers_the_scale():
    """Student's t of K − 1 = 31 degrees covers 95 %: 200 draws with fixed seeds."""
    covered = 0
    for seed in range(200):
        quantities, _ = gradient_noise(drawn(32, 16, 1000 + seed), 16)
        off = abs(quantities["gradient_noise_scale"] - TRACE / SQUARE)
        covered += off <= 2.04 * quantities["gradient_noise_scale_error"]
    # A binomial of 200 draws at 95 % lies above 176 with probability 0.9999.
    assert covered > 176


def test_the_scale_does_not_depend_on_the_size_of_the_batches():
    scales = [
        gradient_noise(drawn(4000 // size, size, 3), size)[0]["gradient_noise_scale"]
        for size in (1, 10, 40)
    ]
    # The same 4,000 examples each time; the error of the estimate is about 4 %.
    assert scales == pytest.approx([TRACE / SQUARE] * 3, rel=0.15)


def test_pure_noise_has_no_scale():
    every = [gradient_noise(drawn(8, 4, seed, np.zeros(2)), 4) for seed in range(20)]
    quantities, findings = next(numbers for numbers in every if numbers[0]["gradient_square"] <= 0)
    assert "gradient_noise_scale" not in quantities
    assert "do not distinguish the gradient from its noise" in findings["gradient_noise"]


def test_without_noise_the_scale_is_zero():
    quantities, findings = gradient_noise(np.tile(GRADIENT, (4, 1)), 8)
    assert quantities["gradient_noise_scale"] == 0
    assert quantities["gradient_square"] == 25
    assert "critical batch size" in findings["gradient_noise"]


def test_one_batch_is_refused():
    with pytest.raises(ValueError, match=r"at least 2 batches\. Received 1"):
        gradient_noise(np.ones((1, 2)), 4)


def test_an_error_that_is_not_known_is_said_to_be():
    """Without the second batch ‖G‖² is not positive, so one batch decides all."""
    gradients = np.array([[1.0, 0.0], [1.0, 10.0], [1.0, -2.0]])
    quantities, findings = gradient_noise(10 * gradients + np.array([60.0, 0.0]), 1)
    assert "gradient_noise_scale_error" in quantities
    quantities, findings = gradient_noise(gradients + np.array([3.0, 0.0]), 1)
    assert quantities["gradient_square"] > 0
    assert "gradient_noise_scale_error" not in quantities
    assert "with an unknown error" in findings["gradient_noise"]


def test_two_batches_tell_no_error():
    quantities, findings = gradient_noise(np.array([[3.0], [4.0]]), 2)
    assert "gradient_noise_scale_error" not in quantities
    assert "with an unknown error" in findings["gradient_noise"]


def test_squares_that_overflow_are_said_to():
    quantities, findings = gradient_noise(np.full((4, 2), 1e160), 4)
    assert quantities == {}
    assert "overflows" in findings["gradient_noise"]
