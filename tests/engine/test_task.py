"""Losses and metrics by name: each is computed as its name says, and no other name is taken."""

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from benchmark.engine import SequentialEngine, task
from benchmark.metrics import METRICS
from benchmark.study import schema as study
from benchmark.trial import DatasetProblem, Status
from tests.engine.trials import make_trial, run

RANDOM = np.random.default_rng(0)
TARGETS = RANDOM.normal(size=(12, 1)).astype("float32")
PREDICTED = RANDOM.normal(size=(12, 1)).astype("float32")
CLASSES = RANDOM.integers(0, 3, size=12).astype("int32")
LOGITS = RANDOM.normal(size=(12, 3)).astype("float32")
ORACLES = {
    "accuracy": (CLASSES, LOGITS, sklearn_metrics.accuracy_score(CLASSES, LOGITS.argmax(1))),
    "mean_absolute_error": (
        TARGETS,
        PREDICTED,
        sklearn_metrics.mean_absolute_error(TARGETS, PREDICTED),
    ),
    "mean_squared_error": (
        TARGETS,
        PREDICTED,
        sklearn_metrics.mean_squared_error(TARGETS, PREDICTED),
    ),
}


def test_the_engine_has_every_name_that_a_study_may_give():
    missing = sorted(set(METRICS) - set(ORACLES))
    assert not missing, (
        f"every metric of benchmark/metrics.py needs an independent value: add {missing} to "
        "ORACLES in tests/engine/test_task.py"
    )
    assert set(task.LOSSES) == {name for names in study.LOSSES.values() for name in names}


@pytest.mark.parametrize("name", sorted(METRICS))
def test_a_metric_is_that_of_scikit_learn(name):
    targets, outputs, expected = ORACLES[name]
    computed = float(np.asarray(task.mean_metric(name, targets, outputs)))
    assert computed == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        ({"metric": "r_squared"}, "the metric must be one of accuracy, mean_absolute_error"),
        ({"loss": "log_cosh"}, "the loss must be one of sparse_categorical_crossentropy"),
    ],
    ids=["metric", "loss"],
)
def test_an_unknown_name_fails_the_trial_instead_of_being_the_squared_error(names, sentence):
    given = {"loss": "mean_squared_error", "metric": "mean_absolute_error", **names}
    result, _ = run(SequentialEngine(), make_trial(problem=DatasetProblem("diabetes", **given)))
    assert result.status is Status.FAILED
    assert sentence in result.reason
