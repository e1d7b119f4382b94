"""Whether the tracking store can be reached, for ``doctor``."""

import base64
import http.client
import os
import queue
import sqlite3
import tempfile
import threading
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn, TypeVar
from urllib.parse import unquote, urlsplit, urlunsplit

from benchmark.tracking.client import check_revision, file_revision, open_client, reason
from benchmark.tracking.location import TrackingError, is_server, sqlite_file
from benchmark.tracking.mlflow_internals import COUNT_RUNS, REVISION
from benchmark.urls import masked, without_secrets

Answer = TypeVar("Answer")


def within(timeout: float, ask: Callable[[], Answer], otherwise: Answer) -> Answer:
    """Ask in a thread, because a database driver or a name server may hang.

    Args:
        timeout: how long to wait for the answer at most, in seconds.
        ask: what may hang; what it raises is raised here.
        otherwise: the answer where there is none in time.

    Example:
        >>> within(1.0, lambda: "yes", "no answer")
        'yes'
    """
    answers: queue.SimpleQueue[Callable[[], Answer]] = queue.SimpleQueue()

    def answer() -> None:
        try:
            value = ask()
        except BaseException as error:
            answers.put(lambda error=error: _raise(error))  # type: ignore[misc]
        else:
            answers.put(lambda: value)

    threading.Thread(target=answer, name="doctor", daemon=True).start()
    try:
        return answers.get(timeout=timeout)()
    except queue.Empty:
        return otherwise


def _raise(error: BaseException) -> NoReturn:
    raise error


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
        silent = f"the MLflow server at {masked(uri)} does not answer: timed out"
        return within(timeout, lambda: _check_server(uri, timeout), (False, silent))
    silent = f"the MLflow store {masked(uri)} cannot be used: no answer within {timeout:g} s"
    return within(timeout, lambda: _check_other(uri), (False, silent))


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
            connection.execute(REVISION)
            (runs,) = connection.execute(COUNT_RUNS).fetchone()
        finally:
            connection.close()
        check_revision(file_revision(file), str(file))
    except sqlite3.Error as error:
        return False, f"the file {file} is no MLflow store: {error}"
    except TrackingError as error:
        return False, str(error)
    return True, f"the MLflow store {file} holds {runs} runs"


def _check_server(uri: str, timeout: float) -> tuple[bool, str]:
    address, headers = _request(uri)
    try:
        # The scheme was checked to be http or https.
        request = urllib.request.Request(address, headers=headers)  # noqa: S310
        with urllib.request.urlopen(request, timeout=timeout) as answer:  # noqa: S310
            version = answer.read(100).decode(errors="replace").strip()
    except (OSError, ValueError, http.client.HTTPException) as error:
        return False, f"the MLflow server at {masked(uri)} does not answer: {reason(error)}"
    return True, f"the MLflow server at {masked(uri)} answers, version {version}"


def _request(uri: str) -> tuple[str, dict[str, str]]:
    """The address of the version, and the login that MLflow's client would send with it."""
    parsed = urlsplit(uri)
    userinfo, _, host = parsed.netloc.rpartition("@")
    user, _, password = userinfo.partition(":")
    user = unquote(user) or os.environ.get("MLFLOW_TRACKING_USERNAME", "")
    password = unquote(password) or os.environ.get("MLFLOW_TRACKING_PASSWORD", "")
    token = os.environ.get("MLFLOW_TRACKING_TOKEN", "")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    if user:
        login = base64.b64encode(f"{user}:{password}".encode()).decode()
        headers = {"Authorization": f"Basic {login}"}
    path = f"{parsed.path.rstrip('/')}/version"
    return urlunsplit((parsed.scheme, host, path, parsed.query, "")), headers


def _check_other(uri: str) -> tuple[bool, str]:
    try:
        open_client(uri).search_experiments(max_results=1)
    except TrackingError as error:  # A sentence, with the remedy.
        return False, str(error)
    except Exception as error:  # The failure is the answer.
        failure = without_secrets(str(error).strip(), uri) or type(error).__name__
        return False, f"the MLflow store {masked(uri)} cannot be used: {failure}"
    return True, f"the MLflow store {masked(uri)} answers"
