"""Trace, Frobenius norm and effective rank against matrices that are known."""

import numpy as np
import pytest
from scipy.sparse.linalg import aslinearoperator

from benchmark.curvature import effective_rank, estimate_moments
from tests.curvature.spectra import rotated

METHODS = ["hutchinson", "hutch++"]
SPECTRA = {
    "decaying": 1 / np.arange(1, 101) ** 2,
    "indefinite": np.r_[np.linspace(-1, 2, 97), -6.0, 9.0, 20.0],
    "flat": np.linspace(1, 2, 100),
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", SPECTRA)
def test_intervals_hold_the_truth_as_often_as_they_say(name, method):
    spectrum = SPECTRA[name]
    matrix = aslinearoperator(rotated(spectrum))
    truth = {
        "trace": spectrum.sum(),
        "square": (spectrum**2).sum(),
        "frobenius_norm": np.linalg.norm(spectrum),
        "effective_rank": spectrum.sum() ** 2 / (spectrum**2).sum(),
    }
    held = dict.fromkeys(truth, 0)
    for seed in range(200):
        moments = estimate_moments(matrix, 36, method=method, seed=seed)
        assert moments.products == 36
        for quantity, value in truth.items():
            low, high = getattr(moments, quantity).interval(0.9)
            held[quantity] += low <= value <= high
    # 180 ± 4.2 of 200; sums of few squares are skew, which costs a few of them.
    assert all(152 <= count <= 198 for count in held.values()), held


@pytest.mark.parametrize("method", METHODS)
def test_the_sums_are_unbiased(method):
    """The mean over seeds comes as near to the truth as its own spread lets it."""
    spectrum = SPECTRA["indefinite"]
    matrix = aslinearoperator(rotated(spectrum))
    traces, squares = np.array(
        [
            (moments.trace.value, moments.square.value)
            for moments in (estimate_moments(matrix, 12, method=method, seed=s) for s in range(400))
        ]
    ).T
    for values, truth in ((traces, spectrum.sum()), (squares, (spectrum**2).sum())):
        assert abs(values.mean() - truth) < 4 * values.std() / np.sqrt(400)


def test_the_standard_error_is_the_spread_over_seeds():
    matrix = aslinearoperator(rotated(SPECTRA["flat"]))
    estimates = [
        estimate_moments(matrix, 40, method="hutchinson", seed=s).trace for s in range(300)
    ]
    spread = np.std([estimate.value for estimate in estimates])
    claimed = np.sqrt(np.mean([estimate.standard_error**2 for estimate in estimates]))
    assert claimed == pytest.approx(spread, rel=0.15)  # 300 draws: a deviation to 4 %


def test_hutch_plus_plus_is_exact_at_low_rank():
    matrix = rotated(np.r_[np.zeros(94), -1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    moments = estimate_moments(aslinearoperator(matrix), 18)
    assert moments.trace.value == pytest.approx(19, abs=1e-10)
    assert moments.frobenius_norm.value == pytest.approx(np.sqrt(91), rel=1e-12)
    assert moments.trace.standard_error < 1e-10


def test_hutch_plus_plus_needs_fewer_products():
    matrix = aslinearoperator(rotated(SPECTRA["decaying"]))
    truth = SPECTRA["decaying"].sum()

    def error(method):
        traces = [
            estimate_moments(matrix, 60, method=method, seed=s).trace.value for s in range(20)
        ]
        return np.sqrt(np.mean((np.array(traces) - truth) ** 2))

    assert error("hutch++") < error("hutchinson") / 10


def test_more_products_than_dimensions_are_exact():
    matrix = np.array([[2.0, 1.0], [1.0, -3.0]])
    moments = estimate_moments(aslinearoperator(matrix), 12)
    assert moments.trace.value == pytest.approx(-1.0, abs=1e-12)
    assert moments.products == 2 * 2 + 4


def test_zero_has_no_rank():
    moments = estimate_moments(aslinearoperator(np.zeros((5, 5))), 6)
    assert moments.trace.value == moments.effective_rank.value == 0
    assert effective_rank(np.zeros(3)) == 0
    assert effective_rank(np.array([1.0, 1.0, -1.0])) == pytest.approx(3)


def test_refusals():
    matrix = aslinearoperator(np.eye(3))
    with pytest.raises(ValueError, match=r"products must be ≥ 6 for hutch\+\+. Received 5"):
        estimate_moments(matrix, 5)
    with pytest.raises(ValueError, match=r"products must be ≥ 2 for hutchinson. Received 1"):
        estimate_moments(matrix, 1, method="hutchinson")
    with pytest.raises(ValueError, match=r"method must be .* Received 'xtrace'"):
        estimate_moments(matrix, method="xtrace")  # type: ignore[arg-type]
    with pytest.raises(FloatingPointError, match="must be finite"):
        estimate_moments(aslinearoperator(np.full((4, 4), np.nan)))
