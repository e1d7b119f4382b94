"""Best models take raw rows by column name, and answer in the dataset's own words and unit."""

import json
import shutil
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes, load_iris
from sklearn.preprocessing import StandardScaler
from typer.testing import CliRunner

from benchmark import load_run
from benchmark.data import prepare
from benchmark.prediction.best_model import load_best_model
from benchmark.prediction.files import read_rows
from benchmark.prediction.signature import PredictionError, Signature
from benchmark.results import load_weights, model_file, read_records
from benchmark.run import app
from benchmark.trial import DatasetProblem
from tests.small_study import run_session

FEW = (
    "budget={trials=1, replicates=0}",
    'curvature={trials="none"}',
    "training.epochs=1",
)
REGRESSION = ('problem.dataset="diabetes"', 'problem.loss="mean_squared_error"')


@pytest.fixture(scope="module")
def iris_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_session(tmp_path_factory.mktemp("iris"), *FEW).path


@pytest.fixture(scope="module")
def diabetes_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_session(tmp_path_factory.mktemp("diabetes"), *FEW, *REGRESSION).path


@pytest.fixture
def copy(iris_run: Path, tmp_path: Path) -> Path:
    """A copy of the run on iris, to be damaged."""
    return Path(shutil.copytree(iris_run, tmp_path / "results" / "small" / iris_run.name))


def linear_outputs(path: Path, number: int, raw: Any) -> tuple[Any, Any]:
    """What a linear model of a run computes by NumPy, and the data that it was trained on."""
    (trial,) = (r.trial for r, _ in read_records(path) if r.trial.number == number)
    problem = trial.problem
    assert isinstance(problem, DatasetProblem)
    data = prepare(problem.dataset, problem.fractions, problem.scaling, problem.split_seed)
    scaled = StandardScaler().fit(raw[data.train.rows]).transform(raw)
    kernel, bias = load_weights(path, number)
    return scaled @ kernel + bias, data


def test_classes_and_probabilities_are_those_of_the_weights(iris_run: Path) -> None:
    iris = load_iris(as_frame=True)
    best = load_best_model(iris_run, "adam")
    logits, _ = linear_outputs(iris_run, best.trial, iris.data.to_numpy())
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    frame = iris.data.rename(index=lambda row: f"flower {row}").assign(note="ignored")
    predictions = best.predict(frame[frame.columns[::-1]])
    names = list(iris.target_names)
    assert list(predictions) == ["prediction", *(f"probability_{name}" for name in names)]
    np.testing.assert_allclose(predictions.iloc[:, 1:], expected, atol=1e-6)
    assert predictions["prediction"].tolist() == [names[i] for i in logits.argmax(axis=1)]
    assert predictions.index[3] == "flower 3"
    by_position = best.predict(iris.data.to_numpy())
    np.testing.assert_array_equal(by_position, predictions)
    assert best.predict(frame.iloc[:0]).shape == (0, 4)


def test_a_regression_answers_in_the_unit_of_the_target(diabetes_run: Path) -> None:
    diabetes = load_diabetes(as_frame=True, scaled=False)
    best = load_run(diabetes_run).best_model()
    outputs, data = linear_outputs(diabetes_run, best.trial, diabetes.data.to_numpy())
    expected = outputs[:, 0] * data.target_deviation + data.target_mean
    predictions = best.predict(diabetes.data)
    assert list(predictions) == ["prediction"]
    np.testing.assert_allclose(predictions["prediction"], expected, rtol=1e-4)


SIGNATURE = Signature(("a", "b"), "c", ("no", "yes"))


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        (pd.DataFrame({"a": [1.0], "bb": [2.0]}), "no column b, but a, bb. .*Did you mean `bb`?"),
        (pd.DataFrame([[1, 2, 3]], columns=["a", "b", "b"]), "once. Received 'b' 2 times"),
        (pd.DataFrame({"a": [1, 2], "b": [3, None]}), "column b must be a finite .*nan in row 2"),
        (pd.DataFrame({"a": ["1", "x"], "b": [3, 4]}), "column a .* Received 'x' in row 2"),
        (pd.DataFrame({"a": [1e39], "b": [3]}), "column a must be a finite number"),
        (np.zeros((3, 3)), r"the shape \(rows, 2\). Received \(3, 3\)"),
        (np.zeros(2), r"Received \(2,\). Its columns are a, b in this order"),
        ([[1, 2], [3]], "the rows must be a table"),
    ],
)
def test_rows_that_do_not_fit_are_refused(rows: Any, sentence: str) -> None:
    with pytest.raises(PredictionError, match=sentence):
        SIGNATURE.inputs(rows)


def test_numbers_written_as_text_or_true_and_false_are_numbers() -> None:
    rows = pd.DataFrame({"b": [True, False], "a": ["1.5", "2"]})
    np.testing.assert_array_equal(SIGNATURE.inputs(rows), [[1.5, 1.0], [2.0, 0.0]])


def test_what_a_run_lacks_is_named_with_the_way_on(copy: Path) -> None:
    with pytest.raises(PredictionError, match=r"must be one of .*Received 'adan'.*`adam`"):
        load_best_model(copy, "adan")
    file = model_file(copy, "adam")
    file.write_bytes(b"no archive")
    with pytest.raises(PredictionError, match=r"that Keras can load.*study --resume"):
        load_best_model(copy, "adam")
    file.unlink()
    with pytest.raises(PredictionError, match=r"has no file best/adam.keras. .*study --resume"):
        load_best_model(copy, "adam")
    (copy / "summary.json").unlink()
    with pytest.raises(PredictionError, match=r"must be finished.*study --resume"):
        load_best_model(copy)


def test_a_model_file_runs_no_code(copy: Path, tmp_path: Path) -> None:
    file = model_file(copy, "adam")
    with ZipFile(file) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    configuration = json.loads(content["config.json"])
    configuration["config"]["layers"][1] |= {"module": "evil", "class_name": "Layer"}
    content["config.json"] = json.dumps(configuration).encode()
    with ZipFile(file, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    (tmp_path / "evil.py").write_text("raise SystemExit('executed')\n")
    with pytest.raises(ValueError, match="Received 'evil:Layer'"):
        load_run(copy).best_model("adam")


def test_the_command_writes_what_the_model_predicts(
    iris_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = load_iris(as_frame=True).data.iloc[::25]
    rows.to_csv("rows.csv", index=False)
    rows.to_parquet("rows.parquet")
    expected = load_best_model(iris_run, "momentum").predict(rows.reset_index(drop=True))

    def call(*words: str) -> Any:
        return CliRunner().invoke(app, ["predict", str(iris_run), *words, "--label", "momentum"])

    printed = call("rows.csv")
    assert printed.exit_code == 0, printed.output
    assert printed.stdout.splitlines()[0].startswith("prediction,probability_setosa")
    assert "6 predictions by the best model of momentum, trial " in printed.stderr
    for name in ("out.csv", "out.tsv", "out.parquet"):
        done = call("rows.parquet", "--output", name)
        assert done.exit_code == 0 and name in done.stdout, done.output
        pd.testing.assert_frame_equal(read_rows(Path(name)), expected)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["no.csv"], "ROWS must be a file. Received no.csv"),
        (["rows.xlsx"], "ROWS must end in .csv, .tsv or .parquet. Received rows.xlsx"),
        (["empty.csv"], "must be readable as csv. Received empty.csv: "),
        (["rows.csv", "--output", "rows.csv"], "--output must not be the file of the rows"),
        (["rows.csv", "--output", "no/out.csv"], "the folder of --output must be there"),
        (["rows.csv"], "Received no column sepal length (cm)"),
    ],
)
def test_bad_input_of_the_command(
    iris_run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    sentence: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("rows.csv").write_text("a,b\n1,2\n")
    Path("empty.csv").write_text("")
    done = CliRunner().invoke(app, ["predict", str(iris_run), *words])
    assert done.exit_code == 2, done.output
    assert sentence in done.stderr
