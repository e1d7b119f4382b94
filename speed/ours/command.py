"""Whole commands on a terminal, from the start of the process to its end, report included.

Each follows a bare import of TensorFlow, MLflow and Optuna in its own process, by whose seconds
its own are divided: what else the machine does meets both. "cold" has an empty compile cache,
"warm" the one that the cold run before it has filled. A first import is not counted.
"""

import json
import os
import pty
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from speed.measurement import Measurement, WorkNotDoneError

BARE_IMPORT = (sys.executable, "-c", "import tensorflow, mlflow, optuna")
STUDIES = ("quickstart", "contours")
ON_SCREEN = {
    "start_seconds": re.compile(rb"Run \w+/"),
    "first_result_seconds": re.compile(rb"best \w+ -?\d"),
}
"""What the command prints once the framework is imported, and with the first trial's result."""


def measure(folder: Path, *, rounds: int) -> list[Measurement]:
    """Measure the seconds of each command, cold and warm."""
    environment = _environment(folder)
    watch(BARE_IMPORT, environment)
    imports: list[float] = []
    runs: dict[str, list[dict[str, Any]]] = {}
    for index in range(rounds):
        for study in STUDIES:
            environment = _environment(folder / f"cache_{study}_{index}")
            for way in ("cold", "warm"):
                imports.append(watch(BARE_IMPORT, environment)["seconds"])
                results = folder / f"{study}_{way}_{index}"
                arguments = ("-m", "benchmark.run", "study", study, "--results", str(results))
                run = watch((sys.executable, *arguments), environment)
                run |= {"ratio": run["seconds"] / imports[-1], **_summary(results)}
                runs.setdefault(f"{study}/{way}", []).append(run)
    title = "bare import of TensorFlow, MLflow and Optuna"
    return [
        Measurement("command/import", title, imports, "s"),
        *(_measurement(name, repeated) for name, repeated in runs.items()),
    ]


def watch(command: Sequence[str], environment: dict[str, str]) -> dict[str, Any]:
    """Run a command on a terminal of its own.

    Returns:
        Wall-clock seconds, processor seconds with those of its children, and the seconds after
        which what ``ON_SCREEN`` names was on the screen. A command that fails has none.
    """
    screen, terminal = pty.openpty()
    start = time.perf_counter()
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=terminal, stderr=terminal, env=environment
    )
    os.close(terminal)
    times: dict[str, Any] = {}
    text = b""
    while chunk := _read(screen):
        text += chunk
        for name, pattern in ON_SCREEN.items():
            if name not in times and pattern.search(text):
                times[name] = time.perf_counter() - start
    os.close(screen)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        last = text.decode(errors="replace").strip().splitlines()[-1:]
        raise WorkNotDoneError(f"{command[-3:]} ended with {process.returncode}: {''.join(last)}")
    seconds = time.perf_counter() - start
    return {**times, "seconds": seconds, "processor_seconds": usage.ru_utime + usage.ru_stime}


def _read(screen: int) -> bytes:
    try:
        return os.read(screen, 1 << 16)
    except OSError:  # Linux says so that nobody writes to the terminal any more
        return b""


def _environment(cache: Path) -> dict[str, str]:
    from benchmark.backend.cache import VARIABLE

    wide = {"COLUMNS": "200", "LINES": "50", "TERM": "xterm"}
    return os.environ | wide | {VARIABLE: str(cache)}


def _summary(results: Path) -> dict[str, Any]:
    """What a run says itself: its seconds by clock, its diagnoses among them, and its trials."""
    (file,) = results.glob("*/*/summary.json")
    summary = json.loads(file.read_text(encoding="utf-8"))
    diagnosing = summary.get("diagnosis", {}).get("seconds")
    return {"trials": summary["trials"], "clocks": {**summary["seconds"], "diagnose": diagnosing}}


def _measurement(name: str, runs: Sequence[dict[str, Any]]) -> Measurement:
    """A command with its ratios to the import, and the parts of the run in the middle."""
    middle = sorted(runs, key=lambda run: run["seconds"])[len(runs) // 2]
    firsts = [run["first_result_seconds"] for run in runs if "first_result_seconds" in run]
    facts = {**middle, "ratios": [run["ratio"] for run in runs], "first_results": firsts or None}
    title = "study {}, {} compile cache".format(*name.split("/"))
    return Measurement(f"command/{name}", title, [run["seconds"] for run in runs], "s", facts)
