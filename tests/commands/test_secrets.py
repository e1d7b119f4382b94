"""Every command with a secret in every URL that it takes: none is printed, none is kept."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from benchmark.commands import doctor
from benchmark.results import read_environment
from benchmark.run import app

# MLflow's tables, and Optuna's, with SQLAlchemy 2.1.
# pysqlite knows no key that carries the secret, of which people are warned without the secret.
pytestmark = pytest.mark.filterwarnings("ignore:::mlflow", "ignore:Query string argument")

SECRET = "5ecret"
STUDY = """
question = "Does a study keep a secret?"
compare = ["sgd"]
[problem]
function = "beale"
[training]
epochs = 1
[budget]
trials = 2
replicates = 0
[curvature]
trials = "none"
"""
# Nobody listens on port 1, so that each is refused at once, or not even read.
URLS = {
    "password": f"postgresql+psycopg://ada:{SECRET}@127.0.0.1:1/d",
    "default driver": f"postgresql://ada:{SECRET}@127.0.0.1:1/d",
    "encoded password": f"postgresql+psycopg://ada:p%40{SECRET}%2F@127.0.0.1:1/d",
    "query": f"postgresql+psycopg://ada@127.0.0.1:1/d?password=x{SECRET}&sslpassword={SECRET}",
    "unknown key": f"postgresql+psycopg://ada@127.0.0.1:1/d?{SECRET}x=1",
    "unencoded @": f"postgresql+psycopg://weird:p@{SECRET}:w/rd@127.0.0.1:1/d",
    "no driver": f"mysql://ada:{SECRET}@127.0.0.1:1/d",
    "no dialect": f"nosuch+driver://ada:{SECRET}@127.0.0.1:1/d",
    "no port": f"postgresql://ada:x@127.0.0.1:{SECRET}/d",
    "not for SQLite": f"sqlite://ada:{SECRET}@host/x.db",
    "server": f"http://ada:{SECRET}@127.0.0.1:1/",
    "token": f"http://{SECRET}@127.0.0.1:1/?token={SECRET}#access_token={SECRET}",
    "half a bracket": f"http://ada:{SECRET}@[::1",
    "two passwords": f"http://ada:{SECRET}@a:{SECRET}@127.0.0.1:1",
    "no scheme": f"ada:{SECRET}@127.0.0.1:1/d",
    "unknown scheme": f"ftp://ada:{SECRET}@127.0.0.1:1/",
}
Call = Callable[..., Any]


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Call]:
    """Return a function that runs a command; at the end all its output and files are searched."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", f"{SECRET}-token")
    monkeypatch.setattr(doctor, "SECONDS", 5.0)
    Path("small.toml").write_text(STUDY, encoding="utf-8")
    printed: list[str] = []

    def invoke(*arguments: str, code: int) -> Any:
        # Each command is a process of its own: a short secret of one would hide digits of another.
        monkeypatch.setattr("benchmark.urls._remembered", {})
        result = CliRunner().invoke(app, [*arguments])
        printed.append(result.output)
        assert result.exit_code == code, (arguments, result.output, result.exception)
        return result

    yield invoke
    assert not [text for text in printed if SECRET in text]
    leaks = [
        str(path)
        for path in tmp_path.rglob("*")
        if SECRET in path.name or (path.is_file() and SECRET.encode() in path.read_bytes())
    ]
    assert not leaks


@pytest.mark.parametrize("case", URLS)
def test_no_command_shows_or_keeps_the_secret_of_a_url_that_it_cannot_use(
    call: Call, case: str, capfd: pytest.CaptureFixture[str]
) -> None:
    url = URLS[case]
    is_server = url.startswith("http")
    if case != "no scheme":  # that would be a folder
        call("study", "small.toml", "--no-tracking", "--storage", url, code=2)
    result = call("doctor", "--json", "--storage", url, "--tracking-uri", url, code=1)
    checks = json.loads(result.stdout)
    assert not checks["tracking"]["good"]
    assert is_server or not checks["storage"]["good"]
    call("ui", "--tracking-uri", url, code=2)
    # What a thread or a library writes past the commands.
    captured = capfd.readouterr()
    assert SECRET not in captured.out + captured.err


def test_a_storage_with_a_secret_is_used_but_not_kept(call: Call, tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path}/optuna.db?x{SECRET}=1&timeout=30"
    new = ("study", "small.toml", "--run-name", "a", "--engine", "sequential", "--no-tracking")
    call(*new, "--storage", storage, code=0)
    run = Path("results/small/a")
    assert read_environment(run)["storage"] is None
    assert read_environment(run)["masked_storage"].endswith("/optuna.db?***&timeout=30")
    for words in (["show", "small/a"], ["show", "small/a", "--json"], ["report", "small/a"]):
        call(*words, code=0)
    call("list", "runs", "--json", code=0)
    # As a run that was interrupted.
    for path in (*run.glob("*.parquet"), run / "summary.json"):
        path.unlink()
    refused = call("study", "--resume", "small/a", "--no-tracking", code=2)
    assert "Received no --storage for" in refused.stderr
    assert "optuna.db?***&timeout=30" in refused.stderr
    call("study", "--resume", "small/a", "--no-tracking", "--storage", storage, code=0)


def test_a_cluster_with_a_secret_is_named_without_it(call: Call, monkeypatch) -> None:
    pytest.importorskip("ray")
    monkeypatch.setenv("RAY_ADDRESS", f"ray://ada:{SECRET}@127.0.0.1:1")
    refused = call("study", "small.toml", "--no-tracking", "--workers", "1", code=2)
    assert "reachable at ray://ada:***@127.0.0.1:1" in refused.stderr


@pytest.mark.slow
def test_a_tracked_study_keeps_no_secret(call: Call, tmp_path: Path, monkeypatch) -> None:
    # The client of MLflow and its tables, artifacts and models.
    store = f"sqlite:///{tmp_path}/m%6Cflow.db?x{SECRET}=1"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    call("study", "small.toml", "--run-name", "a", code=0)
    call("track", "small/a", code=0)
    call("track", "small/a", "--tracking-uri", store.replace("m%6Cflow", "other"), code=0)
    call("doctor", "--json", code=0)
    assert (tmp_path / "mlflow.db").is_file() and (tmp_path / "other.db").is_file()
    down = f"http://ada:{SECRET}@127.0.0.1:1"
    unsent = call("study", "small.toml", "--run-name", "b", "--tracking-uri", down, code=0)
    assert "http://ada:***@127.0.0.1:1" in unsent.output
    call("track", "small/a", "--tracking-uri", down, code=1)


def test_a_failing_command_shows_no_secret_in_its_traceback(tmp_path: Path) -> None:
    import subprocess

    code = (
        "import sys, benchmark.run as run\n"
        "from benchmark.tracking import resolve_tracking_uri as resolve\n"
        "sys.argv = ['kappabench', 'list', 'runs']\n"
        "import benchmark.commands.listing as listing\n"
        "def broken(*_):\n"
        f"    uri = resolve('postgresql://ada:{SECRET}@host/d', {{}}, None)\n"
        "    raise LookupError(f'no route to {uri}')\n"
        "listing.listing = broken\n"
        "run.main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert "LookupError: no route to postgresql://ada:***@host/d" in done.stderr
    assert SECRET not in done.stderr
