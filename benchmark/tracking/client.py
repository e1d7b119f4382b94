"""The one place where MLflow's client is imported and configured."""

import os
from importlib import import_module
from typing import TYPE_CHECKING

from benchmark.tracking.location import sqlite_file

if TYPE_CHECKING:
    from mlflow import MlflowClient

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


def open_client(uri: str) -> "MlflowClient":
    """Return a client of the store; imports MLflow, and creates or migrates a SQLite store.

    Takes seconds, and may fail in any way that an import, a file system or a network can.

    Args:
        uri: the tracking URI.
    """
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    file = sqlite_file(uri)
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
    client: MlflowClient = import_module("mlflow").MlflowClient(tracking_uri=uri)
    return client
