"""Trials to mirror, an empty store, and what is in a store by plain SQL."""

import math
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from benchmark.trial import DatasetProblem, Report, Settings, Status, Trial, TrialResult

Record = tuple[TrialResult, list[Report]]
Make = Callable[..., Record]


@pytest.fixture(scope="session")
def make() -> Make:
    """Return a function that makes a finished trial with its reports."""
    return _make


def _make(
    number: int,
    *,
    label: str = "adam",
    status: Status = Status.COMPLETED,
    phase: Any = "search",
    replicate: int = 0,
    epochs: int = 3,
    objective: float | None = None,
    metrics: dict[str, float] | None = None,
    curvature: dict[str, float] | None = None,
) -> Record:
    trial = Trial(
        number=number,
        phase=phase,
        problem=DatasetProblem("digits"),
        model="multilayer_perceptron",
        model_options=Settings(hidden=(64,)),
        label=label,
        optimizer="adam",
        hyperparameters=Settings(learning_rate=0.001 * (number + 1), batch_size=32),
        options=Settings(sampling="shuffle"),
        epochs=epochs,
        seed=7,
        replicate=replicate,
    )
    reports = [
        Report(
            trial_number=number,
            epoch=epoch,
            step=10 * epoch,
            samples=320 * epoch,
            gradient_evaluations=10 * epoch,
            metrics=Settings({"validation_loss": 1 / (number + epoch + 1), **(metrics or {})}),
            curvature=Settings(curvature or {}),
        )
        for epoch in range(epochs + 1)
    ]
    last = float(reports[-1].metrics["validation_loss"])
    worst = last if status.is_usable else math.inf
    result = TrialResult(
        trial=trial,
        status=status,
        reason="",
        objective=worst if objective is None else objective,
        epochs=epochs,
        step=10 * epochs,
        samples=320 * epochs,
        gradient_evaluations=10 * epochs,
        metrics=Settings({**reports[-1].metrics, "test_loss": 0.25}),
        seconds=Settings(train=1.5, compile=0.5),
    )
    return result, reports


@dataclass(frozen=True)
class Store:
    """A SQLite store, read without MLflow and without the code under test."""

    file: Path

    @property
    def uri(self) -> str:
        return f"sqlite:///{self.file}"

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        connection = sqlite3.connect(self.file)
        try:
            return connection.execute(query, values).fetchall()
        finally:
            connection.close()

    def children(self) -> dict[int, tuple[str, str]]:
        """Return run identifier and status of each child that is not deleted, by trial."""
        rows = self.rows(
            "SELECT t.value, r.run_uuid, r.status FROM runs r"
            " JOIN tags t ON t.run_uuid = r.run_uuid AND t.key = 'trial'"
            " JOIN tags p ON p.run_uuid = r.run_uuid AND p.key = 'mlflow.parentRunId'"
            " WHERE r.lifecycle_stage = 'active'"
        )
        children = {int(number): (run_id, status) for number, run_id, status in rows}
        assert len(children) == len(rows), "a trial is in the store twice"
        return children

    def parents(self) -> list[tuple[str, str, str]]:
        """Return run identifier, name and status of the runs without a parent."""
        return self.rows(
            "SELECT run_uuid, name, status FROM runs WHERE lifecycle_stage = 'active'"
            " AND run_uuid NOT IN (SELECT run_uuid FROM tags WHERE key = 'mlflow.parentRunId')"
        )

    def tags(self, run_id: str) -> dict[str, str]:
        return dict(self.rows("SELECT key, value FROM tags WHERE run_uuid = ?", run_id))

    def params(self, run_id: str) -> dict[str, str]:
        return dict(self.rows("SELECT key, value FROM params WHERE run_uuid = ?", run_id))

    def curve(self, run_id: str, key: str) -> list[tuple[int, float]]:
        """Return step and value of a metric; NaN where the store marks it."""
        rows = self.rows(
            "SELECT step, value, is_nan FROM metrics WHERE run_uuid = ? AND key = ? ORDER BY step",
            run_id,
            key,
        )
        return [(step, math.nan if is_nan else value) for step, value, is_nan in rows]


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make one migrated SQLite store: its migrations take seconds, a copy takes none."""
    from benchmark.tracking.client import open_client

    file = tmp_path_factory.mktemp("empty") / "mlflow.db"
    open_client(f"sqlite:///{file}").search_experiments(max_results=1)
    return file


@pytest.fixture
def store(empty_store: Path, tmp_path: Path) -> Store:
    """Return a store of its own for each test."""
    file = tmp_path / "results" / "mlflow.db"
    file.parent.mkdir()
    shutil.copyfile(empty_store, file)
    return Store(file)
