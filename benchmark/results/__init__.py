"""Read and write ``results/<study>/<run>/``, the only input of statistics and report.

The names are loaded when they are first asked for, so that importing this package
does not import pandas.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmark.results.best import best_numbers, best_of, best_results
    from benchmark.results.checking import is_summary
    from benchmark.results.extension import earlier_records, extend_run, is_extending
    from benchmark.results.files import LinkError, write_atomically
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
        read_records,
        read_run,
        read_summary,
        recorded_count,
    )
    from benchmark.results.records import DamagedRecordsError
    from benchmark.results.started import (
        EditedStudyError,
        check_unedited,
        read_environment,
        started_study,
        study_edits,
    )
    from benchmark.results.weights import DamagedWeightsError, load_weights
    from benchmark.results.writer import RunWriter

__all__ = [
    "DamagedRecordsError",
    "DamagedWeightsError",
    "EditedStudyError",
    "LinkError",
    "RunLockedError",
    "RunNotFoundError",
    "RunTables",
    "RunWriter",
    "best_numbers",
    "best_of",
    "best_results",
    "check_run_name",
    "check_unedited",
    "earlier_records",
    "environment",
    "extend_run",
    "find_run",
    "is_extending",
    "is_finished",
    "is_summary",
    "is_trained",
    "list_runs",
    "load_weights",
    "model_file",
    "read_environment",
    "read_records",
    "read_run",
    "read_summary",
    "recorded_count",
    "started_study",
    "study_edits",
    "write_atomically",
]

_MODULES = {
    "LinkError": "files",
    "DamagedWeightsError": "weights",
    "EditedStudyError": "started",
    "study_edits": "started",
    "started_study": "started",
    "recorded_count": "reader",
    "check_unedited": "started",
    "DamagedRecordsError": "records",
    "RunLockedError": "lock",
    "RunNotFoundError": "reader",
    "RunTables": "reader",
    "RunWriter": "writer",
    "environment": "machine",
    "find_run": "reader",
    "list_runs": "reader",
    "load_weights": "weights",
    "best_numbers": "best",
    "best_of": "best",
    "best_results": "best",
    "check_run_name": "names",
    "earlier_records": "extension",
    "extend_run": "extension",
    "is_extending": "extension",
    "read_environment": "started",
    "read_summary": "reader",
    "read_records": "reader",
    "read_run": "reader",
    "is_finished": "reader",
    "is_summary": "checking",
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
