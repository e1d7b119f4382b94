"""Checks optimizers on several backends, each in a process of its own.

Such a process runs ``python -m benchmark.conformance.running TASK``. TASK is JSON: ``backend``, and
``optimizers``, their names. Each line of its output is JSON: an examination, or ``refused`` with a
sentence before anything is checked. Whatever the checked classes print goes to standard error.
"""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmark.conformance.properties import Examination
from benchmark.errors import UserError

GRACE_SECONDS = 5.0


class CheckError(UserError, ValueError):
    """Optimizers that cannot be checked."""


def run_checks(
    optimizers: Sequence[str],
    backends: Sequence[str],
    checked: Callable[[Examination], None],
) -> list[Examination]:
    """Check optimizers on all backends, side by side.

    Args:
        optimizers: names.
        backends: frameworks, each of which is imported in a process of its own.
        checked: is told of each examination as it ends.

    Returns:
        The examinations of the first backend, then those of the others.

    Raises:
        CheckError: there is no such optimizer, or a framework is not installed.
        RuntimeError: a process ended before it had checked everything.
    """
    running: list[subprocess.Popen[str]] = []

    def examination(backend: str) -> list[Examination]:
        return _checked_on(backend, optimizers, checked, running)

    with ThreadPoolExecutor(len(backends)) as pool:
        futures = [pool.submit(examination, backend) for backend in backends]
        try:
            return [examination for future in futures for examination in future.result()]
        except BaseException:
            for process in running:
                _end(process)
            raise


def _checked_on(
    backend: str,
    optimizers: Sequence[str],
    checked: Callable[[Examination], None],
    running: "list[subprocess.Popen[str]]",
) -> list[Examination]:
    task = json.dumps({"backend": backend, "optimizers": list(optimizers)})
    command = [sys.executable, "-m", "benchmark.conformance.running", task]
    examinations: list[Examination] = []
    with tempfile.TemporaryFile("w+") as errors:
        with subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=os.environ | {"PYTHONPATH": _python_path()},
            # Ctrl-C reaches this process alone, which then ends the others.
            start_new_session=True,
        ) as process:
            running.append(process)
            assert process.stdout is not None
            for line in process.stdout:
                answer: dict[str, Any] = json.loads(line)
                if "refused" in answer:
                    raise CheckError(answer["refused"])
                examinations.append(Examination.of_document(answer))
                checked(examinations[-1])
        if process.returncode:
            raise RuntimeError(_last_words(process.returncode, errors))
    return examinations


def _python_path() -> str:
    """Where this package lies, wherever the command is called; the current folder is searched."""
    root = Path(__file__).resolve().parents[2]
    return os.pathsep.join([str(root), *filter(None, [os.environ.get("PYTHONPATH")])])


def _end(process: "subprocess.Popen[str]") -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()


def _last_words(code: int, errors: Any) -> str:
    errors.seek(0)
    lines = [line.strip() for line in errors.read().splitlines() if line.strip()]
    return f"checking ended too early: {lines[-1] if lines else f'exit code {code}'}"


def answers(backend_name: str, optimizers: list[str]) -> Iterator[dict[str, Any]]:
    """Check optimizers one after another, once all of them are known to be there.

    Args:
        backend_name: the framework.
        optimizers: names.
    """
    from benchmark import backend
    from benchmark.conformance.checking import check_optimizer
    from benchmark.optimizers import optimizer_entry

    try:
        backend.select(backend_name)
        for name in optimizers:
            optimizer_entry(name)
    except (ValueError, ModuleNotFoundError) as error:
        yield {"refused": str(error)}
        return
    for name in optimizers:
        yield check_optimizer(name).document()


def main() -> None:
    """Read the task from the command line and print an answer a line."""
    task = json.loads(sys.argv[1])
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    output = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):
        for answer in answers(task["backend"], task["optimizers"]):
            output.write(json.dumps(answer) + "\n")
            output.flush()


if __name__ == "__main__":
    main()
