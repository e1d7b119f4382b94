"""The processes that measure, and what becomes of them."""

import importlib
import inspect
import signal
import threading
import time

import pytest

from speed import children, machine
from speed.__main__ import Kind
from speed.proof import initial_weights
from speed.rows import Row, SpeedError, chosen_rows, rows_of


@pytest.fixture
def functions(tmp_path, monkeypatch):
    """A module of little functions that stand for measuring work, in other processes too."""
    (tmp_path / "measuring.py").write_text(
        "import os, time\n"
        "from speed.measurement import Measurement, NotAvailableError\n"
        "def good(folder, value):\n"
        "    print('noise')\n"
        "    assert not list(folder.iterdir()) and os.getcwd() == str(folder)\n"
        "    pair = Measurement('good/pair', 'good', [value, value + 1], facts={'trials': 1})\n"
        "    return [pair, Measurement(title='plain', values=[value])]\n"
        "def lacking():\n"
        "    raise NotAvailableError('needs a GPU')\n"
        "def absent():\n"
        "    import no_such_module\n"
        "def broken():\n"
        "    raise ValueError('what is wrong')\n"
        "def endless():\n"
        "    time.sleep(600)\n",
        encoding="utf-8",
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


def task(group, **arguments) -> Row:
    return Row(group, f"measuring:{group}", "", arguments)


def test_measurements_are_taken_and_failures_are_rows(functions) -> None:
    begun = []
    wanted = [task("good", value=1.5), task("lacking"), task("absent"), task("broken")]
    measured, is_finished = children.measure_rows(wanted, lambda *row: begun.append(row))
    assert is_finished
    assert begun == list(enumerate(wanted))
    assert measured["good/pair"].values == [1.5, 2.5]
    assert (measured["good"].values, measured["good"].title) == ([1.5], "plain")
    assert measured["lacking"].missing == "needs a GPU"
    assert measured["absent"].missing == "not installed: No module named 'no_such_module'"
    assert measured["broken"].missing == "failed: ValueError: what is wrong"


def test_ctrl_c_keeps_what_was_measured(functions) -> None:
    def began(_, row):
        if row.name == "endless":
            threading.Timer(0.3, signal.raise_signal, (signal.SIGINT,)).start()

    started = time.monotonic()
    rows = [task("good", value=1.0), task("endless"), task("good", value=3.0)]
    measured, is_finished = children.measure_rows(rows, began)
    assert not is_finished
    assert list(measured) == ["good/pair", "good"]
    assert time.monotonic() - started < 100  # the child, which sleeps for 600 s, was ended


def test_an_endless_task_is_ended(functions) -> None:
    answer = children.measure_in_child(task("endless"), limit=0.2)
    assert answer["missing"].startswith("failed: no end")


@pytest.mark.parametrize("is_full", [True, False])
def test_rows_have_names_of_their_own_and_functions_that_take_their_arguments(is_full) -> None:
    rows = [row for kind in Kind for row in rows_of(kind, is_full=is_full)]
    assert len({row.name for row in rows}) == len(rows)
    for row in rows:
        module, name = row.function.split(":")
        signature = inspect.signature(getattr(importlib.import_module(module), name))
        folder = {"folder": None} if "folder" in signature.parameters else {}
        signature.bind(**folder, **row.arguments)


def test_full_sizes_are_those_of_the_targets() -> None:
    rows = {row.name: row.arguments for row in rows_of("training", is_full=True)}
    assert rows["whole_study/digits_mlp"]["sizes"] == [100]
    assert rows["long_study/digits_mlp"]["sizes"] == [1000]
    assert rows["growth/digits_mlp"]["sizes"] == [1, 100, 1000, 2000]
    rows = {row.group: row.arguments for row in rows_of("curvature", is_full=True)}
    for group, size in (("curvature_exact", 5035), ("curvature_large", 1014630)):
        assert sum(weights.size for weights in initial_weights(rows[group]["hidden"])) == size


def test_only_takes_groups_and_names() -> None:
    rows = rows_of("training", is_full=False)
    chosen = chosen_rows(rows, ["usual_way/digits_mlp", "growth"])
    assert [row.name for row in chosen] == ["usual_way/digits_mlp", "growth/digits_mlp"]
    assert chosen[1].arguments["sizes"] == [1, 20, 200, 400]
    with pytest.raises(SpeedError, match=r"Received 'grwth'\. Did you mean `growth`\?"):
        chosen_rows(rows, ["grwth"])


def test_matrix_product_counts_two_operations(monkeypatch) -> None:
    ticks = iter(range(100))
    monkeypatch.setattr(time, "perf_counter", lambda: float(next(ticks)))
    (product,) = machine.measure_matrix_product(size=8, repetitions=3)
    assert product.values == [2 * 8**3 / 1e9] * 3  # each product takes one tick
