"""Measures rows one after another, each in a fresh process.

``python -m speed.children TASK REPLY``: TASK is JSON (``function``, ``backend``, ``arguments``);
REPLY is the file that gets ``measurements``, or ``missing`` with a sentence.
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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from speed.measurement import Measurement, NotAvailableError
from speed.rows import Row

LIMIT_SECONDS = 1800.0
"""A row that takes longer is ended: something hangs."""
GRACE_SECONDS = 5.0
ROOT = Path(__file__).resolve().parent.parent


def measure_rows(
    rows: Sequence[Row], began: Callable[[int, Row], None]
) -> tuple[dict[str, Measurement], bool]:
    """Measure rows in order, and tell ``began`` of each before.

    Returns:
        The measurements by name, and whether all rows were measured or Ctrl-C came before.
    """
    measured: dict[str, Measurement] = {}
    for index, row in enumerate(rows):
        began(index, row)
        try:
            reply = measure_in_child(row)
        except KeyboardInterrupt:
            return measured, False
        if "missing" in reply:
            measured[row.name] = Measurement(row.name, row.name, missing=reply["missing"])
        for document in reply.get("measurements", ()):
            name = document["name"] or row.name
            measured[name] = Measurement(**{**document, "name": name})
    return measured, True


def measure_in_child(row: Row, limit: float = LIMIT_SECONDS) -> dict[str, Any]:
    """What a process of its own answered about a row; ``{"missing": sentence}`` if it failed."""
    task = {"function": row.function, "backend": row.backend, "arguments": dict(row.arguments)}
    paths = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    with tempfile.TemporaryDirectory(prefix="kappabench-speed-") as name:
        reply, log, work = (Path(name) / part for part in ("reply.json", "log.txt", "work"))
        work.mkdir()
        with log.open("w") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "speed.children", json.dumps(task), str(reply)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=work,  # files that a library writes into the working folder go with the rest
                env=os.environ | {"PYTHONPATH": paths},
                start_new_session=True,  # Ctrl-C reaches this process alone, which ends the group
            )
        try:
            code = process.wait(limit)
        except subprocess.TimeoutExpired:
            return {"missing": f"failed: no end after {limit:.0f} s"}
        finally:
            _end(process)
        if code == 0 and reply.exists():
            answered: dict[str, Any] = json.loads(reply.read_text(encoding="utf-8"))
            return answered
        lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
        complaint = next((line.strip() for line in reversed(lines) if line.strip()), "")
        return {"missing": f"failed: {complaint or f'exit code {code}'}"}


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End a process and all that it started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
                os.killpg(process.pid, number)
                process.wait(GRACE_SECONDS)


def answer(task: Mapping[str, Any]) -> dict[str, Any]:
    """Measure one task in this process, in its working folder."""
    module, function = task["function"].split(":")
    try:
        if task["backend"]:
            from benchmark.backend import select

            select(task["backend"])
        measure = getattr(importlib.import_module(module), function)
        takes_folder = "folder" in inspect.signature(measure).parameters
        folder = {"folder": Path.cwd()} if takes_folder else {}
        measurements = measure(**folder, **task["arguments"])
    except ModuleNotFoundError as error:
        return {"missing": f"not installed: {error}"}
    except NotAvailableError as error:
        return {"missing": str(error)}
    return {"measurements": [asdict(measurement) for measurement in measurements]}


def main() -> None:
    """Read the task from the command line and write what was measured."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # MLflow reports its usage, which does not belong to the work.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    reply = answer(json.loads(sys.argv[1]))
    Path(sys.argv[2]).write_text(json.dumps(reply), encoding="utf-8")


if __name__ == "__main__":
    main()
