"""`validate` and `study` load the data of a study before anything is trained or written."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from typer.testing import CliRunner

from benchmark.data import checksum_of, split_rows
from benchmark.run import app
from benchmark.trial import named_seed
from tests.source_tree import ROOT

STUDY = """
question = "Which one?"
compare = ["sgd"]
[problem]
dataset = "{dataset}"
[budget]
trials = 1
"""
CARD = """
title = "Made up"
description = "Ten rows of two numbers."
task = "{task}"
samples = {samples}
features = {features}
classes = {classes}
checksum = "{checksum}"
licence = "CC0-1.0"
source = "https://example.org"
[loader]
kind = "{kind}"
path = "{path}"
"""
X = np.arange(20.0).reshape(10, 2)
Y = np.array([0, 1] * 5)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "datasets").mkdir()
    return tmp_path


def write_dataset(folder, x=X, y=Y, checksum=None, file="made_up.npz", **more):
    facts = {"task": "classification", "samples": 10, "features": 2, "classes": 2, **more}
    card = CARD.format(kind="npz", path=file, checksum=checksum or checksum_of(x, y), **facts)
    (folder / "datasets" / "made_up.toml").write_text(card, encoding="utf-8")
    np.savez(folder / "datasets" / "made_up.npz", x=x, y=y)
    (folder / "made_up.toml").write_text(STUDY.format(dataset="made_up"), encoding="utf-8")


def call(*arguments):
    return CliRunner().invoke(app, [*arguments])


def with_value(array, value):
    changed = np.array(array, dtype=float)
    changed.flat[3] = value
    return changed


FAULTS = {
    "missing value": ({"x": with_value(X, np.nan)}, "all inputs must be finite", "1 values"),
    "infinite value": ({"x": with_value(X, np.inf)}, "all inputs must be finite", "1 values"),
    "too large for float32": ({"x": with_value(X, 1e39)}, "all inputs must be finite", "1 values"),
    "rows": ({"samples": 11}, "the data must have the shapes (11, 2)", "(10, 2)"),
    "features": ({"features": 3}, "the data must have the shapes (10, 3)", "(10, 2)"),
    "classes": ({"classes": 3}, "the target must have the 3 classes", "2 different"),
    "row without a class": (
        {"y": with_value(Y, np.nan)},
        "every row must have a class",
        "1 rows",
    ),
    "target of one value": (
        {"y": np.full(10, 2.5), "task": "regression", "classes": 0},
        "the target must take more than one value",
        "2.5 in all 10 rows",
    ),
    "missing target": (
        {"y": with_value(Y, np.nan), "task": "regression", "classes": 0},
        "all targets must be finite",
        "1 values",
    ),
    "checksum": ({"checksum": "f" * 64}, "the data must have the checksum", "restore them"),
    "file": ({"file": "gone.npz"}, "path must be a file", "gone.npz"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_dataset_that_cannot_be_loaded_is_refused(folder, fault):
    changes, rule, received = FAULTS[fault]
    write_dataset(folder, **changes)
    validated = call("validate", "made_up.toml")
    assert validated.exit_code == 2
    assert "good" not in validated.output
    for part in (rule, received, "made_up"):
        assert part in validated.output, validated.output
    assert rule in json.loads(call("validate", "made_up.toml", "--json").stdout)["made_up.toml"][0]
    # The framework is not imported, and there is no run folder.
    studied = call("study", "made_up.toml", "--no-tracking")
    assert studied.exit_code == 2
    assert rule in studied.output
    assert not (folder / "results").exists()


def test_a_training_part_of_one_value_is_refused(folder):
    y = np.zeros(10)
    *_, test = split_rows(10, (0.6, 0.2, 0.2), named_seed(0, "split"))
    y[test[0]] = 1.0
    write_dataset(folder, y=y, task="regression", classes=0)
    result = call("validate", "made_up.toml")
    assert result.exit_code == 2
    assert "more than one value in the training part. Received 0 in all 6" in result.output


def test_all_studies_of_a_command_are_refused_for_the_data_of_one(folder):
    write_dataset(folder, samples=11)
    result = call("study", "quickstart", "made_up.toml", "--no-tracking")
    assert result.exit_code == 2
    assert "the data must have the shapes" in result.output
    assert not (folder / "results").exists()


def test_good_data_are_good(folder):
    write_dataset(folder)
    result = call("validate", "made_up.toml")
    assert result.exit_code == 0
    assert "made_up.toml: good" in result.output


def test_validate_loads_data_without_a_framework():
    program = (
        "import sys; from typer.testing import CliRunner; from benchmark.run import app\n"
        "assert CliRunner().invoke(app, ['validate', 'quickstart']).exit_code == 0\n"
        "heavy = {'keras', 'tensorflow', 'jax', 'optuna', 'mlflow', 'plotly'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "assert CliRunner().invoke(app, ['validate', 'contours']).exit_code == 0\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=os.environ, check=False)
    assert done.returncode == 0
