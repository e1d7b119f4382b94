"""Against a real server on loopback that comes late, and one that never answers."""

import math
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmark.tracking import Tracker, Unsent, check_tracking, ui_command, ui_environment
from benchmark.trial import Status

# MLflow uses what SQLAlchemy 2.1 deprecates; nothing of ours does.
pytestmark = pytest.mark.filterwarnings("ignore:::mlflow")
Make = Callable[..., Any]


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> int:
    """Return a free port of this machine, reached without a proxy."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
        return number


@pytest.fixture
def start_server(store: Any, port: int, tmp_path: Path) -> Iterator[Callable[[], None]]:
    """Return a function that starts `ui_command` on the store."""
    started = []

    def start() -> None:
        with (tmp_path / "server.log").open("wb") as log:
            process = subprocess.Popen(
                ui_command(store.uri, port=port),
                env=ui_environment(os.environ),
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=tmp_path,
                start_new_session=True,
            )
        started.append(process)

    yield start
    for process in started:
        # The whole group: MLflow 3.9 does not hand the signal on to its worker.
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=30.0)


def _until(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return condition()


def test_trials_of_an_outage_arrive_when_the_server_does(
    make: Make, store: Any, port: int, start_server: Callable[[], None], tmp_path: Path
) -> None:
    uri = f"http://127.0.0.1:{port}"
    told: list[str] = []
    assert not check_tracking(uri, timeout=5.0)[0]
    tracker = Tracker(uri, "study", "run 1", told.append, backoff=(0.1, 0.5))
    begin = time.perf_counter()
    tracker.start("question = 'which?'\n")
    for number in range(3):
        tracker.log_trial(*make(number))
    # Nothing is done in the caller's thread; a second is the patience with a loaded machine.
    assert time.perf_counter() - begin < 1.0
    assert _until(lambda: bool(told), 60.0)
    assert not store.children()

    start_server()
    assert _until(lambda: set(store.children()) == {0, 1, 2}, 90.0)
    assert _until(lambda: len(told) == 2, 30.0)
    assert "does not answer (connection refused)" in told[0]
    assert told[1] == f"MLflow at {uri} answers again."

    report = tmp_path / "report.html"
    report.write_text("<p>done")
    diverged = {"train_loss": math.inf}
    tracker.log_trial(*make(3, status=Status.DIVERGED, epochs=1200, metrics=diverged))
    tracker.finish([report])
    assert tracker.close(timeout=60.0) == Unsent()
    assert len(told) == 2
    run_id, status = store.children()[3]
    assert status == "FAILED"
    curve = [(epoch, 1 / (epoch + 4)) for epoch in range(1201)]
    assert store.curve(run_id, "validation_loss") == curve
    assert all(math.isnan(value) for _, value in store.curve(run_id, "train_loss"))
    ((_, name, parent_status),) = store.parents()
    assert (name, parent_status) == ("run 1", "FINISHED")
    # Sent through the server, which keeps them where `ui_command` said.
    artifacts = {path.name for path in store.file.parent.joinpath("mlartifacts").rglob("*.*")}
    assert {"study.toml", "report.html"} <= artifacts
    assert check_tracking(uri, timeout=10.0)[1].startswith(f"the MLflow server at {uri} answers")


def test_a_server_that_never_answers_is_told_and_not_waited_for(
    make: Make, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    told: list[str] = []
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", port))
        silent.listen(16)  # Connections are accepted by the kernel, and nobody reads.
        tracker = Tracker(f"http://127.0.0.1:{port}", "study", "run 1", told.append)
        begin = time.perf_counter()
        tracker.start("")
        for number in range(100):
            tracker.log_trial(*make(number))
        assert time.perf_counter() - begin < 1.0
        assert _until(lambda: bool(told), 60.0)
        assert tracker.close(timeout=20.0) == Unsent(100, ("the study file",))
    address = f"http://127.0.0.1:{port}"
    assert told == [
        f"MLflow at {address} does not answer (timed out); nothing is lost, the run folder keeps "
        "every trial."
    ]
