"""Studies with ``--workers`` as a user runs them: tables, interruption, and what is left."""

import json
import os
import signal
import subprocess
import sys
import uuid
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pytest

pytest.importorskip("ray")

from benchmark.results import read_records
from tests.distributed.processes import left_over, marked
from tests.small_study import TRIALS, program_environment, tables_of, write_study
from tests.test_interruption import finish, wait_for_trials

pytestmark = pytest.mark.slow

HISTORY = ("--set", 'budget.sampler="random"', "--set", 'budget.pruner="none"')
GOODBYE_SECONDS = 20
"""How long after the command processes may still be ending: a killed driver ends none."""


@dataclass
class Command:
    """A study in a folder, all of whose processes carry a mark."""

    folder: Path
    mark: str = field(default_factory=lambda: f"mark-{uuid.uuid4().hex}")

    def start(self, *arguments: str, **variables: str) -> "subprocess.Popen[str]":
        write_study(self.folder)
        return subprocess.Popen(
            [sys.executable, "-m", "benchmark.run", "study", *arguments],
            cwd=self.folder,
            env=program_environment(KAPPABENCH_TEST=self.mark, **variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str, **variables: str) -> Path:
        process = self.start("--no-tracking", *arguments, **variables)
        code, output, errors = finish(process)
        assert code == 0, output + errors
        assert errors == ""
        self.assert_nothing_is_left(process)
        return max(self.folder.glob("results/small/*"), key=lambda path: path.stat().st_ctime)

    def assert_nothing_is_left(self, process: "subprocess.Popen[str]", seconds: float = 0) -> None:
        assert left_over(self.mark, seconds) == {}
        assert not list(Path("/tmp").glob(f"kappabench-{process.pid}-*"))


@pytest.fixture(scope="module")
def expected(tmp_path_factory) -> dict[str, pd.DataFrame]:
    """The tables of one engine in the process itself."""
    return tables_of(Command(tmp_path_factory.mktemp("one")).run("small.toml", *HISTORY))


def assert_same(path: Path, expected: dict[str, pd.DataFrame]) -> None:
    tables = tables_of(path)
    for name, table in expected.items():
        pd.testing.assert_frame_equal(tables[name], table, check_exact=True, obj=name)


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_any_number_of_workers_gives_the_same_tables(tmp_path, expected, workers):
    path = Command(tmp_path).run("small.toml", *HISTORY, "--workers", str(workers))
    facts = json.loads((path / "environment.json").read_text())
    assert (facts["workers"], facts["capacity"]) == (workers, 64 * workers)
    assert_same(path, expected)


def test_large_sums_of_a_diagnosis_are_rounded_alike_for_any_number_of_workers(tmp_path):
    """Products over 1,078 rows, and 1,210 eigenvalues: more than one thread would share them."""
    changes = [
        'problem.dataset="digits"',
        'problem.model={name="multilayer_perceptron", hidden=[16]}',
        "curvature.exact_limit=1300",
        "training.epochs=1",
        "curvature.epochs=[1]",
        "budget.trials=1",
    ]
    options = [*HISTORY, *(word for change in changes for word in ("--set", change))]
    options += ["--capacity", "4"]
    plain = Command(tmp_path / "plain").run("small.toml", *options)
    for workers in ("1", "4"):
        path = Command(tmp_path / workers).run("small.toml", *options, "--workers", workers)
        assert_same(path, tables_of(plain))


def test_a_learning_study_is_repeatable_and_auto_takes_every_core(tmp_path):
    first, second = (
        Command(tmp_path / name).run("small.toml", "--workers", "auto") for name in "ab"
    )
    facts = json.loads((first / "environment.json").read_text())
    assert facts["workers"] == len(os.sched_getaffinity(0))
    assert_same(first, tables_of(second))


def test_ctrl_c_ends_all_processes_and_the_run_goes_on_with_its_workers(tmp_path, expected):
    command = Command(tmp_path)
    options = ("--no-tracking", *HISTORY, "--workers", "2", "--capacity", "3")
    process = command.start("small.toml", *options)
    path = wait_for_trials(tmp_path, 2, process)
    # As a terminal does, and to every process rather than to one group of them.
    running = marked(command.mark)
    assert sum("ray::Worker" in line for line in running.values()) == 2
    for process_id in running:
        os.kill(process_id, signal.SIGINT)
    code, _, errors = finish(process)
    assert code == 130, errors
    assert "Traceback" not in errors
    assert f"study --resume {path.relative_to(tmp_path)} --no-tracking" in errors
    command.assert_nothing_is_left(process)
    assert 2 <= len(list(read_records(path))) < TRIALS

    assert_same(command.run("--resume", str(path)), expected)
    assert json.loads((path / "environment.json").read_text())["workers"] == 2


def test_nothing_runs_on_when_the_command_is_killed(tmp_path):
    command = Command(tmp_path)
    process = command.start("small.toml", "--no-tracking", "--workers", "2")
    wait_for_trials(tmp_path, 1, process)
    process.kill()
    process.communicate()
    # Ray's two agents wait some minutes for a server that is gone; they compute nothing.
    left = left_over(command.mark, GOODBYE_SECONDS, but="Agent")
    assert left == {}


def test_a_cluster_that_cannot_be_reached_is_a_sentence_and_no_run(tmp_path):
    command = Command(tmp_path)
    process = command.start(
        "small.toml", "--no-tracking", "--workers", "1", RAY_ADDRESS="127.0.0.1:1"
    )
    code, _, errors = finish(process)
    assert code == 2, errors
    assert "Ray must start or be reachable at 127.0.0.1:1" in errors
    assert "Traceback" not in errors
    assert not list(tmp_path.glob("results/small/*"))
    command.assert_nothing_is_left(process)
