"""Finished trials into MLflow's own SQLite file: many of them in one transaction."""

import math
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

from benchmark.tracking.child import ChildRun, Point
from benchmark.tracking.mlflow_internals import (
    COLUMNS,
    INPUTS_OF_RUN,
    INSERT_CHILD,
    NAME_TAG,
    REPLACE_EARLIER_METRIC,
    TAGS_OF_INPUT,
)

BUSY_SECONDS = 20.0  # MLflow's own patience with another writer.
ROWS = 400  # 6 values each stay below SQLite's 32,766 variables a statement.
Row = tuple[Any, ...]


class EmbeddedStore:
    """Writes children of one parent run as MLflow's SQLite store would, without its queries.

    MLflow spends 30 ms of Python on a trial, most of it on objects for single rows and
    on asking for rows that cannot be there yet, and waits for the disk six times. Here
    a transaction of a few statements holds all trials that wait, and a child that is in
    the file is whole. What has to agree with MLflow (where artifacts lie, how a run's
    origin is named) is copied from the parent, which MLflow itself has written.

    Args:
        file: the SQLite file.
        parent_id: the parent run.
    """

    def __init__(self, file: Path, parent_id: str) -> None:
        self._file = file
        self._parent_id = parent_id

    @classmethod
    def open(cls, file: Path, parent_id: str) -> Self | None:
        """Return the store where its schema is the one that is known here, else nothing.

        A table may have further columns if a row may leave them out.
        """
        store = cls(file, parent_id)
        with store._transaction() as connection:
            for table, columns in COLUMNS.items():
                about = connection.execute(f"PRAGMA table_info({table})").fetchall()
                known = {name for _, name, *_ in about}
                needed = {name for _, name, _, must, default, _ in about if must and not default}
                if not needed <= set(columns) <= known:
                    return None
        return store

    def write(
        self,
        children: Sequence[ChildRun],
        tags: Mapping[str, str],
        points: Sequence[Point],
        now: int,
    ) -> list[str]:
        """Write finished children, and the parent's live metrics, all or nothing.

        Args:
            children: the children.
            tags: tags of each of them beside its own.
            points: metrics of the parent.
            now: their time, in milliseconds of Unix time.

        Returns:
            The identifiers of the children.

        Raises:
            LookupError: parent or experiment were deleted.
            sqlite3.Error: the file cannot be written.
        """
        named = [(uuid4().hex, child) for child in children]
        with self._transaction() as connection:
            self._write_runs(connection, named)
            _insert(connection, "tags", _tag_rows(named, tags))
            _insert(
                connection,
                "params",
                [(run, *param) for run, child in named for param in child.params.items()],
            )
            self._write_inputs(connection, [run for run, _ in named])
            metrics = [
                _metric_row(run, point, child.end_time)
                for run, child in named
                for point in child.points
            ]
            metrics += [_metric_row(self._parent_id, point, now) for point in points]
            # As in MLflow, a value that is there already is no mistake.
            _insert(connection, "metrics", metrics, "ON CONFLICT DO NOTHING")
            _insert(connection, "latest_metrics", _latest(metrics), REPLACE_EARLIER_METRIC)
        return [run for run, _ in named]

    def _write_runs(
        self, connection: sqlite3.Connection, named: Iterable[tuple[str, ChildRun]]
    ) -> None:
        for run, child in named:
            values = (run, child.name, child.status, child.start_time, child.end_time)
            done = connection.execute(
                INSERT_CHILD, (*values, self._parent_id, run, self._parent_id)
            )
            if done.rowcount != 1:
                raise LookupError(f"the run {self._parent_id} or its experiment was deleted")

    def _write_inputs(self, connection: sqlite3.Connection, runs: Sequence[str]) -> None:
        parent_inputs = connection.execute(INPUTS_OF_RUN, (self._parent_id,)).fetchall()
        inputs: list[Row] = []
        tags: list[Row] = []
        for parents, *source in parent_inputs:
            about = connection.execute(TAGS_OF_INPUT, (parents,)).fetchall()
            for run in runs:
                identifier = uuid4().hex
                inputs.append((identifier, *source, "RUN", run))
                tags += [(identifier, *tag) for tag in about]
        _insert(connection, "inputs", inputs)
        _insert(connection, "input_tags", tags)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        # Mode rw: a file that is gone must not come back as an empty one.
        uri = f"{self._file.absolute().as_uri()}?mode=rw"
        opened = sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None)
        with closing(opened) as connection:
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")


def _insert(
    connection: sqlite3.Connection, table: str, rows: Sequence[Row], conflict: str = ""
) -> None:
    """Insert many rows with few statements: each gives up Python's lock, and waits to get it."""
    columns = COLUMNS[table]
    row_of_marks = f"({', '.join('?' * len(columns))})"
    for start in range(0, len(rows), ROWS):
        part = rows[start : start + ROWS]
        connection.execute(
            # Names of `mlflow_internals` only; every value is bound.
            f"INSERT INTO {table} ({', '.join(columns)}) "  # noqa: S608
            f"VALUES {', '.join([row_of_marks] * len(part))} {conflict}",
            [value for row in part for value in row],
        )


def _tag_rows(named: Iterable[tuple[str, ChildRun]], tags: Mapping[str, str]) -> list[Row]:
    return [
        (run, name, value)
        for run, child in named
        for name, value in {**child.tags, **tags, NAME_TAG: child.name}.items()
    ]


def _metric_row(run: str, point: Point, timestamp: int) -> Row:
    # MLflow's way to keep what SQL cannot: a zero, and a mark.
    is_nan = math.isnan(point.value)
    return run, point.key, 0.0 if is_nan else float(point.value), is_nan, timestamp, point.step


def _latest(metrics: Iterable[Row]) -> list[Row]:
    """Of each metric of each run the row that MLflow takes for the latest."""
    latest: dict[tuple[str, str], Row] = {}
    for row in metrics:
        run, key, value, _, timestamp, step = row
        best = latest.get((run, key))
        if best is None or (step, timestamp, value) > (best[5], best[4], best[2]):
            latest[run, key] = row
    return list(latest.values())
