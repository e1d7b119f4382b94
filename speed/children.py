"""Measures rows one after another, each in a fresh process: ``python -m speed.children TASK``.

TASK is JSON: ``function``, ``backend`` and ``arguments``. The last line of the output is
JSON: ``measurements``, or ``missing`` with a sentence. Whatever the measured code prints
goes to standard error.
"""

import contextlib
import importlib
import inspect
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from speed.measurement import Measurement, NotAvailableError
from speed.rows import Row

LIMIT_SECONDS = 1200.0
"""A row that takes longer is ended: something hangs."""
POLL_SECONDS = 0.1
GRACE_SECONDS = 5.0


def measure_rows(
    rows: Sequence[Row],
    began: Callable[[int, Row], None],
    stop_requested: Callable[[], bool],
) -> tuple[dict[str, Measurement], bool]:
    """Measure rows in order.

    Args:
        rows: what to measure.
        began: is told the index of each row and the row before it is measured.
        stop_requested: asked often; true ends the running process and the whole run.

    Returns:
        The measurements by name, and whether all rows were measured.
    """
    measured: dict[str, Measurement] = {}
    for index, row in enumerate(rows):
        if stop_requested():
            return measured, False
        began(index, row)
        reply = measure_in_child(row, stop_requested)
        if reply is None:
            return measured, False
        if "missing" in reply:
            measured[row.name] = Measurement(row.name, row.title, missing=reply["missing"])
        for document in reply.get("measurements", ()):
            if not document["name"]:
                document |= {"name": row.name, "title": row.title}
            measured[document["name"]] = Measurement.of_document(document)
    return measured, True


def measure_in_child(
    row: Row, stop_requested: Callable[[], bool], limit: float = LIMIT_SECONDS
) -> Mapping[str, Any] | None:
    """Measure one row in a process of its own.

    Returns:
        What the process answered, ``{"missing": sentence}`` where it failed, or nothing
        where it was stopped.
    """
    task = {"function": row.function, "backend": row.backend, "arguments": dict(row.arguments)}
    command = [sys.executable, "-m", "speed.children", json.dumps(task)]
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        deadline = time.monotonic() + limit
        with _process(command, output, errors) as process:
            while process.poll() is None:
                if stop_requested():
                    return None
                if time.monotonic() > deadline:
                    return {"missing": f"failed: no end after {limit:.0f} s"}
                time.sleep(POLL_SECONDS)
        printed, complaints = _lines(output), _lines(errors)
    if process.returncode == 0 and printed:
        reply: Mapping[str, Any] = json.loads(printed[-1])
        return reply
    last = complaints[-1].strip() if complaints else f"exit code {process.returncode}"
    return {"missing": f"failed: {last}"}


def _lines(file: IO[str]) -> list[str]:
    file.seek(0)
    return [line for line in file.read().splitlines() if line.strip()]


@contextlib.contextmanager
def _process(
    command: list[str], output: IO[str], errors: IO[str]
) -> Iterator["subprocess.Popen[str]"]:
    """A process in a group of its own, which is ended with all its children."""
    root = str(Path(__file__).resolve().parent.parent)
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=errors,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
        # Ctrl-C reaches this process alone, which then ends the group.
        start_new_session=True,
    )
    try:
        yield process
    finally:
        for number in (signal.SIGTERM, signal.SIGKILL):
            if process.poll() is None:
                with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
                    os.killpg(process.pid, number)
                    process.wait(GRACE_SECONDS)
        process.wait()


def answer(task: Mapping[str, Any]) -> dict[str, Any]:
    """Measure one task in this process.

    Args:
        task: ``function`` (``"module:function"``), ``backend``, ``arguments``.
    """
    module, function = task["function"].split(":")
    try:
        if task["backend"]:
            from benchmark.backend import select

            try:
                select(task["backend"])
            except ModuleNotFoundError as error:
                raise NotAvailableError(f"not installed: {error}") from None
        measure = getattr(importlib.import_module(module), function)
        # Files that a library writes into the working folder go with the rest.
        with tempfile.TemporaryDirectory(prefix="kappabench-speed-") as name:
            folder = Path(name)
            takes_folder = "folder" in inspect.signature(measure).parameters
            with contextlib.chdir(folder):
                given = {"folder": folder} if takes_folder else {}
                measurements = measure(**given, **task["arguments"])
            return {"measurements": [measurement.document() for measurement in measurements]}
    except NotAvailableError as error:
        return {"missing": str(error)}


def main() -> None:
    """Read the task from the command line and print what was measured."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # MLflow reports usage and Optuna's bars would fill the log; neither belongs to the work.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    with contextlib.redirect_stdout(sys.stderr):
        reply = answer(json.loads(sys.argv[1]))
    sys.stdout.write(json.dumps(reply) + "\n")


if __name__ == "__main__":
    main()
