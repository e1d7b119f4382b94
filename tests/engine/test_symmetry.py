"""Why initial weights are drawn: from zeros the hidden units of a network stay alike."""

import numpy as np
import pytest

from benchmark.engine import SequentialEngine
from tests.engine.trials import make_trial, run


@pytest.fixture(scope="module")
def engine() -> SequentialEngine:
    return SequentialEngine()


@pytest.mark.parametrize("initializer", ["zeros", "glorot_uniform"])
def test_hidden_units_that_start_alike_stay_alike(
    engine: SequentialEngine, initializer: str
) -> None:
    trial = make_trial(
        0,
        "adam",
        epochs=5,
        model="multilayer_perceptron",
        model_options={"hidden": (6,), "activation": "sigmoid", "initializer": initializer},
        hyperparameters={"learning_rate": 0.05, "batch_size": 16},
    )
    result, reports = run(engine, trial)
    hidden, hidden_bias, logits, _ = result.weights
    # With sigmoid units of 1/2 the logits learn, and then the hidden weights too, all alike.
    assert np.abs(hidden).max() > 0.01
    spread = max(np.ptp(hidden, axis=1).max(), np.ptp(hidden_bias), np.ptp(logits, axis=0).max())
    if initializer == "zeros":
        # Sums over units in another order: roundings of 6e-8, some of which Adam enlarges.
        assert spread < 1e-3 * np.abs(hidden).max()
    else:
        assert spread > 0.1
    assert reports[-1].metrics["train_loss"] < reports[0].metrics["train_loss"]
