"""A served program ends with all its children."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmark.commands.serving import serve

ROOT = Path(__file__).parents[2]


def is_alive(process: int) -> bool:
    """Whether a process runs; a zombie that init has not reaped does not."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_the_exit_code_says_whether_a_server_ended_well():
    assert serve([sys.executable, "-c", ""], os.environ) == 0
    assert serve([sys.executable, "-c", "raise SystemExit(3)"], os.environ) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_server_and_its_workers(tmp_path, number):
    file = tmp_path / "worker"
    worker = "import time; time.sleep(60)"
    server = (
        "import subprocess, sys, time, pathlib\n"
        f"worker = subprocess.Popen([sys.executable, '-c', {worker!r}])\n"
        f"pathlib.Path({str(file)!r}).write_text(str(worker.pid) + '\\n')\n"
        "time.sleep(60)\n"
    )
    program = (
        "import os, sys; from benchmark.commands.serving import serve\n"
        f"sys.exit(serve([sys.executable, '-c', {server!r}], os.environ))"
    )
    serving = subprocess.Popen(
        [sys.executable, "-c", program], env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    deadline = time.monotonic() + 30
    while not (file.exists() and file.read_text().endswith("\n")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    serving.send_signal(number)
    assert serving.wait(30) == 0
    assert not is_alive(int(file.read_text()))
