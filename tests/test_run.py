"""The command line as a user types it."""

import json
import os
import shutil
import subprocess
import sys

import pandas as pd
import pytest
from typer.testing import CliRunner

from benchmark.run import app
from tests.small_study import (
    TRIALS,
    assert_mlflow_has_every_trial_once,
    program_environment,
    tables_of,
    write_study,
)


def call(*arguments: str):
    return CliRunner().invoke(app, list(arguments))


BAD_INPUT = {
    "no such study": (["study", "no_such"], "a study must be a TOML file"),
    "no such run": (["study", "--resume", "no_such"], "a run must exist"),
    "engine of a resumed run": (["study", "--resume", "x", "--capacity", "2"], "--engine, --cap"),
    "engine that does not exist": (["study", "--engine", "fast"], "vectorized"),
    "capacity of the sequential engine": (
        ["study", "--engine", "sequential", "--capacity", "2"],
        "capacity of 1. Received 2",
    ),
    "capacity of nothing": (["study", "--engine", "vectorized", "--capacity", "0"], "--capacity"),
    "workers of a resumed run": (["study", "--resume", "x", "--workers", "2"], "--workers."),
    "workers of the sequential engine": (
        ["study", "--engine", "sequential", "--workers", "2"],
        "must train in one process. Received 2 at --workers",
    ),
    "no workers": (["study", "--workers", "0"], ">= 1 or auto. Received 0 at --workers"),
    "workers that are no number": (["study", "--workers", "all"], "Received 'all' at --workers"),
    "more workers than trials at once": (
        ["study", "--workers", "3", "--capacity", "2"],
        "the number of workers, 3. Received 2 at --capacity",
    ),
    "change of a resumed run": (["study", "--resume", "x", "--seed", "1"], "Leave out NAME"),
    "change without value": (["study", "quickstart", "--set", "seed"], "must be KEY=VALUE"),
    "change of an unknown key": (
        ["study", "quickstart", "--set", "training.epoch=1"],
        "Did you mean `epochs`?",
    ),
    "class that Keras has not": (
        ["study", "quickstart", "--set", 'compare=["keras:Adm"]'],
        "Did you mean `keras:Adam`? It stands at compare[0]",
    ),
    "change through a value": (["study", "quickstart", "--set", "seed.x=1"], "through tables"),
    "negative seed": (["study", "quickstart", "--seed", "-1"], "seed must be >= 0. Received -1"),
    "resuming nothing": (["study", "--resume", ""], "a run must exist"),
    "run name with a separator": (["study", "--run-name", "a/b"], "run_name must be"),
    "run name that means another": (["study", "--run-name", "latest"], "run_name must be"),
    "run name without letters": (["study", "--run-name", ""], "run_name must be"),
    "run name of 300 letters": (["study", "--run-name", "a" * 300], "run_name must be"),
    "results that cannot be written": (
        ["study", "--no-tracking", "--results", "/proc/no_such"],
        "folders writable",
    ),
    "run to show": (["show", "no_such"], "a run must exist"),
    "run to report": (["report", "no_such"], "a run must exist"),
    "run to track": (["track", "no_such"], "a run must exist"),
    "study to validate": (["validate", "no_such"], "a study must be a TOML file"),
    "thing to list": (["list", "everything"], "everything"),
    "unknown option": (["study", "--no-such-option"], "No such option"),
    "server to open": (["ui", "--tracking-uri", "http://127.0.0.1:1"], "open that address"),
}


@pytest.mark.parametrize("name", BAD_INPUT)
def test_bad_input_is_exit_code_2_with_a_sentence(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    arguments, expected = BAD_INPUT[name]
    result = call(*arguments)
    assert result.exit_code == 2, result.output
    assert expected in " ".join((result.output + result.stderr).split())
    assert "Traceback" not in result.output
    assert not list(tmp_path.glob("results/*/*"))


def test_workers_without_ray_are_refused_before_the_framework_is_imported(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("benchmark.distributed.machine.find_spec", lambda name: None)
    monkeypatch.setattr("benchmark.backend.select", lambda *_: pytest.fail("imported"))
    result = call("study", "--workers", "auto", "--no-tracking")
    assert result.exit_code == 2
    assert "pip install 'kappabench[ray]'" in " ".join(result.stderr.split())


def test_help_of_every_command_has_an_example():
    for command in (
        "study",
        "validate",
        "list",
        "show",
        "report",
        "track",
        "ui",
        "doctor",
        "curvature",
    ):
        result = call(command, "--help")
        assert result.exit_code == 0
        assert "Example" in result.output, command


def test_help_imports_nothing_heavy():
    program = (
        "import sys; sys.argv = ['run', '--help']\n"
        "from benchmark.run import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(sorted({name.split('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env=program_environment(),
        check=True,
    )
    heavy = {"tensorflow", "jax", "keras", "numpy", "pandas", "sklearn", "optuna", "mlflow"}
    heavy |= {"scipy", "plotly", "pydantic", "pyarrow", "ray"}
    loaded = set(json.loads(done.stderr.strip().splitlines()[-1].replace("'", '"')))
    assert not loaded & heavy
    assert "doctor" in done.stdout


def test_listing_needs_no_framework_and_every_kind_is_filled(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = call("list", "--json")
    assert result.exit_code == 0, result.output
    listed = json.loads(result.stdout)
    names = {kind: {row["name"] for row in rows} for kind, rows in listed.items()}
    assert names["studies"] >= {
        "quickstart",
        "regression",
        "stopping_rule",
        "quadratic",
        "conditioning",
        "depth",
    }
    assert names["datasets"] >= {"digits", "iris", "wine", "breast_cancer", "diabetes"}
    assert names["models"] >= {"linear", "multilayer_perceptron", "convolutional_network"}
    assert names["optimizers"] >= {"gradient_descent", "sgd", "momentum", "nesterov", "adam"}
    assert names["samplers"] >= {"tpe", "random", "quasi_random", "grid"}
    assert names["pruners"] >= {"none", "median", "successive_halving", "hyperband"}
    assert names["runs"] == set()
    assert "quickstart" in call("list", "studies").output


def test_shipped_studies_are_valid(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = ["quickstart", "regression", "stopping_rule", "quadratic", "conditioning", "depth"]
    result = call("validate", *names)
    assert result.exit_code == 0, result.output
    assert result.output.split() == [word for name in names for word in (f"{name}:", "good")]


def test_validate_tells_good_from_bad_and_runs_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    good = write_study(tmp_path)
    bad = tmp_path / "bad.toml"
    bad.write_text(good.read_text().replace("learning_rate", "learnin_rate", 1))
    result = call("validate", "small.toml", "bad.toml", "--json")
    assert result.exit_code == 2
    document = json.loads(result.stdout)
    assert document["small.toml"] == []
    assert "learnin_rate" in document["bad.toml"][0]
    assert not (tmp_path / "results").exists()


@pytest.fixture(scope="module")
def finished_folder(tmp_path_factory):
    """A folder whose ``results`` hold one finished run."""
    from tests.small_study import run_session

    folder = tmp_path_factory.mktemp("finished")
    run_session(folder)
    return folder


def test_a_run_is_resumed_on_its_own_backend_only(finished_folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(finished_folder / "results", tmp_path / "results")
    for summary in tmp_path.glob("results/small/*/summary.json"):
        summary.unlink()  # a run without one is unfinished
    second_backend = {"tensorflow": "jax", "jax": "tensorflow"}[os.environ["KERAS_BACKEND"]]
    result = call("study", "--resume", "small", "--backend", second_backend, "--no-tracking")
    assert result.exit_code == 2
    assert "must be resumed on the backend it began on" in result.output


def test_a_finished_run_resumed_stays_as_it_is(finished_folder, monkeypatch):
    monkeypatch.chdir(finished_folder)
    (run,) = finished_folder.glob("results/small/*")
    before = {file: file.read_bytes() for file in run.rglob("*") if file.is_file()}
    result = call("study", "--resume", "small")
    assert result.exit_code == 0 and "finished already" in result.output
    assert {file: file.read_bytes() for file in run.rglob("*") if file.is_file()} == before


def test_damaged_files_of_a_run_are_sentences_or_made_anew(finished_folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(finished_folder / "results", tmp_path / "results")
    (run,) = tmp_path.glob("results/small/*")
    (run / "trials.parquet").write_bytes(b"no parquet")
    assert len(json.loads(call("show", "--json").stdout)["trials"]) == TRIALS
    (run / "summary.json").write_text("{")
    assert len(json.loads(call("show", "--json").stdout)["trials"]) == TRIALS
    for content in ("{", "[]"):
        (run / "environment.json").write_text(content)
        for command in (["show"], ["report"], ["study", "--resume", "latest"]):
            result = call(*command)
            assert result.exit_code == 2, (command, result.output)
            assert "environment.json must be readable" in result.output


def test_show_shows_a_run_and_a_trial(finished_folder, monkeypatch):
    monkeypatch.chdir(finished_folder)
    document = json.loads(call("show", "--json").stdout)
    assert document["finished"] and len(document["trials"]) == TRIALS and document["verdict"]
    shown = call("show", "small")
    assert "adjusted p" in shown.output and "momentum" in shown.output and "adam" in shown.output
    trial = json.loads(call("show", "latest", "--trial", "0", "--json").stdout)
    assert [row["epoch"] for row in trial["curves"]] == [0, 1, 2, 3]
    assert trial["trial"]["label"] == "momentum"
    assert "train_loss" in call("show", "latest", "--trial", "0").output
    curvature = tables_of(next(finished_folder.glob("results/small/*")))["curvature"]
    # Every trial of the search is followed; those with an eigenvalue were diagnosed.
    diagnosed = curvature[curvature["quantity"] == "lambda_max"]
    measured = str(diagnosed["trial"].iloc[0])
    document = json.loads(call("show", "latest", "--trial", measured, "--json").stdout)
    assert {row["topic"] for row in document["findings"]} >= {"verdict", "definiteness"}
    assert "critical_point" in call("show", "latest", "--trial", measured).output
    missing = call("show", "latest", "--trial", "999")
    assert missing.exit_code == 2 and "must be a finished trial" in missing.output + missing.stderr


def test_a_report_is_made_anew_from_the_folder_alone(finished_folder, monkeypatch):
    monkeypatch.chdir(finished_folder)
    (run,) = finished_folder.glob("results/small/*")
    tables = tables_of(run)
    report = run / "report.html"
    report.unlink()
    result = call("report", "latest")
    assert result.exit_code == 0, result.output
    assert "softmax regression on iris" in report.read_text(encoding="utf-8")
    pd.testing.assert_frame_equal(tables_of(run)["trials"], tables["trials"])


def test_track_sends_a_run_that_was_not_tracked(finished_folder, monkeypatch):
    monkeypatch.chdir(finished_folder)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    for _ in range(2):  # the second time nothing is sent twice
        result = call("track", "latest")
        assert result.exit_code == 0, result.output
    (run,) = finished_folder.glob("results/small/*")
    assert_mlflow_has_every_trial_once(finished_folder, pd.read_parquet(run / "trials.parquet"))


def test_doctor_finds_this_installation_good(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    result = call("doctor", "--json")
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert set(document) >= {"python", "keras", "backend", "devices", "storage", "tracking"}
    assert document["backend"]["found"] == os.environ["KERAS_BACKEND"]


def test_doctor_says_what_does_not_answer(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    storage = f"sqlite:///{tmp_path}/no/such/optuna.db"
    result = call("doctor", "--json", "--storage", storage)
    assert result.exit_code == 1
    document = json.loads(result.stdout)
    assert not document["storage"]["good"]
    assert "storage must be reachable" in document["storage"]["found"]
