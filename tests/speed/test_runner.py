"""The processes that measure, and what becomes of them."""

import json
import os
import subprocess
import sys
import time

import pytest

from speed import plan, runner
from speed.plan import FULL, QUICK, SpeedError, Task, chosen_tasks, tasks
from tests.source_tree import ROOT


@pytest.fixture
def functions(tmp_path, monkeypatch):
    """A module of little functions that stand for measuring work, in other processes too."""
    (tmp_path / "measuring.py").write_text(
        "import os, time\n"
        "from speed.measurement import Measurement, NotAvailableError\n"
        "def good(folder, value):\n"
        "    print('noise')\n"
        "    assert not list(folder.iterdir()) and os.getcwd() == str(folder)\n"
        "    return [Measurement('good/one', 'good', (value, value + 1), facts={'trials': 1})]\n"
        "def lacking():\n"
        "    raise NotAvailableError('not installed: nothing')\n"
        "def broken():\n"
        "    raise ValueError('what is wrong')\n"
        "def endless():\n"
        "    time.sleep(600)\n",
        encoding="utf-8",
    )
    names = ("good", "lacking", "broken", "endless")
    monkeypatch.setattr("speed.runner.FUNCTIONS", {name: f"measuring:{name}" for name in names})
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


def task(group, **arguments) -> Task:
    return Task(group, "", f"title of {group}", "", arguments)


def test_measurements_are_kept_and_failures_are_rows(functions) -> None:
    begun = []
    wanted = [task("good", value=1.5), task("lacking"), task("broken")]
    found, finished = runner.run_tasks(
        wanted, lambda index, one: begun.append((index, one.group)), lambda: False
    )
    assert finished
    assert begun == [(0, "good"), (1, "lacking"), (2, "broken")]
    assert found["good/one"].values == (1.5, 2.5)
    assert found["lacking"].missing == "not installed: nothing"
    assert found["lacking"].title == "title of lacking"
    assert found["broken"].missing == "failed: ValueError: what is wrong"


def test_a_stop_keeps_what_was_measured(functions) -> None:
    begun = []
    found, finished = runner.run_tasks(
        [task("good", value=1.0), task("endless"), task("good", value=3.0)],
        lambda _, one: begun.append(one.group),
        lambda: begun[-1:] == ["endless"],
    )
    assert not finished
    assert begun == ["good", "endless"]
    assert list(found) == ["good/one"]


def test_an_endless_task_is_ended(functions) -> None:
    answer = runner.measure_in_child(task("endless"), lambda: False, limit=0.2)
    assert answer is not None
    assert answer["missing"].startswith("failed: no end")


def test_tasks_have_names_of_their_own_and_known_functions() -> None:
    for sizes in (QUICK, FULL):
        found = tasks(sizes)
        names = [one.name for one in found]
        assert len(names) == len(set(names))
        assert {one.group for one in found} <= set(plan.FUNCTIONS)


def test_full_sizes_are_those_of_the_targets() -> None:
    assert FULL.study == 100
    assert FULL.growth == (1, 100, 1000, 2000)
    assert FULL.overhead == 1000


def test_capacity_reaches_what_is_ours() -> None:
    for one in tasks(QUICK, capacity=7):
        ours = one.group in ("vectorized", "whole_study", "growth", "pruning", "overhead")
        assert (one.arguments.get("capacity") == 7) == ours, one.name


def test_only_takes_groups_and_names() -> None:
    found = tasks(QUICK)
    chosen = chosen_tasks(found, ["usual_way/digits_mlp", "growth"])
    assert [one.name for one in chosen] == ["usual_way/digits_mlp", "growth/digits_mlp"]
    with pytest.raises(SpeedError, match="Received 'nothing'"):
        chosen_tasks(found, ["nothing"])


def test_absent_backend_is_a_sentence() -> None:
    program = (
        "import json, sys; from benchmark.backend import selection\n"
        "selection.find_spec = lambda name: None\n"
        "from speed.child import answer\n"
        "print(json.dumps(answer({'function': 'a:b', 'backend': 'jax', 'arguments': {}})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=os.environ,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert json.loads(done.stdout)["missing"].startswith("not installed: the backend")


def test_matrix_product_counts_two_operations(monkeypatch) -> None:
    from speed.machine import measure_matrix_product

    ticks = iter(range(100))
    monkeypatch.setattr(time, "perf_counter", lambda: float(next(ticks)))
    (found,) = measure_matrix_product(size=8, repetitions=3)
    assert found.values == (2 * 8**3 / 1e9,) * 3  # each product takes one tick
