"""The one place where MLflow's client is imported and configured, and what it cannot open."""

import contextlib
import logging
import os
import re
import shutil
import socket
import sqlite3
import ssl
import tempfile
import time
from collections.abc import Iterator
from importlib import import_module, metadata
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.tracking.location import TrackingError, sqlite_file, sqlite_uri
from benchmark.tracking.mlflow_internals import REVISION, REVISION_TABLE, schema_revisions
from benchmark.urls import DATABASES, connect_arguments, masked, missing_driver, without_secrets

if TYPE_CHECKING:
    from mlflow import MlflowClient

_WORDS: tuple[tuple[type[BaseException], str], ...] = (
    (ConnectionRefusedError, "connection refused"),
    (socket.gaierror, "name not known"),
    (TimeoutError, "timed out"),
    (ConnectionError, "connection broken off"),
    (ssl.SSLError, "no secure connection"),
)
"""Ordered: the first is the most telling, and the fourth is a parent of the first."""
_HTTP_ERROR = re.compile(r"error code (\d{3})|^HTTP Error (\d{3})")


def reason(error: BaseException) -> str:
    """Return why a store could not be reached: a few plain words, or the exception's type.

    Libraries wrap the cause many times (socket, urllib3, requests, MLflow) and print all
    of it, addresses and memory locations included; the innermost one says what happened.

    Args:
        error: what was raised.

    Example:
        >>> reason(ConnectionRefusedError(111, "Connection refused"))
        'connection refused'
        >>> reason(LookupError("<object at 0x7f>"))
        'LookupError'
    """
    chain = list(_unwrapped(error))
    for link in chain:
        if isinstance(link, TrackingError):  # A sentence of our own, with the remedy.
            return str(link)
    for kind, words in _WORDS:
        if any(isinstance(link, kind) for link in chain):
            return words
    # requests and urllib3 have timeouts of their own that are no TimeoutError.
    if any("Timeout" in type(link).__name__ for link in chain):
        return "timed out"
    for link in chain:
        if isinstance(link, OSError) and isinstance(link.errno, int) and link.strerror:
            return f"{link.strerror[0].lower()}{link.strerror[1:]}"
    # MLflow's sentence of a server's failure, and urllib's.
    status = _HTTP_ERROR.search(str(error))
    return f"HTTP status {status[1] or status[2]}" if status else type(error).__name__


def _unwrapped(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and all that it wraps, however it does."""
    waiting, seen = [error], set()
    while waiting:
        link = waiting.pop()
        if id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        # urllib and urllib3 keep the cause as an attribute, requests among the arguments.
        wrapped = [link.__cause__, link.__context__, getattr(link, "reason", None), *link.args]
        waiting += [inner for inner in wrapped if isinstance(inner, BaseException)]


SETTINGS = {
    # Nothing of a study goes to anybody but the store the user chose.
    "MLFLOW_DISABLE_TELEMETRY": "true",
    # MLflow's own retries last minutes (7 by default, doubling); the tracker has its own.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    # Its messages and links would cut through the progress display.
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}
"""Environment variables for MLflow; those that the user has set are left alone."""
CREATING = ".creating-"
STALE_SECONDS = 3600.0


def open_client(uri: str) -> "MlflowClient":
    """Return a client of the store; imports MLflow, and creates or migrates a SQLite store.

    Takes seconds, and may fail in any way that an import, a file system or a network can.

    Args:
        uri: the tracking URI.

    Raises:
        TrackingError: a database refuses us, or another MLflow wrote it.
    """
    check_database(uri)
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    mlflow = import_module("mlflow")
    # MLflow 3.9 lets Alembic report each look at the schema, whatever its own level is.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    file = sqlite_file(uri)
    if file is not None and not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        _create(file, mlflow.MlflowClient)
    client: MlflowClient = mlflow.MlflowClient(tracking_uri=uri)
    return client


def _create(file: Path, client: "type[MlflowClient]") -> None:
    """Create a SQLite store aside and put it in place when it is whole.

    MLflow builds its tables in dozens of migrations over some seconds. A process killed
    between two of them would leave a file that no later one can open or repair.
    """
    for stale in file.parent.glob(f"{CREATING}*"):
        if time.time() - stale.stat().st_mtime > STALE_SECONDS:
            shutil.rmtree(stale, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=CREATING, dir=file.parent))
    try:
        created = folder / file.name
        client(tracking_uri=sqlite_uri(created)).search_experiments(max_results=1)
        # Where another process was faster, its store is the one: link refuses to replace.
        with contextlib.suppress(FileExistsError):
            os.link(created, file)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def check_database(uri: str) -> None:
    """Raise where MLflow could not use a database that is there, in seconds and without change.

    MLflow itself tries ten times and longer each time, for 100 s in all, where a password is
    wrong.

    Args:
        uri: the tracking URI; what is no database, or a file that is not there yet, passes.

    Raises:
        TrackingError: the database refuses us, or another MLflow wrote it.
    """
    file = sqlite_file(uri)
    if file is not None:
        check_revision(file_revision(file) if file.is_file() else None, str(file))
    elif uri.partition("://")[0].lower().partition("+")[0] in DATABASES:
        check_revision(_server_revision(uri), masked(uri))


def file_revision(file: Path) -> str | None:
    """Return the revision of the schema in a SQLite file, or nothing where there is none."""
    connection = sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)
    try:
        row = connection.execute(REVISION).fetchone()
    except sqlite3.OperationalError:  # No such table: MLflow makes it. Or busy: MLflow waits.
        return None
    finally:
        connection.close()
    return str(row[0]) if row else None


def check_revision(revision: str | None, store: str) -> None:
    """Raise where the installed MLflow does not know the schema of a store.

    Args:
        revision: that of the schema.
        store: the store, for messages.

    Raises:
        TrackingError: another version of MLflow wrote it.
    """
    known = schema_revisions()
    if revision is not None and known and revision not in known:
        raise TrackingError(
            f"the MLflow store {store} must have a schema that MLflow {metadata.version('mlflow')} "
            f"knows. Received the revision {revision}, which another, probably newer, version "
            "of MLflow wrote. Install that version, or name another store with --tracking-uri."
        )


def _server_revision(uri: str) -> str | None:
    from sqlalchemy import create_engine, inspect, text
    from sqlalchemy.pool import NullPool

    try:
        engine = create_engine(uri, connect_args=connect_arguments(uri), poolclass=NullPool)
        with engine.connect() as connection:
            if not inspect(connection).has_table(REVISION_TABLE):
                return None
            return connection.execute(text(REVISION)).scalar()
    # Each driver has its own exceptions, and may be missing.
    except Exception as error:
        first_line = without_secrets(str(error).strip().partition("\n")[0], uri)
        remedy = missing_driver(error) or "Check user, password, address and that it runs."
        raise TrackingError(
            f"the database must let MLflow in. Received {type(error).__name__}: {first_line} "
            f"at {masked(uri)}. {remedy}"
        ) from None
