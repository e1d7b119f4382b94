"""A run is finished when everything it promises is on the disk, however often it was killed."""

import errno
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import benchmark.engine
import benchmark.report.page
import benchmark.session.finishing
from benchmark.errors import UserError
from benchmark.report.run_data import RunData
from benchmark.results import is_finished, is_trained, read_run
from benchmark.run import app
from benchmark.session.finishing import complete_run
from benchmark.session.session import Session
from tests.small_study import engine, run_session, session_settings

TABLES = ("trials", "curves", "curvature", "spectra", "findings")
ENDS = ("summary.json", "report.html", "finished.json")
SECTIONS = benchmark.report.page.sections_of
PROMISED = {
    *(f"{name}.parquet" for name in TABLES),
    "summary.json",
    "best/adam.keras",
    "best/momentum.keras",
    "report.html",
    "figures/plotly.min.js",
    "finished.json",
}


class Killed(BaseException):
    """Stands for SIGKILL: nothing in the program catches it."""


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that went to its end."""
    changes = ("budget.trials=2", "budget.replicates=0", "curvature.epochs=[3]")
    return run_session(tmp_path_factory.mktemp("uninterrupted"), *changes).path


@pytest.fixture
def after_the_last_trial(uninterrupted: Path, tmp_path: Path) -> Path:
    """The same run as it was when its last trial had just been recorded."""
    path = tmp_path / "results" / "small" / "run"
    shutil.copytree(uninterrupted, path)
    for name in ("figures", "best"):
        shutil.rmtree(path / name)
    for file in (*path.glob("*.parquet"), *map(path.joinpath, ENDS)):
        file.unlink()
    assert not is_trained(path)
    return path


@pytest.fixture
def quick_products(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make each model once, and a report without figures: what is tested is when, not what."""
    make = benchmark.engine.exported_model
    made: dict[int, Any] = {}

    def exported(trial: Any, weights: Any) -> Any:
        if trial.number not in made:
            made[trial.number] = make(trial, weights)
        return made[trial.number]

    monkeypatch.setattr(benchmark.session.finishing, "exported_model", exported)
    monkeypatch.setattr(benchmark.report.page, "sections_of", lambda _: [])
    monkeypatch.setattr(benchmark.report.page, "plotly_script", lambda: "")


@contextmanager
def failing(step: int, error: BaseException, *, after: bool) -> Iterator[list[str]]:
    """Raise just before or after the ``step``-th file gets its name; yields the names."""
    steps: list[str] = []
    replace = Path.replace

    def counted(self: Path, target: Any) -> Any:
        steps.append(Path(target).name)
        if len(steps) == step and not after:
            raise error
        result = replace(self, target)
        if len(steps) == step:
            raise error
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "replace", counted)
        yield steps


def go_on(path: Path) -> None:
    """Do what ``study --resume`` does."""
    if is_trained(path):
        complete_run(path, None, print)
        return
    outcome = Session.resume(path, session_settings(path.parents[2])).run(
        [], lambda: False, engine()
    )
    assert outcome.finished


def assert_finished_like(path: Path, uninterrupted: Path) -> None:
    assert is_finished(path)
    assert {name for name in PROMISED if (path / name).is_file()} == PROMISED
    for name in TABLES:
        file = f"{name}.parquet"
        assert (path / file).read_bytes() == (uninterrupted / file).read_bytes(), file
    mark = json.loads((path / "finished.json").read_text())
    assert all((path / name).is_file() for name in mark["files"])
    assert not list(path.rglob("*.tmp")) and not list((path / "best").glob(".*"))


def kill_twice_and_complete(path: Path, step: int, error: BaseException, *, after: bool) -> bool:
    """Fail at a step, fail again at the same step of what completes it; whether it came to that."""
    for _ in range(2):
        with failing(step, error, after=after) as steps:
            try:
                go_on(path)
            except type(error):
                # The mark is the last name of all, and the only proof.
                assert is_finished(path) == (after and steps[-1] == "finished.json")
            if len(steps) < step:
                assert is_finished(path)
                break
        if is_finished(path):
            break
    else:
        go_on(path)
        return True
    return False


OUT_OF_DISK = OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.usefixtures("quick_products")
@pytest.mark.parametrize(
    ("error", "draws"),
    [
        pytest.param(Killed(), False, id="killed"),
        pytest.param(Killed(), True, id="killed, with figures", marks=pytest.mark.slow),
        pytest.param(OUT_OF_DISK, True, id="disk full, with figures", marks=pytest.mark.slow),
    ],
)
def test_a_run_that_ends_between_any_two_files_is_completed(
    after_the_last_trial: Path,
    uninterrupted: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    *,
    draws: bool,
) -> None:
    drawn = SECTIONS(RunData.read(uninterrupted)) if draws else []
    monkeypatch.setattr(benchmark.report.page, "sections_of", lambda _: drawn)
    step, was_killed = 0, True
    while was_killed:
        step += 1
        path = tmp_path / str(step) / "results" / "small" / "run"
        shutil.copytree(after_the_last_trial, path)
        was_killed = kill_twice_and_complete(path, step, error, after=step % 2 == 0)
        assert_finished_like(path, uninterrupted)
        for section in drawn:
            assert all(
                (path / "figures" / f"{figure.name}.html").is_file() for figure in section.figures
            )
    # 5 tables, summary, 2 models (each staged before), report, Plotly's script, figures, mark.
    assert step - 1 >= len(PROMISED) + sum(len(section.figures) for section in drawn)


def test_what_asks_whether_a_run_is_finished_asks_for_the_mark(
    uninterrupted: Path, tmp_path: Path
) -> None:
    path = tmp_path / "results" / "small" / "run"
    shutil.copytree(uninterrupted, path)
    (path / "finished.json").unlink()
    (path / "report.html").unlink()
    shutil.rmtree(path / "best")
    tables = read_run(path)
    assert tables.is_trained and not tables.is_finished
    results = ("--results", str(tmp_path / "results"))

    def call(*words: str) -> Any:
        return CliRunner().invoke(app, [*words, *results])

    resume = f"python -m benchmark.run study --resume {path}"
    (listed,) = json.loads(call("list", "runs", "--json").stdout)["runs"]
    assert listed["finished"] == "no"
    assert not json.loads(call("show", "small", "--json").stdout)["finished"]
    assert resume in call("show", "small").stdout.replace("\n", "")
    reported = call("report", "small")
    assert resume in reported.stderr
    # No number will change, though the run lacks something.
    assert "unfinished" not in (path / "report.html").read_text(encoding="utf-8")
    before = {name: (path / f"{name}.parquet").read_bytes() for name in TABLES}
    (path / "report.html").unlink()
    completed = call("study", "--resume", "small", "--no-tracking", "--json")
    assert completed.exit_code == 0, completed.output
    document = json.loads(completed.stdout)
    for file in (document["report"], *document["models"].values()):
        assert Path(file).is_file()
    assert set(document["models"]) == {"adam", "momentum"}
    assert {name: (path / f"{name}.parquet").read_bytes() for name in TABLES} == before
    assert json.loads(call("show", "small", "--json").stdout)["finished"]


@pytest.mark.parametrize("name", ["report.html", "best/adam.keras", "trials.parquet"])
def test_a_run_that_lost_a_promised_file_gets_it_again(
    uninterrupted: Path, tmp_path: Path, quick_products: None, name: str
) -> None:
    path = tmp_path / "results" / "small" / "run"
    shutil.copytree(uninterrupted, path)
    (path / name).unlink()
    assert not is_finished(path)
    result = CliRunner().invoke(app, ["study", "--resume", str(path), "--no-tracking", "--json"])
    assert result.exit_code == 0, result.output
    assert Path(json.loads(result.stdout)["report"]).is_file()
    assert_finished_like(path, uninterrupted)


@pytest.mark.parametrize("mark", ["", "[]", "{", '{"files": []}', '{"files": [1]}', '{"files": 7}'])
def test_an_edited_mark_promises_nothing(uninterrupted: Path, tmp_path: Path, mark: str) -> None:
    shutil.copytree(uninterrupted, tmp_path / "run")
    (tmp_path / "run" / "finished.json").write_text(mark)
    assert not is_finished(tmp_path / "run")


def test_a_full_disk_is_a_sentence_with_the_way_on(
    uninterrupted: Path, tmp_path: Path, quick_products: None
) -> None:
    path = tmp_path / "results" / "small" / "run"
    shutil.copytree(uninterrupted, path)
    (path / "finished.json").unlink()
    with failing(7, OUT_OF_DISK, after=False):
        result = CliRunner().invoke(app, ["study", "--resume", str(path), "--no-tracking"])
    assert result.exit_code == 1
    assert "No space left on device" in result.stderr
    assert f"study --resume {path} --no-tracking" in result.stderr
    assert "Traceback" not in result.output
    result = CliRunner().invoke(app, ["study", "--resume", str(path), "--no-tracking"])
    assert result.exit_code == 0 and is_finished(path)


@pytest.mark.filterwarnings("ignore:::mlflow")
def test_track_completes_a_trained_run_even_where_mlflow_is_down(
    uninterrupted: Path, tmp_path: Path, quick_products: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    path = tmp_path / "results" / "small" / "run"
    shutil.copytree(uninterrupted, path)
    (path / "finished.json").unlink()
    shutil.rmtree(path / "best")
    result = CliRunner().invoke(app, ["track", str(path), "--tracking-uri", "http://127.0.0.1:1"])
    assert result.exit_code == 1 and "the best model of adam" in result.stderr
    # What MLflow lacks is sent by the next `track`; the run itself lacks nothing.
    assert_finished_like(path, uninterrupted)


def test_no_link_is_followed_to_save_a_model(
    uninterrupted: Path, tmp_path: Path, quick_products: None
) -> None:
    path, elsewhere = tmp_path / "results" / "small" / "run", tmp_path / "elsewhere"
    shutil.copytree(uninterrupted, path)
    (path / "finished.json").unlink()
    shutil.rmtree(path / "best")
    elsewhere.mkdir()
    (path / "best").symlink_to(elsewhere)
    with pytest.raises(UserError, match="may be a link"):
        complete_run(path, None, print)
    # The same sentence alone, with the exit code of bad input: nothing is wrong with the disk.
    result = CliRunner().invoke(app, ["study", "--resume", str(path), "--no-tracking"])
    assert result.exit_code == 2 and "may be a link" in result.stderr
    assert "Make room" not in result.stderr
    assert not list(elsewhere.iterdir()) and not is_finished(path)


def test_ctrl_c_while_a_run_is_completed_says_how_to_go_on(
    uninterrupted: Path, tmp_path: Path, quick_products: None
) -> None:
    path = tmp_path / "results" / "small" / "run"
    shutil.copytree(uninterrupted, path)
    (path / "finished.json").unlink()
    with failing(8, KeyboardInterrupt(), after=True):
        result = CliRunner().invoke(app, ["study", "--resume", str(path), "--no-tracking"])
    assert result.exit_code == 130
    assert f"study --resume {path} --no-tracking" in result.stderr
    assert not is_finished(path)


def test_weights_that_are_gone_cost_their_model_only(
    uninterrupted: Path, tmp_path: Path, quick_products: None
) -> None:
    path = tmp_path / "results" / "small" / "run"
    shutil.copytree(uninterrupted, path)
    (path / "finished.json").unlink()
    shutil.rmtree(path / "best")
    shutil.rmtree(path / "weights")
    told: list[str] = []
    complete_run(path, None, told.append)
    assert is_finished(path) and not (path / "best").exists()
    assert [sentence.split(":")[0] for sentence in told] == [
        f"No model of {label} can be saved" for label in ("momentum", "adam")
    ]


SENDER = """
import os, signal, sys
from pathlib import Path
from benchmark import backend
backend.select(os.environ["KERAS_BACKEND"])
from benchmark.session.finishing import complete_run
from benchmark.tracking.mirror import RunMirror
sent = 0
def killing(method):
    def call(self, *args, **kwargs):
        global sent
        method(self, *args, **kwargs)
        sent += 1
        if sent == int(sys.argv[3]):
            os.kill(os.getpid(), signal.SIGKILL)
    return call
for name in ("log_study", "log_artifact", "log_model", "finish"):
    setattr(RunMirror, name, killing(getattr(RunMirror, name)))
complete_run(Path(sys.argv[1]), sys.argv[2], print)
"""


# 1 the study, 2 the report, 3 its figures, 4 and 5 the models, 6 the end of the run.
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:::(mlflow|keras)")
@pytest.mark.parametrize("step", [2, 4, 6])
def test_a_run_killed_while_it_is_sent_is_completed_in_mlflow(
    after_the_last_trial: Path, uninterrupted: Path, step: int
) -> None:
    from benchmark.tracking.client import open_client

    path, results = after_the_last_trial, after_the_last_trial.parents[1]
    uri = f"sqlite:///{results / 'mlflow.db'}"
    for name in ("summary.json", *(f"{table}.parquet" for table in TABLES)):
        shutil.copyfile(uninterrupted / name, path / name)
    for _ in range(2):
        words = [sys.executable, "-c", SENDER, str(path), uri, str(step)]
        ended = subprocess.run(words, capture_output=True, text=True, check=False, timeout=300)
        assert ended.returncode == -signal.SIGKILL, ended.stderr
        assert not is_finished(path)
    _, unsent = complete_run(path, uri, print)
    assert not unsent
    assert_finished_like(path, uninterrupted)
    client = open_client(uri)
    experiment = client.get_experiment_by_name("small").experiment_id
    runs = client.search_runs([experiment])
    (parent,) = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert len(runs) == 1 + len(read_run(path).trials)
    models = client.search_logged_models([experiment])
    assert sorted((model.name, str(model.status)) for model in models) == [
        ("best adam", "READY"),
        ("best momentum", "READY"),
    ]
    artifacts = {entry.path for entry in client.list_artifacts(parent.info.run_id)}
    assert artifacts >= {"report.html", "figures", "study.toml"}
