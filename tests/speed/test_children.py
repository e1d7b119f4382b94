"""The processes that measure, and what becomes of them."""

import importlib
import inspect
import json
import os
import subprocess
import sys
import time

import pytest

from speed import children
from speed.proof import initial_weights
from speed.rows import Row, SpeedError, chosen_rows, curvature_rows, training_rows
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
        "    pair = Measurement('good/one', 'good', (value, value + 1), facts={'trials': 1})\n"
        "    return [pair, Measurement(values=(value,))]\n"
        "def lacking():\n"
        "    raise NotAvailableError('not installed: nothing')\n"
        "def broken():\n"
        "    raise ValueError('what is wrong')\n"
        "def endless():\n"
        "    time.sleep(600)\n",
        encoding="utf-8",
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


def task(group, **arguments) -> Row:
    return Row(group, f"title of {group}", f"measuring:{group}", "", arguments)


def test_measurements_are_kept_and_failures_are_rows(functions) -> None:
    begun = []
    wanted = [task("good", value=1.5), task("lacking"), task("broken")]
    found, finished = children.measure_rows(
        wanted, lambda index, one: begun.append((index, one.group)), lambda: False
    )
    assert finished
    assert begun == [(0, "good"), (1, "lacking"), (2, "broken")]
    assert found["good/one"].values == (1.5, 2.5)
    assert (found["good"].values, found["good"].title) == ((1.5,), "title of good")
    assert found["lacking"].missing == "not installed: nothing"
    assert found["lacking"].title == "title of lacking"
    assert found["broken"].missing == "failed: ValueError: what is wrong"


def test_a_stop_keeps_what_was_measured(functions) -> None:
    begun = []
    found, finished = children.measure_rows(
        [task("good", value=1.0), task("endless"), task("good", value=3.0)],
        lambda _, one: begun.append(one.group),
        lambda: begun[-1:] == ["endless"],
    )
    assert not finished
    assert begun == ["good", "endless"]
    assert list(found) == ["good/one", "good"]


def test_an_endless_task_is_ended(functions) -> None:
    answer = children.measure_in_child(task("endless"), lambda: False, limit=0.2)
    assert answer is not None
    assert answer["missing"].startswith("failed: no end")


@pytest.mark.parametrize("is_full", [True, False])
def test_rows_have_names_of_their_own_and_functions_that_take_their_arguments(is_full) -> None:
    rows = [*training_rows(is_full=is_full), *curvature_rows(is_full=is_full)]
    assert len({row.name for row in rows}) == len(rows)
    for row in rows:
        module, name = row.function.split(":")
        signature = inspect.signature(getattr(importlib.import_module(module), name))
        folder = {"folder": None} if "folder" in signature.parameters else {}
        signature.bind(**folder, **row.arguments)


def test_full_sizes_are_those_of_the_targets() -> None:
    rows = {row.name: row.arguments for row in training_rows(is_full=True)}
    assert rows["whole_study/digits_mlp"]["sizes"] == [100]
    assert rows["growth/digits_mlp"]["sizes"] == [1, 100, 1000, 2000]
    assert rows["overhead/digits_mlp"]["trials"] == 1000
    hidden = {row.group: row.arguments.get("hidden") for row in curvature_rows(is_full=True)}
    sizes = {
        group: sum(weights.size for weights in initial_weights(units))
        for group, units in hidden.items()
        if units
    }
    assert sizes == {"curvature_exact": 5035, "curvature_large": 1014630}


def test_capacity_reaches_what_is_ours() -> None:
    for row in training_rows(is_full=False, capacity=7):
        ours = row.group in ("vectorized", "whole_study", "growth", "pruning", "overhead")
        assert (row.arguments.get("capacity") == 7) == ours, row.name


def test_only_takes_groups_and_names() -> None:
    rows = training_rows(is_full=False)
    chosen = chosen_rows(rows, ["usual_way/digits_mlp", "growth"])
    assert [row.name for row in chosen] == ["usual_way/digits_mlp", "growth/digits_mlp"]
    with pytest.raises(SpeedError, match="Received 'nothing'"):
        chosen_rows(rows, ["nothing"])


def test_absent_backend_is_a_sentence() -> None:
    program = (
        "import json, sys; from benchmark.backend import selection\n"
        "selection.find_spec = lambda name: None\n"
        "from speed.children import answer\n"
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
