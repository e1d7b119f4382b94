"""What is measured of curvature, on a small scale, and the reference it is compared with."""

import numpy as np
import pytest

from speed import proof
from speed.ours import curvature
from speed.ours.trial_curvature import quickstart_trials


@pytest.fixture(scope="module")
def weights():
    return proof.trained_weights(steps=5)


def test_the_reference_is_the_hessian(weights) -> None:
    """Products by hand against central differences of the gradient by hand."""
    x, y = proof.rows()
    vector = np.random.default_rng(0).normal(size=4810)
    pieces = proof.split(vector, weights)

    def gradient(step):
        moved = [w + step * v for w, v in zip(weights, pieces, strict=True)]
        return np.concatenate([part.ravel() for part in proof.gradient(moved, x, y)])

    # So short a step turns no unit on or off.
    expected = (gradient(1e-7) - gradient(-1e-7)) / 2e-7
    np.testing.assert_allclose(proof.product(weights, x, y, vector), expected, atol=1e-7, rtol=0)
    assert proof.relative_error([4.0, 2.1], np.array([2.0, 4.0])) == pytest.approx(0.05)


def test_ours_finds_the_true_eigenvalues(monkeypatch, weights) -> None:
    monkeypatch.setattr(proof, "trained_weights", lambda: weights)
    (measurement,) = curvature.measure_eigenvalues(repetitions=1, dtype="float64")
    assert measurement.facts["relative_error"] <= proof.TOLERANCE
    assert measurement.values[0] > 0
    gradient, product = curvature.measure_product(repetitions=1, dtype="float32")
    assert product.facts["ratios"] == [product.values[0] / gradient.values[0]]


def test_exact_and_large_state_their_memory() -> None:
    (formed,) = curvature.measure_exact(repetitions=1, dtype="float64", hidden=(2,))
    assert formed.facts["products"] == 64 * 2 + 2 + 2 * 10 + 10
    assert formed.facts["eigenvalue_seconds"] > 0
    (large,) = curvature.measure_large(products=45, dtype="float32", hidden=(3, 3), chunk_size=539)
    assert large.facts["products"] == 45
    assert large.facts["peak_growth_gigabytes"] >= 0


def test_trials_are_observed_as_in_quickstart() -> None:
    trials = quickstart_trials("replicate", 8, (64,))
    assert sum(len(trial.curvature.epochs) for trial in trials) == 48  # as many as quickstart's
    monitored = quickstart_trials("search", 2, (512, 512))
    assert all(trial.curvature.monitored_epochs for trial in monitored)
    assert {trial.label for trial in monitored} == {"momentum", "adam"}
    assert monitored[0].model_options["hidden"] == (512, 512)
