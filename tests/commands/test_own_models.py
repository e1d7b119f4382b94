"""A study of a user's own model: named, trained, recorded and trusted only as it was."""

import json
import sys
from pathlib import Path
from typing import Any

import keras
import pytest
from typer.testing import CliRunner

from benchmark.results import read_records
from benchmark.run import app
from benchmark.study.catalogue import catalogue
from benchmark.study.loading import StudyError, changed_study
from tests import small_study
from tests.small_study import run_session

CODE = """
import keras
def build(input_shape, outputs, width=3):
    inputs = keras.Input(input_shape)
    hidden = keras.layers.Dense(width, activation="tanh")(inputs)
    return keras.Model(inputs, keras.layers.Dense(outputs)(hidden))
"""
QUICK = ("budget.trials=1", "budget.replicates=1", 'curvature.trials="none"')
LINEAR = '[problem.model]\nname = "linear"\ninitializer = "truncated_normal"\n'


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A folder with a module of the user's."""
    (tmp_path / "mine_nets.py").write_text(CODE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    yield tmp_path
    sys.modules.pop("mine_nets", None)


def name_model(monkeypatch: pytest.MonkeyPatch, model: str) -> None:
    """Let the small study train a model, named in the short form."""
    text = small_study.TEXT.replace(LINEAR, "")
    text = text.replace('dataset = "iris"', f'dataset = "iris"\nmodel = "{model}"')
    monkeypatch.setattr(small_study, "TEXT", text)


def resume(path: Path) -> str:
    (path / "summary.json").unlink()
    outcome = CliRunner().invoke(app, ["study", "--resume", str(path), "--no-tracking"])
    assert outcome.exit_code == 2, outcome.output
    return outcome.output


def test_a_function_is_trained_saved_and_recorded(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name_model(monkeypatch, "mine_nets:build")
    path = run_session(project, *QUICK).path
    facts = json.loads((path / "environment.json").read_text())
    assert facts["code"]["mine_nets:build"]["file"] == "mine_nets.py"
    saved = keras.saving.load_model(next(path.glob("best/adam.keras")))
    assert saved.output_shape == (None, 3)
    assert {result.trial.model for result, _ in read_records(path)} == {"mine_nets:build"}
    (project / "mine_nets.py").write_text(CODE + "# another\n")
    sys.modules.pop("mine_nets", None)
    output = resume(path)
    assert "recorded as mine_nets.py with the SHA-256" in output and "--trust" in output


def test_a_saved_model_lies_beside_the_study_and_must_stay_as_it_is(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = project / "questions"
    folder.mkdir()
    layers = [keras.Input((4,)), keras.layers.Dense(3)]
    keras.Sequential(layers).save(folder / "my.keras")
    name_model(monkeypatch, "my.keras")
    path = run_session(folder, *QUICK).path
    assert 'model = "questions/my.keras"' in (path / "study.toml").read_text()
    facts = json.loads((path / "environment.json").read_text())
    assert facts["code"]["questions/my.keras"]["file"] == "questions/my.keras"
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)]).save(folder / "my.keras")
    assert "the saved model of a run must be in the file" in resume(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("problem.model.name=mine_nets:built", "'mine_nets:built', which is nothing of that name"),
        ("problem.model.wdth=3", "Did you mean `width`? It stands at problem.model in"),
        ("problem.model.width=-1", "Fix that function, or give it other options. It stands at"),
        ("problem.model.name=linar", "or package.module:function, or a .keras file"),
        ("problem.model.name=your.keras", "Put it beside the study file"),
    ],
)
def test_a_wrong_model_is_refused_before_training(project: Path, change: str, message: str) -> None:
    text = small_study.TEXT.replace('"linear"', '"mine_nets:build"')
    (project / "own.toml").write_text(text)
    with pytest.raises(StudyError) as caught:
        changed_study("own.toml", [change], catalogue())
    assert message in str(caught.value)
