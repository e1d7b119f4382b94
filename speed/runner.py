"""Measures tasks one after another, each in a fresh process, and keeps what it has."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from speed.measurement import Measurement
from speed.plan import FUNCTIONS, Task

LIMIT_SECONDS = 1200.0
"""A task that takes longer is ended: something hangs."""
POLL_SECONDS = 0.1
GRACE_SECONDS = 5.0


def run_tasks(
    tasks: Sequence[Task],
    began: Callable[[int, Task], None],
    stop_requested: Callable[[], bool],
) -> tuple[dict[str, Measurement], bool]:
    """Measure tasks in order.

    Args:
        tasks: what to measure.
        began: is told the index of each task and the task before it is measured.
        stop_requested: asked often; true ends the running task and the whole run.

    Returns:
        The measurements by name, and whether all tasks were measured.
    """
    found: dict[str, Measurement] = {}
    for index, task in enumerate(tasks):
        if stop_requested():
            return found, False
        began(index, task)
        answer = measure_in_child(task, stop_requested)
        if answer is None:
            return found, False
        found |= _measurements(task, answer)
    return found, True


def measure_in_child(
    task: Task, stop_requested: Callable[[], bool], limit: float = LIMIT_SECONDS
) -> Mapping[str, Any] | None:
    """Measure one task in a process of its own.

    Args:
        task: what to measure.
        stop_requested: asked often; true ends the process.
        limit: seconds after which the process is ended.

    Returns:
        What the process answered, ``{"missing": sentence}`` where it failed, or nothing
        where it was stopped.
    """
    document = {
        "function": FUNCTIONS[task.group],
        "backend": task.backend,
        "arguments": dict(task.arguments),
    }
    command = [sys.executable, "-m", "speed.child", json.dumps(document)]
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        deadline = time.monotonic() + limit
        with _process(command, output, errors) as process:
            while process.poll() is None:
                if stop_requested():
                    return None
                if time.monotonic() > deadline:
                    return {"missing": f"failed: no end after {limit:.0f} s"}
                time.sleep(POLL_SECONDS)
        return _answer(process.returncode, output, errors)


@contextmanager
def _process(
    command: list[str], output: IO[str], errors: IO[str]
) -> Iterator["subprocess.Popen[str]"]:
    """A process in a group of its own, which is ended with all its children."""
    root = Path(__file__).resolve().parent.parent.parent
    paths = [str(root), *filter(None, [os.environ.get("PYTHONPATH")])]
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
        _end(process)


def _end(process: "subprocess.Popen[str]") -> None:
    if process.poll() is not None:
        return
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            break
        try:
            process.wait(GRACE_SECONDS)
            break
        except subprocess.TimeoutExpired:
            continue
    process.wait()


def _answer(code: int, output: IO[str], errors: IO[str]) -> Mapping[str, Any]:
    output.seek(0)
    lines = output.read().splitlines()
    if code == 0 and lines:
        found: Mapping[str, Any] = json.loads(lines[-1])
        return found
    errors.seek(0)
    said = [line for line in errors.read().splitlines() if line.strip()]
    return {"missing": f"failed: {said[-1].strip() if said else f'exit code {code}'}"}


def _measurements(task: Task, answer: Mapping[str, Any]) -> dict[str, Measurement]:
    if "missing" in answer:
        return {task.name: Measurement(task.name, task.title, missing=answer["missing"])}
    documents = map(Measurement.of_document, answer["measurements"])
    return {one.name: one for one in documents}
