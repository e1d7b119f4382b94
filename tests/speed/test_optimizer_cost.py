"""The cost of each optimizer's step: what is measured, and what the page says."""

import json

import pytest
from typer.testing import CliRunner

from speed import children, machine
from speed.__main__ import app
from speed.measurement import Measurement
from speed.ours.optimizer_steps import measure
from speed.tables import optimizer_table


def one(name, backend, ratio, limit, kept=1.0):
    facts = {
        "ratios": [ratio, 0.9 * ratio, 1.2 * ratio],
        "limit": limit,
        "numbers_a_weight": kept,
        "backend": backend,
    }
    key = f"optimizers/{backend}/{name}"
    return Measurement(key, f"{name}, {backend}", (2e-5,), unit="s/update", facts=facts)


ROWS = [
    one("sgd", "tensorflow", 1.0, 1.15, 0.0),
    one("adam", "tensorflow", 1.4, 1.5, 2.0),
    one("lion", "tensorflow", 9.0, None),
    one("sgd", "jax", 1.3, 1.15, 0.0),
    one("adam", "jax", 1.2, 1.5, 2.0),
    Measurement("optimizers/jax/lion", "lion, jax", missing="not measured: no pure function"),
]
MEASURED = {row.name: row for row in ROWS}


def test_a_row_tells_cost_memory_and_verdict() -> None:
    rows = {row[0]: row for row in optimizer_table(MEASURED).rows}
    assert rows["adam"] == (
        "adam", "2", "20", "1.40", "1.26 … 1.68", "20", "1.20", "1.08 … 1.44", "≤ 1.5 ×", "met",
    )  # fmt: skip
    assert rows["sgd"][-2:] == ("≤ 1.15 ×", "not met on JAX")
    assert rows["lion"][5:] == ("–", "–", "–", "–", "–")


def test_the_command_writes_a_part_of_a_page(monkeypatch, tmp_path) -> None:
    asked: list[str] = []

    def measure_rows(rows, began, stop_requested):
        asked.extend(row.name for row in rows)
        return MEASURED, True

    monkeypatch.setattr(children, "measure_rows", measure_rows)
    monkeypatch.setattr(machine, "load", lambda: 0.1)
    page = tmp_path / "optimizers.md"
    page.write_text("# By hand\n", encoding="utf-8")
    done = CliRunner().invoke(app, ["--optimizers", "--output", str(page)])
    assert done.exit_code == 0, done.output
    assert asked == ["optimizers/tensorflow", "optimizers/jax"]
    assert "against SGD" in done.stdout
    text = page.read_text(encoding="utf-8")
    assert text.startswith("# By hand\n")
    assert "| adam | 2 | 20 | 1.40 |" in text
    assert "lion, jax: not measured: no pure function" in text
    done = CliRunner().invoke(app, ["--optimizers", "--json"])
    assert len(json.loads(done.stdout)["measurements"]) == len(ROWS)


@pytest.mark.parametrize(
    ("name", "limit", "kept"),
    [
        ("sgd", 1.15, 0),
        # Each compiles a program of its own.
        pytest.param("momentum", 1.15, 1, marks=pytest.mark.slow),
        pytest.param("adam", 1.5, 2, marks=pytest.mark.slow),
    ],
)
def test_a_step_is_measured_and_what_is_kept_is_counted(name, limit, kept) -> None:
    [found] = measure(repetitions=2, optimizers=[name])
    assert len(found.values) == len(found.facts["ratios"]) == 2
    assert all(value > 0 for value in found.values)
    assert found.facts["limit"] == limit
    # Numbers for each weight; hyperparameters and the counter of steps are none.
    assert found.facts["numbers_a_weight"] == kept
