"""A study small enough to be run many times, and how to run it in this process."""

import os
from functools import cache
from pathlib import Path

import pandas as pd

from benchmark import backend
from benchmark.engine import EngineChoice, SequentialEngine
from benchmark.session.session import Outcome, Session, SessionSettings
from benchmark.study.catalogue import catalogue
from benchmark.study.loading import changed_study
from tests.source_tree import ROOT

TEXT = """
question = "Which of the two trains softmax regression on iris better?"
compare = ["momentum", "adam"]
seed = 5

[problem]
dataset = "iris"

[problem.model]
name = "linear"
initializer = "truncated_normal"

[training]
epochs = 3

[search.common]
batch_size = { choices = [16, 32] }
global_clipnorm = { low = 0.1, high = 10.0, log = true }
fuzz = { low = 0.01, high = 1.0, log = true }

[search.momentum]
learning_rate = { low = 1e-3, high = 1.0, log = true }
momentum = { low = 0.0, high = 0.99 }

[search.adam]
learning_rate = { low = 1e-4, high = 1e-1, log = true }

[budget]
trials = 6
replicates = 2
pruner = "median"
warmup_epochs = 1

[curvature]
epochs = [0, 3]
"""
TRIALS = 2 * (6 + 2)
SEQUENTIAL = EngineChoice("sequential")


def write_study(folder: Path) -> Path:
    """Write the study as ``small.toml`` into a folder."""
    folder.mkdir(exist_ok=True)
    path = folder / "small.toml"
    path.write_text(TEXT, encoding="utf-8")
    return path


def open_session(
    folder: Path,
    *changes: str,
    storage: str | None = None,
    engine: EngineChoice = SEQUENTIAL,
) -> Session:
    """Make a new run of the study below ``folder/results``, without MLflow."""
    backend.select(backend.name())
    changed = changed_study(str(write_study(folder)), changes, catalogue())
    settings = session_settings(folder, storage, engine)
    return Session.create(changed.text, changed.study, settings, None)


def session_settings(
    folder: Path, storage: str | None = None, engine: EngineChoice = SEQUENTIAL
) -> SessionSettings:
    """Settings of a session below a folder, without MLflow."""
    return SessionSettings(folder / "results", storage, None, print, engine)


@cache
def engine() -> SequentialEngine:
    """One engine for all runs, since compiling takes longer than training this study.

    That a result does not depend on what an engine trained before is tested in
    ``tests/engine`` with fresh engines.
    """
    return SequentialEngine()


def run_session(folder: Path, *changes: str, storage: str | None = None) -> Outcome:
    """Run the study to its end."""
    return open_session(folder, *changes, storage=storage).run([], lambda: False, engine())


def tables_of(path: Path) -> dict[str, pd.DataFrame]:
    """The tables that must be equal between two runs: wall-clock columns are left out."""
    tables = {
        name: pd.read_parquet(path / f"{name}.parquet")
        for name in ("trials", "curves", "curvature", "spectra")
    }
    clocks = [column for column in tables["trials"] if str(column).startswith("seconds")]
    tables["trials"] = tables["trials"].drop(columns=clocks)
    return tables


def program_environment(**more: str) -> dict[str, str]:
    """Return the environment variables of a process that runs the program of this checkout."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **more}


def assert_mlflow_has_every_trial_once(folder: Path, trials: pd.DataFrame) -> None:
    """Assert that the store of a folder has one finished run, each trial once, and the models."""
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{folder / 'results' / 'mlflow.db'}")
    (experiment,) = client.search_experiments(filter_string="name = 'small'")
    runs = client.search_runs([experiment.experiment_id], max_results=200)
    by_kind = {
        kind: [run for run in runs if run.data.tags["kind"] == kind]
        for kind in ("study", "optimizer", "trial")
    }
    (study,) = by_kind["study"]
    assert {run.info.status for run in (study, *by_kind["optimizer"])} == {"FINISHED"}
    optimizers = {run.data.tags["label"]: run.info.run_id for run in by_kind["optimizer"]}
    assert sorted(optimizers) == ["adam", "momentum"] and len(by_kind["optimizer"]) == 2
    for run in by_kind["optimizer"]:
        assert run.data.tags["mlflow.parentRunId"] == study.info.run_id
    for run in by_kind["trial"]:
        assert run.data.tags["mlflow.parentRunId"] == optimizers[run.data.tags["label"]]
    numbers = sorted(int(run.data.tags["trial"]) for run in by_kind["trial"])
    assert numbers == trials["number"].tolist()
    models = client.search_logged_models([experiment.experiment_id])
    assert sorted(model.name for model in models) == ["best adam", "best momentum"]
    assert {str(model.status) for model in models} == {"READY"}
