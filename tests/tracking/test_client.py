"""Opening a store: created whole or not at all, and refused before MLflow tries for minutes."""

import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from benchmark.tracking import Tracker, check_tracking, default_tracking_uri
from benchmark.tracking.client import CREATING, check_database, open_client
from benchmark.tracking.embedded import EmbeddedStore
from benchmark.tracking.location import TrackingError, artifact_root_of, sqlite_file

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.filterwarnings("ignore:::mlflow")


def test_a_store_whose_creation_was_killed_is_created_by_the_next(tmp_path):
    file = tmp_path / "results" / "mlflow.db"
    uri = f"sqlite:///{file}"
    program = f"from benchmark.tracking.client import open_client; open_client({uri!r})"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    creating = subprocess.Popen([sys.executable, "-c", program], env=environment)
    deadline = time.monotonic() + 120
    while not any(tmp_path.glob(f"results/{CREATING}*/mlflow.db")):
        assert time.monotonic() < deadline and creating.poll() is None
        time.sleep(0.01)
    time.sleep(0.3)  # into the migrations
    os.kill(creating.pid, signal.SIGKILL)
    creating.wait()
    assert not file.exists()
    client = open_client(uri)
    assert client.create_experiment("works") is not None
    assert file.exists()


def test_what_a_killed_creation_left_is_cleared_after_an_hour(tmp_path):
    old, recent = tmp_path / f"{CREATING}old", tmp_path / f"{CREATING}recent"
    old.mkdir()
    recent.mkdir()
    os.utime(old, (1, 1))
    open_client(f"sqlite:///{tmp_path / 'mlflow.db'}").search_experiments()
    assert not old.exists() and recent.exists()


def test_a_folder_of_any_name_holds_its_store_and_artifacts(tmp_path):
    """`%41` is no "A" there, and `?` and `#` end nothing; nothing stands beside the folder."""
    folder = tmp_path / "50%41?a=b#c d"
    folder.mkdir()
    uri = default_tracking_uri(folder)
    client = open_client(uri)
    root, file = artifact_root_of(uri), sqlite_file(uri)
    assert root is not None and file is not None
    location = (root / "study").as_uri()
    experiment = client.create_experiment("study", location)
    run = client.create_run(experiment).info.run_id
    client.log_text(run, "question", "study.toml")
    assert [file.path for file in client.list_artifacts(run)] == ["study.toml"]
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]
    assert sorted(path.name for path in folder.iterdir()) == ["mlartifacts", "mlflow.db"]
    [artifact] = folder.rglob("study.toml")
    assert artifact.read_text() == "question"
    assert EmbeddedStore.open(file, run) is not None
    assert check_tracking(uri, 5.0) == (
        True,
        f"the MLflow store {folder}/mlflow.db holds 1 runs",
    )


@pytest.fixture
def silent() -> Iterator[int]:
    """Return a port where connections are accepted by the kernel, and nobody reads."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        yield listener.getsockname()[1]


@pytest.fixture
def foreign(store: Any, tmp_path: Path) -> Path:
    """Return a store that says that a later MLflow wrote it."""
    file = tmp_path / "later" / "mlflow.db"
    file.parent.mkdir()
    shutil.copy(store.file, file)
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = 'ffffffffffff'")
    return file


def test_a_store_of_another_mlflow_is_named_as_such(foreign: Path) -> None:
    uri = f"sqlite:///{foreign}"
    with pytest.raises(TrackingError, match=r"revision ffffffffffff, which another") as refusal:
        open_client(uri)
    assert str(foreign) in str(refusal.value) and "Install that version" in str(refusal.value)
    assert check_tracking(uri, 5.0) == (False, str(refusal.value))
    told: list[str] = []
    tracker = Tracker(uri, "study", "run 1", told.append)
    tracker.start("")
    assert tracker.close(timeout=20.0)
    assert told == [f"MLflow at {uri} cannot be used: {refusal.value}"]


def test_a_store_of_this_mlflow_passes(store: Any, tmp_path: Path) -> None:
    check_database(store.uri)
    check_database(f"sqlite:///{tmp_path}/not there yet.db")
    check_database("http://127.0.0.1:1")


@pytest.mark.parametrize("driver", ["postgresql", "postgresql+psycopg"])
def test_a_database_that_refuses_us_is_a_sentence_within_seconds(driver: str) -> None:
    uri = f"{driver}://ada:s3cret@127.0.0.1:1/d?password=0ther"
    started = time.perf_counter()
    with pytest.raises(TrackingError, match=r"must let MLflow in.*://ada:\*\*\*@127") as refusal:
        open_client(uri)
    assert time.perf_counter() - started < 5
    assert "s3cret" not in str(refusal.value) and "0ther" not in str(refusal.value)


def test_a_database_that_never_answers_is_given_up(silent: int) -> None:
    pytest.importorskip("psycopg")
    uri = f"postgresql+psycopg://ada:s3cret@127.0.0.1:{silent}/d?connect_timeout=2"
    started = time.perf_counter()
    with pytest.raises(TrackingError, match="timeout expired"):
        check_database(uri)
    good, sentence = check_tracking(uri.partition("?")[0], timeout=0.5)
    assert time.perf_counter() - started < 6
    assert not good and "ada:***@" in sentence and "no answer within 0.5 s" in sentence


def test_a_driver_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(TrackingError, match=r'pip install "kappabench\[postgres\]"'):
        check_database("postgresql+psycopg://ada:s3cret@127.0.0.1:1/d")


def test_a_server_with_a_login_is_asked_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def answer(request: Any, timeout: float) -> None:
        asked.append((request.full_url, request.get_header("Authorization"), timeout))
        raise OSError(f"no {request.full_url}")

    monkeypatch.setattr("urllib.request.urlopen", answer)
    good, sentence = check_tracking("http://ada:s3%63ret@h:1/base/", timeout=1.0)
    assert asked == [("http://h:1/base/version", "Basic YWRhOnMzY3JldA==", 1.0)]
    assert not good and "http://ada:***@h:1/base/ does not answer" in sentence
