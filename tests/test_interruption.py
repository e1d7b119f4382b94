"""The program as processes of a terminal: killed, interrupted, and read by another program."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from benchmark.results import read_records
from tests.small_study import (
    TRIALS,
    assert_mlflow_has_every_trial_once,
    program_environment,
    write_study,
)


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start the program in a folder, in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "benchmark.run", *arguments],
        cwd=folder,
        env=program_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    output, errors = process.communicate(timeout=300)
    return process.returncode, output, errors


def wait_for_trials(folder: Path, count: int, process: subprocess.Popen[str]) -> Path:
    """Wait until a running study has recorded that many trials; returns its folder."""
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline and process.poll() is None:
        for file in folder.glob("results/small/*/records.jsonl"):
            if file.read_bytes().count(b"\n") >= count:
                return file.parent
        time.sleep(0.02)
    pytest.fail(f"the study did not record {count} trials: {finish(process)}")


@pytest.mark.parametrize(
    # Enough epochs that a trial is still waiting when the fourth is recorded.
    ("engine", "epochs"),
    [
        pytest.param(("--engine", "sequential"), 20, id="sequential", marks=pytest.mark.slow),
        pytest.param(("--capacity", "3"), 200, id="vectorized"),
    ],
)
def test_killed_and_resumed_no_finished_trial_is_lost_or_repeated(tmp_path, engine, epochs):
    write_study(tmp_path)
    killed = start(tmp_path, "study", "small.toml", *engine, "--set", f"training.epochs={epochs}")
    path = wait_for_trials(tmp_path, 4, killed)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate()
    before = {result.trial.number: result for result, _ in read_records(path)}
    assert 4 <= len(before) < TRIALS

    code, output, errors = finish(start(tmp_path, "study", "--resume", str(path)))
    assert code == 0 and "Not in MLflow" not in errors, output + errors
    trials = pd.read_parquet(path / "trials.parquet")
    assert trials["number"].tolist() == list(range(TRIALS))
    after = {result.trial.number: result for result, _ in read_records(path)}
    for number, result in before.items():
        assert after[number].trial == result.trial
        assert after[number].objective == result.objective
        # The clock shows that it is the same record, not the trial trained again.
        assert after[number].seconds == result.seconds
    assert_mlflow_has_every_trial_once(tmp_path, trials)


def test_ctrl_c_keeps_all_and_says_how_to_go_on(tmp_path):
    write_study(tmp_path)
    options = ("--no-tracking", "--capacity", "2", "--set", "training.epochs=400")
    process = start(tmp_path, "study", "small.toml", *options)
    path = wait_for_trials(tmp_path, 2, process)
    os.killpg(process.pid, signal.SIGINT)
    code, _, errors = finish(process)
    assert code == 130, errors
    assert "Traceback" not in errors
    resume = f"python -m benchmark.run study --resume {path.relative_to(tmp_path)} --no-tracking"
    assert resume in errors
    assert len(list(read_records(path))) >= 2
    assert not (path / "summary.json").exists()


def test_the_summary_as_json_is_the_only_thing_on_standard_output(tmp_path):
    write_study(tmp_path)
    changes = ("--trials", "1", "--set", "budget.replicates=0", "--seed", "3")
    code, output, errors = finish(
        start(tmp_path, "study", "small.toml", "--json", "--run-name", "one", *changes)
    )
    assert code == 0, errors
    document = json.loads(output)
    assert document["trials"] == 2 and document["run"] == "one" and document["verdict"]
    assert Path(tmp_path, document["report"]).is_file()
    assert "trials" in errors  # progress goes to standard error
    frozen = (tmp_path / "results" / "small" / "one" / "study.toml").read_text()
    assert "seed = 3" in frozen and "trials = 1" in frozen
