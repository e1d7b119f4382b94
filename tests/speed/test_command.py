"""The command as a user runs it."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from typer.testing import CliRunner

from speed import children, machine
from speed.__main__ import FAILED, app
from speed.rows import Row
from tests.source_tree import ROOT
from tests.speed.measured import by_name, measurement, whole_run

COMMAND = [sys.executable, "-m", "speed"]


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

    def answer(found, finished=True):
        def measure_rows(rows, began, stop_requested):
            for index, row in enumerate(rows):
                began(index, row)
            asked.extend(row.name for row in rows)
            return found, finished

        monkeypatch.setattr(children, "measure_rows", measure_rows)
        return asked

    return answer


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--quick", "--full"], "--quick and --full"),
        (["--gpu", "--profile"], "exclude each other"),
        (["--gpu", "--optimizers"], "exclude each other"),
        (["--gpu", "--only", "growth"], "Received --only besides"),
        (["--only", "grwth"], "Did you mean `growth`?"),
        (["--output", "speed.html"], "must be Markdown"),
        (["--output", "nowhere/at/all/speed.md"], "folder must exist"),
        (["--capacity", "0"], "--capacity"),
    ],
)
def test_bad_input_is_a_sentence(arguments, said, monkeypatch) -> None:
    def never(*_):
        pytest.fail("measured in spite of bad input")

    monkeypatch.setattr(children, "measure_rows", never)
    done = invoke(*arguments)
    assert done.exit_code == 2
    assert said in done.stderr
    assert "Traceback" not in done.output


def test_tables_are_shown(measured) -> None:
    measured(whole_run())
    done = invoke("--full")
    assert done.exit_code == 0
    for said in ("What was measured", "The targets", "Where the time goes", "aim met"):
        assert said in done.stdout


def test_json_has_nothing_else_on_its_output(measured) -> None:
    measured(whole_run())
    done = invoke("--json", "--full")
    found = json.loads(done.stdout)
    assert found["sizes"] == "full"
    assert len(found["measurements"]) == len(whole_run())
    assert "1/" in done.stderr


def test_page_is_written_beside_its_figure(measured, tmp_path) -> None:
    pytest.importorskip("matplotlib")
    measured(whole_run())
    path = tmp_path / "found.md"
    assert invoke("--output", str(path)).exit_code == 0
    assert "](found.svg)" in path.read_text(encoding="utf-8")
    assert (tmp_path / "found.svg").is_file()


@pytest.mark.parametrize("kind", [[], ["--optimizers"], ["--curvature"]])
def test_no_page_is_written_on_a_busy_machine(kind, measured, monkeypatch, tmp_path) -> None:
    asked = measured(whole_run())
    monkeypatch.setattr(machine, "load", lambda: 1e6)
    done = invoke("--output", str(tmp_path / "speed.md"), *kind)
    assert done.exit_code == 2
    assert not asked and not list(tmp_path.iterdir())
    sentence = done.stderr.replace("\n", " ")
    assert "a page must be measured on a quiet machine. Received a load of 1000000.0" in sentence
    assert "or leave out --output" in sentence


def test_a_busy_machine_is_named(measured, monkeypatch) -> None:
    measured(whole_run())
    monkeypatch.setattr(machine, "load", lambda: 1e6)
    done = invoke()
    assert done.exit_code == 0
    assert "Do not rely on this run" in done.stderr
    monkeypatch.setattr(machine, "load", lambda: None)
    assert "busy" not in invoke().stderr


def test_interrupted_run_shows_what_it_has_and_leaves_the_page(measured, tmp_path) -> None:
    measured(by_name(measurement("usual_way/digits_mlp", 5.0, trials=1)), finished=False)
    path = tmp_path / "speed.md"
    path.write_text("as it was", encoding="utf-8")
    done = invoke("--output", str(path))
    assert done.exit_code == 130
    assert "title of usual_way" in done.stdout
    assert path.read_text(encoding="utf-8") == "as it was"


def test_failed_measurement_is_shown_and_fails_the_command(measured) -> None:
    measured(by_name(measurement("growth/digits_mlp", missing="failed: ValueError: no")))
    done = invoke()
    assert done.exit_code == FAILED
    assert "failed: ValueError: no" in done.stderr


def test_competitor_that_is_not_installed_fails_nothing(measured) -> None:
    measured(by_name(measurement("pytorch/digits_mlp", missing="not installed: pip install it")))
    done = invoke()
    assert done.exit_code == 0
    assert "not installed" in done.stdout


def test_profile_measures_what_has_clocks(measured) -> None:
    asked = measured(whole_run())
    assert invoke("--profile").exit_code == 0
    assert asked == [
        "vectorized/digits_mlp/tensorflow",
        "whole_study/digits_mlp",
        "overhead/digits_mlp",
    ]


def test_no_gpu_is_a_sentence(measured) -> None:
    asked = measured(by_name(measurement("accelerator", missing="--gpu needs a GPU.")))
    done = invoke("--gpu")
    assert asked == ["accelerator"]
    assert done.exit_code == 2
    assert "--gpu needs a GPU." in done.stderr


def test_gpu_shows_trials_a_second(measured) -> None:
    rate = measurement("accelerator/capacity_4", 8.0, unit="trials/s", capacity=4)
    measured(by_name(rate))
    done = invoke("--gpu", "--any-device")
    assert done.exit_code == 0
    assert "8 trials/s" in done.stdout
    assert "4 at once" in done.stdout


@pytest.mark.parametrize(("arguments", "largest"), [(["--gpu"], 4096), (["--gpu", "--quick"], 64)])
def test_gpu_is_measured_up_to_its_largest_capacity(arguments, largest, monkeypatch) -> None:
    asked: list[Row] = []

    def measure_rows(rows, began, stop_requested):
        asked.extend(rows)
        return {}, True

    monkeypatch.setattr(children, "measure_rows", measure_rows)
    assert invoke(*arguments).exit_code == 0
    (row,) = asked
    assert (row.backend, row.arguments["capacities"][-1]) == ("jax", largest)


@pytest.mark.slow
def test_interruption_ends_the_measuring_processes() -> None:
    process = subprocess.Popen(
        [*COMMAND, "--only", "usual_way/digits_mlp", "--only", "matrix_product"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "Optuna" in line:
            break
    time.sleep(2)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "float32 matrix product" in output
    assert "Traceback" not in errors
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_quick_run_measures_everything() -> None:
    done = subprocess.run(
        [*COMMAND, "--quick", "--json"],
        cwd=ROOT,
        env=os.environ | {"CUDA_VISIBLE_DEVICES": "-1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=1800,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["finished"]
    measurements = {one["name"]: one for one in found["measurements"]}
    for name in ("matrix_product", "usual_way/digits_mlp", "vectorized/digits_mlp/tensorflow"):
        assert all(value > 0 for value in measurements[name]["values"]), name
        assert measurements[name]["values"], name
    for one in measurements.values():
        assert one["values"] or one["missing"].startswith("not "), one
        assert not one["facts"].get("compiled_in_the_clock"), one
