"""When a trial is evaluated, and that its training does not depend on it."""

from dataclasses import replace

import numpy as np
import pytest

from benchmark.engine import SequentialEngine, VectorizedEngine
from benchmark.engine.slots import Slot
from benchmark.engine.trajectory import retrain
from benchmark.results.records import decode, encode
from benchmark.trial import CurvatureRequest, Status
from tests.engine.trials import make_trial, run, run_all

ENGINES = [SequentialEngine, lambda: VectorizedEngine(capacity=4)]


def evaluated_at(epochs, **changes):
    return replace(make_trial(epochs=6, **changes), evaluation_epochs=epochs)


@pytest.mark.parametrize("make_engine", ENGINES)
@pytest.mark.parametrize(
    ("epochs", "expected"),
    [(None, [0, 1, 2, 3, 4, 5, 6]), ((), [0, 6]), ((2, 3), [0, 2, 3, 6]), ((9,), [0, 6])],
)
def test_trial_is_reported_on_at_its_epochs(make_engine, epochs, expected) -> None:
    result, reports = run(make_engine(), evaluated_at(epochs))
    whole, all_reports = run(make_engine(), evaluated_at(None))
    assert [report.epoch for report in reports] == expected
    # What is reported, and what is trained, is bit for bit that of a trial evaluated throughout.
    assert reports == [all_reports[epoch] for epoch in expected]
    assert result.metrics == whole.metrics
    assert (result.epochs, result.step, result.samples) == (whole.epochs, whole.step, whole.samples)
    for weights, others in zip(result.weights, whole.weights, strict=True):
        np.testing.assert_array_equal(weights, others)


@pytest.mark.parametrize("make_engine", ENGINES)
def test_curvature_that_is_due_is_reported(make_engine) -> None:
    request = CurvatureRequest(
        epochs=(2,), monitored_epochs=(3,), gradient_norm_epochs=(4,), samples=32, probe=16
    )
    _, reports = run(make_engine(), replace(evaluated_at(()), curvature=request))
    assert [report.epoch for report in reports] == [0, 2, 3, 4, 6]
    by_epoch = {report.epoch: report for report in reports}
    assert "lambda_max" in by_epoch[2].curvature
    assert "probe_lambda_max" in by_epoch[3].curvature
    assert "gradient_norm" in by_epoch[4].metrics


@pytest.mark.parametrize("make_engine", ENGINES)
def test_stopping_rule_looks_at_every_epoch(make_engine) -> None:
    settings = {"learning_rate": 0.1, "batch_size": 32, "tolerance": 1e9}
    result, reports = run(make_engine(), evaluated_at((), hyperparameters=settings))
    assert result.status is Status.CONVERGED
    assert [report.epoch for report in reports] == [0, 1]


def test_plateau_looks_at_every_epoch() -> None:
    trial = evaluated_at((), schedule="reduce_on_plateau")
    assert all(Slot(trial, epoch=epoch).needs_evaluation() for epoch in range(7))


@pytest.mark.parametrize("make_engine", ENGINES)
def test_divergence_is_found_when_the_trial_is_evaluated(make_engine) -> None:
    settings = {"learning_rate": 1e30, "batch_size": 32}
    result, reports = run(make_engine(), evaluated_at((4,), hyperparameters=settings))
    assert result.status is Status.DIVERGED
    assert [report.epoch for report in reports] == [0, 4]


def test_neighbours_that_are_evaluated_change_nothing() -> None:
    chosen = [None, (), (1, 5), (3,), (), None]
    trials = [replace(evaluated_at(epochs), number=n) for n, epochs in enumerate(chosen)]
    together = run_all(VectorizedEngine(capacity=6), trials)
    alone = {n: run(VectorizedEngine(capacity=6), trial) for n, trial in enumerate(trials)}
    for number in range(6):
        assert together[number][1] == alone[number][1]
        assert together[number][0].metrics == alone[number][0].metrics


def test_course_has_every_epoch() -> None:
    course = retrain(evaluated_at(()))
    assert course.epochs == [0, 1, 2, 3, 4, 5, 6]
    assert [report.epoch for report in course.reports] == course.epochs


@pytest.mark.parametrize("epochs", [None, (), (0, 4)])
def test_epochs_survive_a_record(epochs) -> None:
    trial = evaluated_at(epochs)
    result = Slot(trial).result(Status.PRUNED, "pruned")
    assert decode(encode(result, []))[0].trial == trial
