"""The command as a user runs it, and what it says of other commands."""

import json
import os
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from speed import children, machine
from speed.__main__ import FAILED, app
from speed.measurement import WorkNotDoneError
from speed.ours.command import watch
from tests.source_tree import ROOT
from tests.speed.measured import by_name, measurement, training_run


def invoke(*arguments):
    return CliRunner().invoke(app, [*arguments])


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    """A machine on which nothing else runs, which tests have not."""
    monkeypatch.setattr(machine, "load", lambda: 0.1)


@pytest.fixture
def measured(monkeypatch):
    """Let the command find made-up measurements; the list holds the names that were asked for."""
    asked: list[str] = []

    def answer(measurements, finished=True):
        def measure_rows(rows, began):
            for index, row in enumerate(rows):
                began(index, row)
            asked.extend(row.name for row in rows)
            return measurements, finished

        monkeypatch.setattr(children, "measure_rows", measure_rows)
        return asked

    return answer


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["eigenvalues"], "is not one of"),
        (["--only", "grwth"], "Did you mean `growth`?"),
        (["--output", "speed.html"], "must be Markdown"),
        (["--output", "nowhere/at/all/speed.md"], "folder must exist"),
    ],
)
def test_bad_input_is_a_sentence(arguments, message, monkeypatch) -> None:
    def never(*_):
        pytest.fail("measured in spite of bad input")

    monkeypatch.setattr(children, "measure_rows", never)
    done = invoke(*arguments)
    assert done.exit_code == 2
    assert message in done.stderr
    assert "Traceback" not in done.output


def test_tables_are_shown(measured) -> None:
    measured(training_run())
    done = invoke("--full")
    assert done.exit_code == 0
    for text in ("What was measured", "The targets", "Where the time goes", "aim met"):
        assert text in done.stdout


def test_json_has_nothing_else_on_its_output(measured) -> None:
    asked = measured(training_run())
    done = invoke("curvature", "--json", "--full", "--only", "curvature_exact")
    document = json.loads(done.stdout)
    assert (document["kind"], document["is_full"]) == ("curvature", True)
    assert set(document["measured"]) == set(training_run())
    assert asked == ["curvature_exact/tensorflow/float64", "curvature_exact/jax/float64"]
    assert "1/2 curvature_exact" in done.stderr


@pytest.mark.parametrize("kind", ["training", "optimizers", "curvature"])
def test_a_page_is_written_on_a_quiet_machine_only(kind, measured, monkeypatch, tmp_path) -> None:
    asked, path = measured(training_run()), tmp_path / "speed.md"
    monkeypatch.setattr(machine, "load", lambda: 1e6)
    done = invoke(kind, "--output", str(path))
    assert done.exit_code == 2
    assert not asked and not path.exists()
    sentence = done.stderr.replace("\n", " ")
    assert "a page must be measured on a quiet machine. Received a load of 1000000.0" in sentence
    monkeypatch.setattr(machine, "load", lambda: None)
    assert invoke(kind, "--output", str(path)).exit_code == 0
    assert "|" in path.read_text(encoding="utf-8")


def test_a_busy_machine_is_named(measured, monkeypatch) -> None:
    measured(training_run())
    monkeypatch.setattr(machine, "load", lambda: 1e6)
    done = invoke()
    assert done.exit_code == 0
    assert "Do not rely on this run" in done.stderr


def test_interrupted_run_shows_what_it_has_and_leaves_the_page(measured, tmp_path) -> None:
    measured(by_name(measurement("usual_way/digits_mlp", 5.0, trials=1)), finished=False)
    path = tmp_path / "speed.md"
    path.write_text("as it was", encoding="utf-8")
    done = invoke("--output", str(path))
    assert done.exit_code == 130
    assert "title of usual_way" in done.stdout
    assert path.read_text(encoding="utf-8") == "as it was"


@pytest.mark.parametrize(
    ("missing", "code"),
    [("failed: ValueError: no", FAILED), ("not installed: No module named 'torch'", 0)],
)
def test_what_failed_fails_the_command_and_what_is_absent_does_not(missing, code, measured) -> None:
    measured(by_name(measurement("growth/digits_mlp", missing=missing)))
    done = invoke()
    assert done.exit_code == code
    assert missing in done.stdout.replace("\n", " ")


def test_a_command_is_watched_on_a_terminal() -> None:
    program = "import sys; assert sys.stderr.isatty(); print('Run a/1'); print('best loss 0.5')"
    run = watch([sys.executable, "-c", program], dict(os.environ))
    assert 0 < run["start_seconds"] <= run["first_result_seconds"] <= run["seconds"]
    assert run["processor_seconds"] > 0
    with pytest.raises(WorkNotDoneError, match="ended with 3: what is wrong"):
        watch([sys.executable, "-c", "print('what is wrong'); exit(3)"], dict(os.environ))


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", ["training", "curvature"])
def test_quick_run_measures_everything(kind) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "speed", kind, "--quick", "--json"],
        cwd=ROOT,
        env=os.environ | {"CUDA_VISIBLE_DEVICES": "-1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=1800,
    )
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["is_finished"]
    for name, m in document["measured"].items():
        assert m["values"] or m["missing"].startswith("not "), name
        assert not m["facts"].get("compiled_in_the_clock"), name
