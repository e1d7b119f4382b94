"""Read and write ``results/<study>/<run>/``, the only input of statistics and report.

The names are loaded when they are first asked for, so that importing this package
does not import pandas.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmark.results.files import write_atomically
    from benchmark.results.lock import RunLockedError
    from benchmark.results.machine import environment
    from benchmark.results.names import check_run_name, model_file
    from benchmark.results.reader import (
        RunNotFoundError,
        RunTables,
        find_run,
        is_finished,
        is_trained,
        list_runs,
        read_environment,
        read_records,
        read_run,
        read_summary,
    )
    from benchmark.results.records import DamagedRecordsError
    from benchmark.results.weights import load_weights
    from benchmark.results.writer import RunWriter

__all__ = [
    "DamagedRecordsError",
    "RunLockedError",
    "RunNotFoundError",
    "RunTables",
    "RunWriter",
    "check_run_name",
    "environment",
    "find_run",
    "is_finished",
    "is_trained",
    "list_runs",
    "load_weights",
    "model_file",
    "read_environment",
    "read_records",
    "read_run",
    "read_summary",
    "write_atomically",
]

_MODULES = {
    "DamagedRecordsError": "records",
    "RunLockedError": "lock",
    "RunNotFoundError": "reader",
    "RunTables": "reader",
    "RunWriter": "writer",
    "environment": "machine",
    "find_run": "reader",
    "list_runs": "reader",
    "load_weights": "weights",
    "check_run_name": "names",
    "read_environment": "reader",
    "read_summary": "reader",
    "read_records": "reader",
    "read_run": "reader",
    "is_finished": "reader",
    "is_trained": "reader",
    "model_file": "names",
    "write_atomically": "files",
}


def __getattr__(name: str) -> Any:
    """Import the module of a public name when the name is first asked for."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value
