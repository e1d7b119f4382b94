"""What is written into MLflow's file at once, against what MLflow itself writes."""

import math
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmark.tracking import TrackedDataset, Tracker, Unsent
from benchmark.tracking.child import ChildRun, Point, child_run
from benchmark.tracking.client import open_client
from benchmark.tracking.embedded import EmbeddedStore
from benchmark.tracking.mlflow_internals import COLUMNS
from benchmark.trial import Status

# MLflow uses what SQLAlchemy 2.1 deprecates; nothing of ours does.
pytestmark = pytest.mark.filterwarnings("ignore:::mlflow")
Make = Callable[..., Any]
DATASET = TrackedDataset("digits", "here", np.zeros((9, 4)), np.zeros(9, np.int32), "c0ffee")


def _send(store: Any, records: Any, **finish: Any) -> None:
    tracker = Tracker(store.uri, "study", "run 1", lambda _: None)
    tracker.start("question = 'which?'\n", {"question": "which?"}, DATASET)
    tracker.mirror(records)
    tracker.finish(**finish)
    assert tracker.close(timeout=60.0) == Unsent()


def _child(make: Make, number: int) -> ChildRun:
    result, reports = make(number)
    return child_run(result, reports, end_time=1000)


def _content(store: Any) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table that runs have, with names in the place of random identifiers."""
    names = dict(store.rows("SELECT run_uuid, name FROM runs"))
    names |= dict(store.rows("SELECT dataset_uuid, name FROM datasets"))
    inputs = store.rows("SELECT input_uuid, destination_id FROM inputs")
    names |= {input_id: f"input of {names[run]}" for input_id, run in inputs}
    clocks = ("start_time", "end_time", "timestamp")

    def plain(column: str, value: Any) -> Any:
        if column in clocks:  # The two were not sent at the same time.
            return value is not None
        if not isinstance(value, str):
            return value
        for identifier, name in names.items():
            value = value.replace(identifier, name)
        return value.replace(str(store.file.parent), "results")

    content = {}
    for table in COLUMNS:
        columns = [row[1] for row in store.rows(f"PRAGMA table_info({table})")]
        rows = [
            tuple(plain(*cell) for cell in zip(columns, row, strict=True))
            for row in store.rows(f"SELECT * FROM {table}")
        ]
        content[table] = sorted(rows, key=repr)
    return content


def test_every_row_is_the_one_that_mlflow_writes(
    make: Make, store: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = [
        make(0, curvature={"lambda_max": 4.0}),
        make(1, label="sgd", status=Status.DIVERGED, metrics={"train_loss": math.inf}),
        make(2, status=Status.PRUNED, metrics={"update_norm": 5e-324, "huge": 1.7e308}),
        make(3, phase="replicate", replicate=1, epochs=30, metrics={"a colon: here": 0.1}),
    ]
    other = type(store)(tmp_path / "other" / "mlflow.db")
    other.file.parent.mkdir()
    shutil.copyfile(store.file, other.file)
    _send(store, records)
    monkeypatch.setattr(EmbeddedStore, "open", lambda *_: None)
    _send(other, records)
    content, expected = _content(store), _content(other)
    assert len(expected["metrics"]) > 100
    for table, rows in expected.items():
        assert content[table] == rows, table


def test_trials_cost_the_same_statements_however_many_there_are(
    make: Make, store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    statements: list[str] = []
    connect = sqlite3.connect

    def traced(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*arguments, **options)
        connection.set_trace_callback(statements.append)
        return connection

    _send(store, [])
    opened = EmbeddedStore.open(store.file, store.parents()[0][0])
    assert opened is not None
    monkeypatch.setattr(sqlite3, "connect", traced)
    counts = []
    for number in range(0, 200, 5):
        statements.clear()
        children = [_child(make, number + i) for i in range(5)]
        opened.write(children, {}, [Point("trials_done", number, number)], 1000)
        counts.append(len(statements))
        assert statements.count("COMMIT") == 1
    assert len(store.rows("SELECT 1 FROM runs")) == 1 + 200
    # Pragma, begin, five runs, the parent's inputs and their tags, seven tables, commit.
    assert set(counts) == {16}


def test_an_unknown_schema_is_left_to_mlflow(make: Make, store: Any) -> None:
    assert EmbeddedStore.open(store.file, "any") is not None
    connection = sqlite3.connect(store.file)
    connection.execute("ALTER TABLE runs ADD COLUMN remark VARCHAR(9)")
    assert EmbeddedStore.open(store.file, "any") is not None
    connection.execute("ALTER TABLE runs RENAME COLUMN source_version TO version_of_source")
    connection.commit()
    connection.close()
    assert EmbeddedStore.open(store.file, "any") is None


def test_a_child_of_a_deleted_parent_is_refused_and_nothing_of_it_stays(
    make: Make, store: Any
) -> None:
    _send(store, [])
    parent = store.parents()[0][0]
    opened = EmbeddedStore.open(store.file, parent)
    assert opened is not None
    children = [_child(make, number) for number in range(2)]
    opened.write(children, {}, [], 1000)
    before = _content(store)
    open_client(store.uri).delete_run(parent)
    with pytest.raises(LookupError, match="was deleted"):
        opened.write(children, {}, [], 1000)
    after = _content(store)
    assert {table: len(rows) for table, rows in after.items()} == {
        table: len(rows) for table, rows in before.items()
    }
