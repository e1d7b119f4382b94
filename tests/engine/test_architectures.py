"""Residual, deep linear, attention and recurrent models in both engines."""

import numpy as np
import pytest

from benchmark.engine import SequentialEngine, VectorizedEngine
from benchmark.engine.tiles import Shape
from benchmark.trial import CurvatureRequest, Status
from tests.engine.trials import make_trial, run, run_all

MODELS = {
    "residual_perceptron": {"width": 6, "depth": 2},
    "deep_linear_network": {"width": 5, "depth": 2},
    "transformer": {"width": 4, "heads": 2, "depth": 1, "steps": 2},
    "lstm": {"width": 4, "steps": 2},
}
# float32 sums in another order, through the normalisations and gates of a block.
RELATIVE, ABSOLUTE = 2e-4, 2e-5
NONE = CurvatureRequest(gradient_norm_epochs=())
CURVATURE = CurvatureRequest(epochs=(1,), exact_limit=400, monitored_epochs=(1,), probe=16)


@pytest.mark.parametrize(
    ("model", "curvature"),
    [
        # The others are made of layers that other models have too; compiling takes seconds.
        *(("transformer", NONE), ("lstm", NONE)),
        *(pytest.param(model, CURVATURE, marks=pytest.mark.slow) for model in MODELS),
    ],
)
def test_a_model_is_trained_alike_in_both_engines(model, curvature):
    told: list[str] = []
    engine = VectorizedEngine(capacity=2, shape=Shape(tiles=1, width=2), notify=told.append)
    trials = [
        make_trial(
            number,
            "momentum",
            1,
            model=model,
            model_options=MODELS[model],
            hyperparameters={"learning_rate": rate, "momentum": 0.5, "batch_size": 30},
            curvature=curvature,
        )
        for number, rate in enumerate((0.05, 0.2))
    ]
    together = run_all(engine, trials)
    engine.close()
    assert told == []
    result, reports = together[0]
    expected_result, expected_reports = run(SequentialEngine(), trials[0])
    assert result.status is expected_result.status is Status.COMPLETED, result.reason
    for report, expected in zip(reports, expected_reports, strict=True):
        np.testing.assert_allclose(
            list(report.metrics.values()),
            list(expected.metrics.values()),
            rtol=RELATIVE,
            atol=ABSOLUTE,
        )
        # The eigenvalues take up the difference of the weights.
        np.testing.assert_allclose(report.spectrum, expected.spectrum, rtol=1e-2, atol=1e-3)
    for value, weight in zip(result.weights, expected_result.weights, strict=True):
        np.testing.assert_allclose(value, weight, rtol=RELATIVE, atol=ABSOLUTE)
