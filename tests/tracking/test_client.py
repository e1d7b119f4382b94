"""Opening a store: created whole or not at all."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmark.tracking import check_tracking, default_tracking_uri
from benchmark.tracking.client import CREATING, open_client
from benchmark.tracking.embedded import EmbeddedStore
from benchmark.tracking.location import artifact_root_of, sqlite_file

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
