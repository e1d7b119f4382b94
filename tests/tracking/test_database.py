"""What is found out about a database before MLflow opens it."""

import shutil
import socket
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from benchmark.tracking import Tracker, check_tracking
from benchmark.tracking.client import open_client
from benchmark.tracking.database import check_database
from benchmark.tracking.location import TrackingError

pytestmark = pytest.mark.filterwarnings("ignore:::mlflow")


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
