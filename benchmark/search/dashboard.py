"""Optuna Dashboard on the search of a run."""

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from optuna.storages import BaseStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

from benchmark.search.errors import SearchError
from benchmark.search.storage import JOURNAL, open_storage, recorded_storage, storage_errors

PACKAGE = "optuna_dashboard"
HOST = "127.0.0.1"
"""The dashboard has no login: anybody who reaches it can delete studies."""


def serve_dashboard(
    facts: Mapping[str, Any],
    path: Path,
    *,
    storage: str | None,
    port: int,
    tell: Callable[[str], None],
) -> None:
    """Serve Optuna Dashboard until Ctrl-C.

    Args:
        facts: the run's ``environment.json``.
        path: the run folder.
        storage: the URL of the run's storage, where that has a password.
        port: the TCP port, 1 to 65535.
        tell: is called with the address before the server starts.

    Raises:
        SearchError: the extra is missing, the storage cannot be opened, or the port is taken.
    """
    if find_spec(PACKAGE) is None:
        raise SearchError(
            "--optuna must find Optuna Dashboard. Received none. "
            'Install it with: pip install "kappabench[dashboard]"'
        )
    location = storage or recorded_storage(facts, path)
    opened = open_storage(location) if location else _journal(path)
    from optuna_dashboard import run_server

    tell(f"Optuna Dashboard on http://{HOST}:{port} (Ctrl-C ends it)")
    try:
        run_server(opened, HOST, port)
    except OSError as error:
        raise SearchError(
            f"the port must be free. Received {port}: {error.strerror}. Name another with --port."
        ) from None


def _journal(path: Path) -> BaseStorage:
    """The journal of a run as it is: a study that is still running may be writing to it."""
    file = path / JOURNAL
    if not file.is_file():
        raise SearchError(
            f"a run must have the record of its search. Received none at {file}. "
            "Name the storage of the run with --storage."
        )
    with storage_errors(path, "opening it"):
        return JournalStorage(JournalFileBackend(str(file), JournalFileOpenLock(str(file))))
