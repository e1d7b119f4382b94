"""What ``track`` and ``study --resume`` say of a store that does not answer."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from benchmark.results import RunWriter
from benchmark.run import app

# MLflow uses what SQLAlchemy 2.1 deprecates; nothing of ours does.
pytestmark = pytest.mark.filterwarnings("ignore:::mlflow")
Make = Callable[..., Any]
DEAD = "http://me:secret@127.0.0.1:1"
STUDY = """
question = "How fast?"
compare = ["sgd"]
[problem]
function = "quadratic"
options = { dimension = 2 }
[training]
epochs = 2
[search.sgd]
learning_rate = { low = 0.01, high = 0.1 }
[budget]
trials = 2
replicates = 0
"""


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reach this machine without a proxy."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def run_folder(make: Make, tmp_path: Path) -> Path:
    """Write an unfinished run of three trials."""
    with RunWriter.create(tmp_path / "elsewhere", "small", STUDY, {}, "first") as run:
        for number in range(3):
            run.append(*make(number))
        return run.path


def _call(*words: str | Path) -> Any:
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.mark.parametrize(
    ("address", "place", "cause"),
    [
        (DEAD, "http://me:***@127.0.0.1:1", "connection refused"),
        ("garbage://x", "garbage://x", "UnsupportedModelRegistryStoreURIException"),
    ],
)
def test_track_says_what_a_store_that_is_down_did_not_receive(
    run_folder: Path, address: str, place: str, cause: str
) -> None:
    result = _call("track", run_folder, "--tracking-uri", address)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        f"MLflow at {place} does not answer ({cause}); nothing is lost, the run folder keeps "
        "every trial.",
        f"MLflow at {place} did not receive all of small/first. Not sent: 3 trials, the study "
        "file and the end of the run. Try again when it answers.",
    ]


def test_track_finds_the_parent_of_a_folder_by_its_identity(run_folder: Path, store: Any) -> None:
    environment = run_folder / "environment.json"
    identity = json.loads(environment.read_text())["identity"]
    for _ in range(2):
        result = _call("track", run_folder, "--tracking-uri", store.uri)
        assert (result.exit_code, result.stderr) == (0, "")
    ((parent, name, _),) = store.parents()
    assert (name, store.tags(parent)["kappabench.run"]) == ("first", identity)
    assert len(identity) == 32
    assert set(store.children()) == {0, 1, 2}
    # A folder of an earlier version has no identity, and is found by its name.
    environment.write_text("{}")
    for _ in range(2):
        assert _call("track", run_folder, "--tracking-uri", store.uri).exit_code == 0
    assert {store.tags(run)["kappabench.run"] for run, _, _ in store.parents()} == {
        identity,
        "first",
    }
    assert len(store.parents()) == 2


def test_a_resumed_study_counts_the_earlier_trials_that_were_not_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("small.toml").write_text(STUDY, encoding="utf-8")
    begun = _call("study", "small.toml", "--no-tracking", "--quiet", "--run-name", "first")
    assert begun.exit_code == 0, begun.output
    run = Path("results", "small", "first")
    (run / "summary.json").unlink()  # As a kill before the end leaves it.
    result = _call("study", "--resume", run, "--quiet", "--tracking-uri", DEAD)
    assert result.exit_code == 0, result.output
    # Quiet: what went wrong is for standard error, and nothing else is printed.
    assert result.stdout == ""
    assert "does not answer (connection refused)" in result.stderr
    assert "Not in MLflow yet: 2 trials, the study file, report.html" in result.stderr
    assert "secret" not in result.stderr.split("Send it with:")[0]
