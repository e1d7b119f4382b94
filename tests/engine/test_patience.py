"""Early stopping: a trial ends when its objective has not improved for some epochs."""

from dataclasses import replace

import numpy as np
import pytest

from benchmark.engine import SequentialEngine, VectorizedEngine
from benchmark.trial import CurvatureRequest, Status
from tests.engine.trials import make_trial, run

EPOCHS = 12


def trial_of(patience, **changes):
    given = {"learning_rate": 5.0, "batch_size": 32}
    trial = make_trial(0, "sgd", epochs=EPOCHS, hyperparameters=given)
    return replace(trial, patience=patience, **changes)


@pytest.fixture(scope="module")
def engines():
    vectorized = VectorizedEngine(2)
    yield SequentialEngine(), vectorized
    vectorized.close()


def last_epoch(values, patience, min_delta, sign):
    """The epoch after which plain Python stops."""
    best, waited = values[1], 0
    for epoch, value in enumerate(values[2:], 2):
        if sign * (best - value) > min_delta:
            best, waited = value, 0
        else:
            waited += 1
        if waited == patience:
            return epoch
    return len(values) - 1


@pytest.mark.parametrize(
    ("objective", "direction", "min_delta"),
    [
        ("validation_loss", "minimize", 0.0),
        ("validation_loss", "minimize", 0.1),
        ("validation_accuracy", "maximize", 0.0),
    ],
)
def test_a_trial_ends_where_plain_python_stops(engines, objective, direction, min_delta):
    names = {"objective": objective, "direction": direction, "min_delta": min_delta}
    ends = set()
    for engine in engines:
        whole, reports = run(engine, trial_of(0, **names))
        values = [report.metrics[objective] for report in reports]
        stop = last_epoch(values, 2, min_delta, 1 if direction == "minimize" else -1)
        assert stop < EPOCHS, "the example must end early"
        result, early = run(engine, trial_of(2, **names))
        assert [report.metrics for report in early] == [
            report.metrics for report in reports[: stop + 1]
        ]
        assert (result.status, result.epochs) == (Status.COMPLETED, stop)
        assert result.reason == (
            f"{objective} did not improve in the last 2 epochs, after epoch {stop}"
        )
        assert result.objective == values[stop] and "test_loss" in result.metrics
        assert whole.epochs == EPOCHS and result.weights
        ends.add(stop)
    assert len(ends) == 1


def test_the_end_is_diagnosed_wherever_it_is(engines):
    request = CurvatureRequest(epochs=(0, EPOCHS), lanczos_steps=4, exact_limit=0, samples=20)
    for engine in engines:
        _, reports = run(engine, trial_of(2, curvature=request))
        assert [bool(report.curvature) for report in (reports[0], *reports[-2:])] == [
            True,
            False,
            True,
        ]


def test_patience_is_the_same_wherever_the_trial_is_evaluated(engines):
    """A trial whose weights were not kept is trained again with fewer evaluations."""
    for engine in engines:
        result, _ = run(engine, trial_of(2))
        again, _ = run(engine, trial_of(2, evaluation_epochs=(0,)))
        assert result.epochs == again.epochs < EPOCHS
        for weights, others in zip(result.weights, again.weights, strict=True):
            np.testing.assert_array_equal(weights, others)
