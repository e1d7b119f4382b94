"""Losses and metrics by name: each is computed as its name says, and no other name is taken."""

import numpy as np
import pytest
from scipy.special import softmax
from sklearn import metrics as sklearn_metrics

from benchmark.engine import SequentialEngine, task
from benchmark.engine.evaluation_program import EvaluationProgram
from benchmark.engine.tiles import Shape
from benchmark.metrics import METRICS, metrics_of
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
    "balanced_accuracy": (
        CLASSES,
        LOGITS,
        sklearn_metrics.balanced_accuracy_score(CLASSES, LOGITS.argmax(1)),
    ),
    "f1": (CLASSES, LOGITS, sklearn_metrics.f1_score(CLASSES, LOGITS.argmax(1), average="macro")),
    "log_loss": (CLASSES, LOGITS, sklearn_metrics.log_loss(CLASSES, softmax(LOGITS, axis=1))),
    "r2": (TARGETS, PREDICTED, sklearn_metrics.r2_score(TARGETS, PREDICTED)),
    "root_mean_squared_error": (
        TARGETS,
        PREDICTED,
        sklearn_metrics.root_mean_squared_error(TARGETS, PREDICTED),
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


def test_classes_that_nobody_has_or_predicts_do_not_count():
    """As in scikit-learn: F1 over classes that occur, balanced accuracy over classes of rows."""
    labels, logits = np.array([0, 0, 1]), np.eye(4, dtype="float32")[[0, 2, 1]]
    predicted = logits.argmax(1)
    f1 = sklearn_metrics.f1_score(labels, predicted, average="macro")
    assert float(task.mean_metric("f1", labels, logits)) == pytest.approx(f1)
    assert float(task.mean_metric("balanced_accuracy", labels, logits)) == pytest.approx(0.75)


@pytest.mark.parametrize("predicted", [[2.0, 2.0], [2.0, 3.0]])
def test_r2_of_equal_targets_is_that_of_scikit_learn(predicted):
    targets = np.full((2, 1), 2.0, "float32")
    outputs = np.array(predicted, "float32").reshape(-1, 1)
    computed = float(task.mean_metric("r2", targets, outputs))
    assert computed == sklearn_metrics.r2_score(targets, outputs)


WHOLE = {
    "f1": lambda y, z: sklearn_metrics.f1_score(y, z.argmax(1), average="macro"),
    "balanced_accuracy": lambda y, z: sklearn_metrics.balanced_accuracy_score(y, z.argmax(1)),
    "log_loss": lambda y, z: sklearn_metrics.log_loss(y, softmax(z.astype(float), axis=1)),
    "r2": lambda y, z: sklearn_metrics.r2_score(y.astype(float), z.astype(float)),
    "root_mean_squared_error": sklearn_metrics.root_mean_squared_error,
}


@pytest.mark.parametrize("metric", WHOLE)
def test_the_evaluation_program_computes_a_metric_in_chunks(metric):
    """Over several chunks, the last of them filled up, for two trials side by side."""
    is_classification = metric in metrics_of("classification")
    dataset, loss = ("digits", "sparse_categorical_crossentropy")
    if not is_classification:
        dataset, loss = ("diabetes", "mean_squared_error")
    trial = make_trial(problem=DatasetProblem(dataset, loss=loss, metric=metric))
    task_of_trial = task.build_task(trial)
    program = EvaluationProgram(task_of_trial, Shape(1, 2))
    weights = task.starting_weights(task_of_trial, trial)
    scales = np.array([1.0, 0.5], "float32")
    stacked = [np.stack([scale * weight for scale in scales])[None] for weight in weights]
    values = program.evaluate(stacked, [], stacked, [0, 1])
    for slot, scale in enumerate(scales):
        for variable, weight in zip(task_of_trial.model.trainable_variables, weights, strict=True):
            variable.assign(scale * weight)
        for part in ("train", "validation"):
            x, y = task_of_trial.parts[part].x, task_of_trial.parts[part].y
            expected = WHOLE[metric](y, task_of_trial.model.predict(x, verbose=0))
            # float32 sums over a thousand rows
            assert values[slot][f"{part}_{metric}"] == pytest.approx(expected, rel=1e-5)


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
