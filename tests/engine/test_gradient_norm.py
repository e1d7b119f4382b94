"""When the norm of the whole gradient is taken, and that it changes nothing."""

from dataclasses import replace

import numpy as np
import pytest

from benchmark.engine import SequentialEngine, VectorizedEngine
from benchmark.engine.slots import Slot
from benchmark.engine.tiles import Shape
from benchmark.results.records import decode, encode
from benchmark.trial import CurvatureRequest, Report, Status, Trial
from tests.engine.trials import make_trial, run, run_all

ENGINES = [SequentialEngine, lambda: VectorizedEngine(capacity=4)]


def due_at(trial: Trial, epochs: tuple[int, ...] | None) -> Trial:
    return replace(trial, curvature=CurvatureRequest(gradient_norm_epochs=epochs))


def epochs_with_norm(reports: list[Report]) -> list[int]:
    return [report.epoch for report in reports if "gradient_norm" in report.metrics]


@pytest.mark.parametrize("make_engine", ENGINES)
@pytest.mark.parametrize(
    ("epochs", "expected"),
    [
        (None, [0, 1, 2, 3, 4, 5]),
        ((0, 2), [0, 2, 5]),  # and the one with which the trial ends
        ((), []),
    ],
)
def test_norm_is_taken_at_its_epochs(make_engine, epochs, expected) -> None:
    result, reports = run(make_engine(), due_at(make_trial(epochs=5), epochs))
    assert epochs_with_norm(reports) == expected
    assert ("gradient_norm" in result.metrics) == (5 in expected)


@pytest.mark.parametrize("make_engine", ENGINES)
def test_norm_is_taken_where_the_stopping_rule_ends_a_trial(make_engine) -> None:
    settings = {"learning_rate": 0.1, "batch_size": 32, "tolerance": 1e9}
    trial = due_at(make_trial(epochs=9, hyperparameters=settings), (0,))
    result, reports = run(make_engine(), trial)
    assert result.status is Status.CONVERGED
    assert epochs_with_norm(reports) == [0, 1]


@pytest.mark.parametrize("make_engine", ENGINES)
def test_norm_is_taken_at_every_epoch_where_it_is_the_objective(make_engine) -> None:
    trial = due_at(make_trial(epochs=3, objective="gradient_norm"), ())
    result, reports = run(make_engine(), trial)
    assert epochs_with_norm(reports) == [0, 1, 2, 3]
    assert result.objective == reports[-1].metrics["gradient_norm"]


@pytest.mark.parametrize("shape", [Shape(2, 2), Shape(1, 4)])
def test_norms_of_neighbours_change_no_other_number(shape) -> None:
    """Bit for bit: in one tile some norms are due and others are not."""
    chosen = [None, (0, 3), (2,), (), None, ()]
    trials = [due_at(make_trial(number), epochs) for number, epochs in enumerate(chosen)]
    together = run_all(VectorizedEngine(capacity=6, shape=shape), trials)
    alone = run_all(VectorizedEngine(capacity=6, shape=shape), [make_trial(0)])
    everything = [dict(report.metrics) for report in alone[0][1]]
    for number, epochs in enumerate(chosen):
        result, reports = together[number]
        for report, all_metrics in zip(reports, everything, strict=True):
            metrics = dict(report.metrics)
            is_last = report.epoch == 3 and bool(epochs)
            assert ("gradient_norm" in metrics) == (
                epochs is None or report.epoch in epochs or is_last
            )
            assert metrics == {name: all_metrics[name] for name in metrics}
        for weights, others in zip(result.weights, alone[0][0].weights, strict=True):
            np.testing.assert_array_equal(weights, others)


def test_infinite_norm_is_divergence() -> None:
    slot = Slot(make_trial(), epoch=1, initial_loss=1.0)
    metrics = {"train_loss": 1.0, "update_norm": 1.0, "gradient_norm": np.inf}
    status, reason = slot.evaluate(metrics)
    assert status is Status.DIVERGED
    assert reason == "gradient_norm was not finite after epoch 1"


@pytest.mark.parametrize("epochs", [None, (), (0, 4)])
def test_epochs_survive_a_record(epochs) -> None:
    trial = due_at(make_trial(), epochs)
    result = Slot(trial).result(Status.PRUNED, "pruned")
    assert decode(encode(result, []))[0].trial == trial
