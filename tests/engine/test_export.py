"""A saved model takes raw features: it equals scikit-learn's scaler before plain arithmetic."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from benchmark.data import Prepared, prepare
from benchmark.engine import exported_model
from benchmark.models import build_model
from benchmark.trial import DatasetProblem, Settings, Trial

ROWS = 40
SCALERS: dict[str, Callable[[], Any]] = {"standard": StandardScaler, "min_max": MinMaxScaler}
rng = np.random.default_rng(3)
# A constant column, a tiny deviation, a large offset, a column like any other.
RAW = np.stack(
    [
        np.full(ROWS, 7.25),
        3e-9 * rng.normal(size=ROWS),
        1000 + rng.normal(size=ROWS),
        rng.normal(size=ROWS),
    ],
    axis=1,
)
TARGET = 50 + 20 * rng.normal(size=ROWS)


@pytest.fixture
def card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A card of a dataset whose columns are awkward, in the current folder."""
    (tmp_path / "datasets").mkdir()
    np.savez(tmp_path / "datasets" / "table.npz", x=RAW, y=TARGET)
    monkeypatch.chdir(tmp_path)
    from benchmark.data import checksum_of

    Path("datasets/awkward.toml").write_text(
        'title = "A"\ndescription = "A."\ntask = "regression"\nsamples = 40\nfeatures = 4\n'
        f'checksum = "{checksum_of(RAW, TARGET)}"\nlicence = "CC0-1.0"\nsource = "here"\n'
        '[loader]\nkind = "npz"\npath = "table.npz"\ninputs = "x"\ntarget = "y"\n',
        encoding="utf-8",
    )
    return "awkward"


def prepared(trial: Trial) -> Prepared:
    """The data of a trial."""
    problem = trial.problem
    assert isinstance(problem, DatasetProblem)
    return prepare(problem.dataset, problem.fractions, problem.scaling, problem.split_seed)


def trial_on(dataset: str, scaling: str, model: str = "linear", **options: Any) -> Trial:
    """A trial that trains a model on a dataset."""
    loss = "mean_squared_error" if dataset == "awkward" else "sparse_categorical_crossentropy"
    problem = DatasetProblem(dataset, scaling=scaling, loss=loss)
    none, rate = Settings(), Settings(learning_rate=0.1)
    return Trial(0, "search", problem, model, Settings(options), "sgd", "sgd", rate, none, 1, 0)


@pytest.mark.parametrize("scaling", ["none", "standard", "min_max"])
def test_raw_rows_give_what_scikit_learn_and_numpy_give(card: str, scaling: str) -> None:
    trial = trial_on(card, scaling)
    weights = [np.array([[0.5], [-1.5], [2.0], [1.0]]), np.array([0.25])]
    exported = exported_model(trial, weights)
    data = prepared(trial)
    train = data.train.rows
    scaled = SCALERS[scaling]().fit(RAW[train]).transform(RAW) if scaling in SCALERS else RAW
    mean, deviation = TARGET[train].mean(), TARGET[train].std()
    expected = (scaled @ weights[0] + weights[1]) * deviation + mean
    predicted = exported.model.predict(RAW.astype(np.float32), verbose=0)
    # float32: 1000 + x keeps x to 6e-5, and there are sums up to 1e4.
    np.testing.assert_allclose(predicted, expected, rtol=1e-5, atol=1e-2)
    assert exported.features == ("x0", "x1", "x2", "x3")
    assert exported.outputs == "the target in the dataset's own unit"
    assert exported.notice == ""
    np.testing.assert_array_equal(exported.example, RAW[data.validation.rows[:5]])


def test_a_feature_too_coarse_for_single_precision_is_named(
    card: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = trial_on(card, "standard")
    weights = [np.ones((4, 1)), np.zeros(1)]
    monkeypatch.setattr("benchmark.engine.export.COARSE", 1e-6)
    notice = exported_model(trial, weights).notice
    assert notice.startswith("The saved model of sgd computes in single precision")
    assert "the feature x2: its values lie around 999." in notice


def test_a_convolutional_model_of_every_option_is_made_of_keras_layers_alone(
    tmp_path: Path,
) -> None:
    options = {"batch_normalization": True, "dropout": 0.5, "filters": [2], "image": [8, 8, 1]}
    trial = trial_on("digits", "min_max", "convolutional_network", **options)
    model = build_model("convolutional_network", (64,), 10, options)
    weights = [*model.trainable_variables]
    weights += [
        variable for variable in model.non_trainable_variables if "float" in str(variable.dtype)
    ]
    exported = exported_model(trial, [np.asarray(variable.value) for variable in weights])
    file = tmp_path / "best.keras"
    exported.model.save(file)
    with zipfile.ZipFile(file) as archive:
        config = json.loads(archive.read("config.json"))
    modules, registered = set(_values(config, "module")), set(_values(config, "registered_name"))
    assert {str(name).split(".")[0] for name in modules} <= {"keras", "builtins", "None"}
    assert not [name for name in registered if name and ">" in name], "known to no other program"
    loaded = keras.models.load_model(file)
    assert loaded.input_shape == (None, 64) and loaded.output_shape == (None, 10)
    rows = np.floor(np.random.default_rng(0).uniform(0, 17, (6, 64))).astype(np.float32)
    data = prepared(trial)
    scaled = (rows - data.input_offset) / data.input_divisor
    np.testing.assert_allclose(
        loaded.predict(rows, verbose=0), model.predict(scaled, verbose=0), atol=1e-4
    )


def _values(config: Any, key: str) -> list[Any]:
    """All values of a key, at any depth."""
    if isinstance(config, dict):
        direct = [config[key]] if key in config else []
        return direct + [value for item in config.values() for value in _values(item, key)]
    if isinstance(config, list):
        return [value for item in config for value in _values(item, key)]
    return []
