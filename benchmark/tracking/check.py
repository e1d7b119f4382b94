"""Whether the tracking store can be reached, for ``doctor``."""

import os
import queue
import sqlite3
import tempfile
import threading
import urllib.request
from pathlib import Path

from benchmark.tracking.client import open_client
from benchmark.tracking.location import is_server, public_uri, sqlite_file
from benchmark.tracking.reason import reason


def check_tracking(uri: str, timeout: float) -> tuple[bool, str]:
    """Tell whether a store can be used, without creating or changing it.

    Args:
        uri: the tracking URI.
        timeout: how long to wait for an answer at most, in seconds.

    Returns:
        Whether it can be used, and a sentence that says why.

    Example:
        >>> check_tracking("http://127.0.0.1:9", timeout=1.0)
        (False, 'the MLflow server at http://127.0.0.1:9 does not answer: ...')
    """
    file = sqlite_file(uri)
    if file is not None:
        return _check_file(file)
    if is_server(uri):
        return _check_server(uri, timeout)
    return _check_other(uri, timeout)


def _check_file(file: Path) -> tuple[bool, str]:
    # Path.exists raises where a folder may not be searched; there nothing can be created.
    if not os.path.exists(file):  # noqa: PTH110
        folder = next(parent for parent in file.absolute().parents if os.path.lexists(parent))
        try:
            # Tried, not asked: for root every folder looks writable, /proc included.
            tempfile.TemporaryDirectory(prefix=".kappabench-doctor-", dir=folder).cleanup()
        except OSError as error:
            return False, (
                f"the MLflow store {file} cannot be created: {folder} is not writable "
                f"({reason(error)})"
            )
        return True, f"the MLflow store {file} will be created on first use"
    if not os.access(file, os.W_OK):
        return False, f"the MLflow store {file} is not writable"
    try:
        connection = sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)
        try:
            connection.execute("SELECT version_num FROM alembic_version")
            (runs,) = connection.execute("SELECT COUNT(*) FROM runs").fetchone()
        finally:
            connection.close()
    except sqlite3.Error as error:
        return False, f"the file {file} is no MLflow store: {error}"
    return True, f"the MLflow store {file} holds {runs} runs"


def _check_server(uri: str, timeout: float) -> tuple[bool, str]:
    address = f"{uri.rstrip('/')}/version"
    try:
        # The scheme was checked to be http or https.
        with urllib.request.urlopen(address, timeout=timeout) as answer:  # noqa: S310
            version = answer.read(100).decode(errors="replace").strip()
    except (OSError, ValueError) as error:
        return False, f"the MLflow server at {public_uri(uri)} does not answer: {reason(error)}"
    return True, f"the MLflow server at {public_uri(uri)} answers, version {version}"


def _check_other(uri: str, timeout: float) -> tuple[bool, str]:
    """Ask through MLflow itself, in a thread, because a database driver may hang."""
    answers: queue.SimpleQueue[str] = queue.SimpleQueue()

    def ask() -> None:
        try:
            open_client(uri).search_experiments(max_results=1)
        except Exception as error:  # The failure is the answer.
            answers.put(str(error).strip() or type(error).__name__)
        else:
            answers.put("")

    threading.Thread(target=ask, name="mlflow-check", daemon=True).start()
    try:
        failure = answers.get(timeout=timeout)
    except queue.Empty:
        failure = f"no answer within {timeout:g} s"
    if failure:
        return False, f"the MLflow store {public_uri(uri)} cannot be used: {failure}"
    return True, f"the MLflow store {public_uri(uri)} answers"
