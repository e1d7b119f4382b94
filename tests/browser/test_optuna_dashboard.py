"""Optuna Dashboard on the search of a run, while its study could still be running."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmark.results import RunWriter
from benchmark.trial import Status
from tests.browser.mlflow_pages import CHROMIUM, chromium, new_page
from tests.search.searching import open_search, result_of, study

pytestmark = pytest.mark.browser


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run in which one trial has ended."""
    with RunWriter.create(tmp_path / "results", "small", "question = 'x'\n", {}, "first") as run:
        search = open_search(study(), run.path)
        trial = search.ask()
        assert trial is not None
        search.tell(result_of(trial, Status.COMPLETED, 0.25))
        search.close()
        return run.path


@pytest.fixture
def address(run: Path) -> Iterator[str]:
    """Serve the dashboard by the command."""
    pytest.importorskip("optuna_dashboard")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "benchmark.run", "ui", str(run), "--optuna", "--no-open"]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    server = subprocess.Popen(
        [*command, "--port", str(port)], env=environment, stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    assert f"http://127.0.0.1:{port}" in server.stdout.readline()
    yield f"http://127.0.0.1:{port}"
    server.send_signal(signal.SIGINT)
    assert server.wait(30) == 0


def test_the_dashboard_lists_the_search_of_each_optimizer(address: str, run: Path) -> None:
    if not Path(CHROMIUM).exists():
        pytest.skip("needs Chromium; on Debian: apt-get install chromium")
    journal = (run / "optuna.journal").read_bytes()
    with chromium() as browser:
        page = new_page(browser)
        for _ in range(20):  # the command prints the address just before the server listens
            try:
                page.goto(f"{address}/dashboard/")
                break
            except Exception:
                page.wait_for_timeout(500)
        page.get_by_text("sgd").first.wait_for()
        page.close()
    assert (run / "optuna.journal").read_bytes() == journal  # looking changes nothing
