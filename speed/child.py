"""One piece of measuring in a process of its own: ``python -m speed.child TASK``.

TASK is JSON: ``function``, ``backend`` and ``arguments``. The last line of the output is
JSON: ``measurements``, or ``missing`` with a sentence. Whatever the measured code prints
goes to standard error.
"""

import contextlib
import importlib
import inspect
import json
import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from speed.measurement import NotAvailableError


def answer(task: Mapping[str, Any]) -> dict[str, Any]:
    """Measure one task.

    Args:
        task: ``function`` (``"module:function"``), ``backend``, ``arguments``.
    """
    module, function = task["function"].split(":")
    try:
        if task["backend"]:
            _select(task["backend"])
        measure = getattr(importlib.import_module(module), function)
        with tempfile.TemporaryDirectory(prefix="kappabench-speed-") as folder:
            # Files that a library writes into the working folder go with the rest.
            with contextlib.chdir(folder):
                found = measure(**_place(measure, Path(folder)), **task["arguments"])
            return {"measurements": [one.document() for one in found]}
    except NotAvailableError as error:
        return {"missing": str(error)}


def _place(measure: Callable[..., Any], folder: Path) -> dict[str, Path]:
    """The empty folder, for a function that asks for one."""
    return {"folder": folder} if "folder" in inspect.signature(measure).parameters else {}


def _select(backend: str) -> None:
    from benchmark.backend import select

    try:
        select(backend)
    except ModuleNotFoundError as error:
        raise NotAvailableError(f"not installed: {error}") from None


def main() -> None:
    """Read the task from the command line and print what was measured."""
    task = json.loads(sys.argv[1])
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # MLflow reports usage and Optuna's bars would fill the log; neither belongs to the work.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    with contextlib.redirect_stdout(sys.stderr):
        found = answer(task)
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
