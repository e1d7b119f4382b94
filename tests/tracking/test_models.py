"""A logged model loads by both ways and says what it takes; runs on each Keras backend."""

import os
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchmark.tracking import LoggedModel, Tracker, Unsent
from benchmark.tracking.client import open_client
from benchmark.tracking.models import model_name

# MLflow and Keras use what SQLAlchemy and NumPy deprecate; nothing of ours does.
pytestmark = pytest.mark.filterwarnings("ignore:::(mlflow|keras)")
Make = Callable[..., Any]
EXAMPLE = np.linspace(-1.0, 1.0, 12).reshape(3, 4)
NAMES = ("length", "width", "height", "weight")


@pytest.fixture
def model() -> Any:
    """Return a small classifier with weights of its own, not compiled."""
    import keras

    layers = [keras.Input((4,)), keras.layers.Dense(5, "relu"), keras.layers.Dense(2)]
    return keras.Sequential(layers)


@pytest.fixture
def tracking_uri(store: Any) -> Iterator[str]:
    """Point the loaders of MLflow, which know only a process-wide address, at the store."""
    import mlflow

    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(store.uri)
    yield store.uri
    mlflow.set_tracking_uri(before)


def _log(uri: str, record: Any, model: Any, label: str = "adam", name: str = "run 1") -> list[str]:
    told: list[str] = []
    tracker = Tracker(uri, "study", name, told.append)
    tracker.start("")
    tracker.log_trial(*record)
    tracker.finish(
        models=[LoggedModel(label, model, EXAMPLE, record[0].trial.number, NAMES, "logits")]
    )
    unsent = tracker.close(timeout=120.0)
    assert unsent == Unsent(others=tuple(what for what in unsent.others if "model" in what))
    return told


def _models(uri: str) -> list[Any]:
    client = open_client(uri)
    return list(client.search_logged_models([client.get_experiment_by_name("study").experiment_id]))


def test_model_loads_natively_and_as_pyfunc(
    make: Make, tracking_uri: str, store: Any, model: Any
) -> None:
    import mlflow

    assert _log(tracking_uri, make(7), model) == []
    (logged,) = _models(tracking_uri)
    child = store.children()[7][0]
    assert (logged.name, str(logged.status), logged.source_run_id) == ("best adam", "READY", child)
    hidden, out = model.get_weights()[:2], model.get_weights()[2:]
    # An independent forward pass in float64.
    expected = np.maximum(EXAMPLE @ hidden[0].astype(float) + hidden[1], 0.0) @ out[0] + out[1]
    for address in (f"models:/{logged.model_id}", f"runs:/{child}/best adam"):
        native = mlflow.keras.load_model(address)
        served = mlflow.pyfunc.load_model(address)
        # float32 through two layers.
        np.testing.assert_allclose(native.predict(EXAMPLE, verbose=0), expected, atol=1e-5)
        frame = pd.DataFrame(EXAMPLE, columns=list(NAMES))
        np.testing.assert_allclose(served.predict(frame), expected, atol=1e-5)
        # Columns go by their names, not by their places.
        np.testing.assert_allclose(served.predict(frame[frame.columns[::-1]]), expected, atol=1e-5)
        with pytest.raises(mlflow.MlflowException, match="missing inputs \\['width'\\]"):
            served.predict(frame.drop(columns="width"))


def test_model_says_what_it_takes_gives_and_needs(
    make: Make, tracking_uri: str, model: Any
) -> None:
    import keras
    import mlflow

    _log(tracking_uri, make(7), model)
    (logged,) = _models(tracking_uri)
    info = mlflow.models.get_model_info(f"models:/{logged.model_id}")
    (outputs,) = info.signature.outputs.to_dict()
    assert info.signature.inputs.input_names() == list(NAMES)
    assert outputs["tensor-spec"] == {"dtype": "float32", "shape": (-1, 2)}
    folder = Path(mlflow.artifacts.download_artifacts(f"models:/{logged.model_id}"))
    backend = keras.config.backend()
    assert (folder / "requirements.txt").read_text().splitlines() == [
        f"{name}=={version(name)}" for name in ("mlflow", "keras", backend, "numpy")
    ]
    assert os.environ.get("KERAS_BACKEND", backend) == backend
    example = mlflow.models.Model.load(str(folder)).load_input_example(str(folder))
    np.testing.assert_array_equal(example.to_numpy(), EXAMPLE)
    assert list(example.columns) == list(NAMES)
    assert logged.tags["outputs"] == "logits"


def test_parent_and_child_show_the_model_as_output(
    make: Make, tracking_uri: str, store: Any, model: Any
) -> None:
    _log(tracking_uri, make(7), model)
    (logged,) = _models(tracking_uri)
    rows = store.rows("SELECT source_id, destination_id FROM inputs WHERE source_type = ?", OUTPUT)
    runs = {store.children()[7][0], store.parents()[0][0]}
    assert set(rows) == {(run, logged.model_id) for run in runs}


OUTPUT = "RUN_OUTPUT"


def test_model_is_logged_once_and_replaced_if_incomplete(
    make: Make, tracking_uri: str, model: Any
) -> None:
    _log(tracking_uri, make(7), model)
    _log(tracking_uri, make(7), model)
    (first,) = _models(tracking_uri)
    client = open_client(tracking_uri)
    client.create_logged_model(  # As a kill in the middle of logging leaves it.
        first.experiment_id, name="best sgd", source_run_id=first.source_run_id
    )
    _log(tracking_uri, make(7), model, label="sgd")
    models = {model.name: model for model in _models(tracking_uri)}
    assert len(_models(tracking_uri)) == 2
    assert models["best adam"].model_id == first.model_id
    assert str(models["best sgd"].status) == "READY"


def test_a_parent_keeps_one_model_a_label_when_the_child_is_another(
    make: Make, tracking_uri: str, store: Any, model: Any
) -> None:
    _log(tracking_uri, make(7), model)
    (first,) = _models(tracking_uri)
    # As a kill leaves it: the child is replaced, and the model's source is the old one.
    open_client(tracking_uri).update_run(store.children()[7][0], status="RUNNING")
    _log(tracking_uri, make(7), model)
    assert [model.model_id for model in _models(tracking_uri)] == [first.model_id]
    assert store.children()[7][0] != first.source_run_id
    # A resumed run found a better trial: the former best is the best no longer.
    _log(tracking_uri, make(8), model)
    (second,) = _models(tracking_uri)
    assert (second.name, second.tags["trial"]) == ("best adam", "8")
    _log(tracking_uri, make(8), model)
    assert [model.model_id for model in _models(tracking_uri)] == [second.model_id]


def test_two_labels_of_one_name_in_mlflow_keep_a_model_each(
    make: Make, tracking_uri: str, model: Any
) -> None:
    for label in ("a:b", "a_b", "a:b"):
        _log(tracking_uri, make(7), model, label=label)
    models = _models(tracking_uri)
    assert [model.name for model in models] == ["best a_b"] * 2
    assert {model.tags["label"] for model in models} == {"a:b", "a_b"}


def test_two_runs_keep_a_model_each(make: Make, tracking_uri: str, store: Any, model: Any) -> None:
    for name in ("run 1", "run 2", "run 1"):
        _log(tracking_uri, make(7), model, name=name)
    models = _models(tracking_uri)
    assert [model.name for model in models] == ["best adam"] * 2
    parents = {run_id for run_id, _, _ in store.parents()}
    assert {model.tags["kappabench.parent"] for model in models} == parents


def test_a_model_that_cannot_be_saved_is_told_and_stops_nothing(
    make: Make, tracking_uri: str, store: Any
) -> None:
    told = _log(tracking_uri, make(7), object())
    assert len(told) == 1
    assert told[0].startswith("MLflow failed on the best model of adam, which is set aside")
    # A run that is finished there has its models.
    assert store.parents()[0][2] == "KILLED"


@pytest.mark.parametrize("label", ["a/b:c", "v1.5", "50%", "it's", 'say "x"'])
def test_model_names_have_no_forbidden_character(label: str) -> None:
    # The list of mlflow.utils.validation.
    assert not set(model_name(label)) & set("/:.%\"'")
