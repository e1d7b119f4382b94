"""`export` writes what the run holds, and `init` a study that runs."""

import tomllib
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

from benchmark.data import card_names
from benchmark.results import read_run
from benchmark.results.tables import TABLES
from benchmark.run import app
from benchmark.study.catalogue import catalogue
from benchmark.study.first import first_study
from tests.small_study import run_session


def call(*words: object) -> Any:
    return CliRunner().invoke(app, list(map(str, words)))


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    changes = ("budget={trials=2, replicates=1}", "training.epochs=1", "curvature={epochs=[1]}")
    return run_session(tmp_path_factory.mktemp("exported"), *changes).path


def test_tables_are_written_with_all_digits(path: Path, tmp_path: Path) -> None:
    tables = read_run(path)
    done = call("export", path)
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines() == [str(path / "export" / f"{name}.csv") for name in TABLES]
    assert call("export", path, "--format", "parquet", "--output", tmp_path / "a/b").exit_code == 0
    for name in TABLES:
        frame = getattr(tables, name)
        pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / f"a/b/{name}.parquet"), frame)
        written = pd.read_csv(path / "export" / f"{name}.csv", dtype=str)
        assert list(written) == list(frame) and len(written) == len(frame)
    # As text, for older versions of pandas round the last digit of the numbers that they read.
    trials = pd.read_csv(path / "export" / "trials.csv", dtype=str)
    assert list(map(float, trials["objective"])) == tables.trials["objective"].tolist()


def test_the_tables_of_the_report_are_written_for_latex(path: Path, tmp_path: Path) -> None:
    done = call("export", path, "--format", "latex", "--output", tmp_path)
    assert done.exit_code == 0, done.output
    assert "\\toprule" in (tmp_path / "optimizers.tex").read_text()


def test_where_an_export_cannot_go(path: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = call("export", path, "--output", tmp_path / "file")
    assert done.exit_code == 2 and "--output must be a folder. Received" in done.stderr


@pytest.mark.parametrize("dataset", card_names())
def test_the_first_study_of_every_dataset_is_complete(dataset: str) -> None:
    new = first_study(dataset, ("momentum", "adam"), "first", catalogue())
    content = tomllib.loads(new.text)
    assert content["problem"]["dataset"] == dataset
    assert set(content["search"]) == {"common", "momentum", "adam"}
    assert {"learning_rate", "momentum"} <= set(content["search"]["momentum"])
    assert new.text.count("#") > 8 and max(map(len, new.text.splitlines())) <= 120


def test_init_writes_a_study_and_never_over_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = call("init", "wine")
    assert done.exit_code == 0, done.output
    assert "python -m benchmark.run study studies/wine.toml" in done.stdout
    valid = call("validate", "wine")
    assert valid.exit_code == 0 and "wine: good" in valid.stdout
    again = call("init", "wine")
    assert again.exit_code == 2 and "must be new. Received studies/wine.toml" in again.stderr
    for words, sentence in (
        (["init", "wne"], "Did you mean `wine`?"),
        (["init", "iris", "--output", "iris.json"], "--output must end in .toml"),
        (["init", "iris", "--optimizer", "adm"], "Did you mean `adam`?"),
    ):
        done = call(*words)
        assert done.exit_code == 2 and sentence in done.stderr, done.output
    assert [file.name for file in Path("studies").iterdir()] == ["wine.toml"]
