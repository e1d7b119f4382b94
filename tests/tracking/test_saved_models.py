"""Raw rows into a saved model, the recorded test metric out: from the run folder and MLflow."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sklearn.datasets

from benchmark import backend
from benchmark.data import Prepared, load_dataset, prepare
from benchmark.results import is_finished, model_file, read_records
from benchmark.session.session import Session, SessionSettings
from benchmark.study.catalogue import catalogue
from benchmark.study.loading import changed_study
from benchmark.trial import DatasetProblem, TrialResult
from tests.small_study import SEQUENTIAL, engine

# MLflow and Keras use what SQLAlchemy and NumPy deprecate; nothing of ours does.
pytestmark = pytest.mark.filterwarnings("ignore:::(mlflow|keras)")
STUDY = """
question = "What does a saved model predict?"
compare = [{compare}]
[problem]
dataset = "{dataset}"
[problem.model]
{model}
[training]
epochs = 2
[search.common]
learning_rate = 0.05
batch_size = 32
[budget]
trials = 1
replicates = 0
sampler = "random"
[curvature]
trials = "none"
"""
ENTRY = '{{ label = "{label}", optimizer = "{optimizer}", scaling = "{scaling}" }}'
LINEAR = 'name = "linear"'
IMAGE = 'name = "convolutional_network"\nimage = [8, 8, 1]\nfilters = [2]\nhidden = [4]'
STUDIES = {
    "wine": (LINEAR, ["none", "standard", "min_max"]),
    "diabetes": (LINEAR, ["standard"]),
    "digits": (IMAGE, ["min_max"]),
}


@pytest.fixture
def uri(store: Any) -> Iterator[str]:
    """Point the loaders of MLflow, which know only a process-wide address, at the store."""
    import mlflow

    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(store.uri)
    yield store.uri
    mlflow.set_tracking_uri(before)


def run(folder: Path, dataset: str, uri: str | None) -> Path:
    """Run a study of one trial for each scaling; two labels differ in case alone."""
    model, scalings = STUDIES[dataset]
    entries = [
        ENTRY.format(label=f"a:{name}", optimizer="keras:SGD", scaling=name) for name in scalings
    ]
    if dataset == "wine":
        entries.append(ENTRY.format(label="A:none", optimizer="adam", scaling="none"))
    file = folder / f"{dataset}.toml"
    text = STUDY.format(compare=", ".join(entries), dataset=dataset, model=model)
    file.write_text(text, encoding="utf-8")
    backend.select(backend.name())
    changed = changed_study(str(file), [], catalogue())
    settings = SessionSettings(folder / "results", None, uri, print, SEQUENTIAL)
    session = Session.create(changed.text, changed.study, settings, "run")
    outcome = session.run([], lambda: False, engine())
    assert outcome.finished and not outcome.unsent
    return outcome.path


def prepared(result: TrialResult) -> Prepared:
    """The data of a trial."""
    problem = result.trial.problem
    assert isinstance(problem, DatasetProblem)
    return prepare(problem.dataset, problem.fractions, problem.scaling, problem.split_seed)


def check_metrics(path: Path, outputs: Any, result: TrialResult) -> None:
    """Recompute the recorded metrics of the test part in float64, from outputs for its rows."""
    data = prepared(result)
    targets = load_dataset(data.card.name).y
    truth = targets[data.test.rows]
    outputs = np.asarray(outputs, np.float64)
    if data.card.task == "classification":
        shifted = outputs - outputs.max(axis=1, keepdims=True)
        logarithms = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        loss = -logarithms[np.arange(len(truth)), truth].mean()
        metric, expected = (outputs.argmax(axis=1) == truth).mean(), "test_accuracy"
    else:
        # Metrics are of the standardised target: errors in deviations of its training part.
        errors = (outputs[:, 0] - truth) / targets[data.train.rows].std()
        loss, metric, expected = (
            (errors**2).mean(),
            np.abs(errors).mean(),
            "test_mean_absolute_error",
        )
    assert loss == pytest.approx(result.metrics["test_loss"], rel=1e-4), path
    assert metric == pytest.approx(result.metrics[expected], rel=1e-4), path


@pytest.mark.parametrize(
    "dataset", ["wine", "diabetes", pytest.param("digits", marks=pytest.mark.slow)]
)
def test_raw_rows_in_and_the_recorded_test_metric_out(
    tmp_path: Path, uri: str, store: Any, dataset: str
) -> None:
    import keras
    import mlflow

    path = run(tmp_path, dataset, uri)
    assert is_finished(path)
    raw = getattr(sklearn.datasets, f"load_{dataset}")
    bunch = raw(as_frame=True, **({"scaled": False} if dataset == "diabetes" else {}))
    logged = {
        str(label): f"models:/{model}"
        for model, label in store.rows(
            "SELECT model_id, tag_value FROM logged_model_tags WHERE tag_key = 'label'"
        )
    }
    assert store.parents()[0][2] == "FINISHED"
    results = [result for result, _ in read_records(path)]
    assert set(logged) == {result.trial.label for result in results}
    for result in results:
        label = result.trial.label
        frame = bunch.data.iloc[prepared(result).test.rows]
        saved = keras.models.load_model(model_file(path, label))
        native = mlflow.keras.load_model(logged[label])
        served = mlflow.pyfunc.load_model(logged[label])
        outputs = saved.predict(frame.to_numpy(np.float32), verbose=0)
        check_metrics(path, outputs, result)
        np.testing.assert_array_equal(
            native.predict(frame.to_numpy(np.float32), verbose=0), outputs
        )
        np.testing.assert_allclose(served.predict(frame), outputs, rtol=1e-5, atol=1e-5)
        assert served.metadata.get_input_schema().input_names() == list(bunch.data.columns)
