"""Tables and pages of made-up runs."""

import pytest

from speed import tables
from speed.measurement import Measurement
from speed.page import MARKER, Record, page, write_page
from tests.speed.measured import by_name, curvature_run, measurement, training_run

MACHINE = {
    "date": "2030-01-01 00:00 UTC",
    "commit": "abc",
    "processor": "a processor",
    "cores": 2,
    "memory_gibibytes": 8.0,
    "load": 0.2,
    "platform": "Linux",
    "python": "3.11.1",
    "versions": {"numpy": "2.0"},
}


def record(measured=None, kind="training", command="python -m speed --full", is_full=True):
    measured = training_run() if measured is None else measured
    return Record(kind, MACHINE, command, is_full, True, measured, 600.0)


def row_of(table, beginning):
    """The cells of a row by column."""
    (row,) = [row for row in table.rows if row[0].startswith(beginning)]
    return dict(zip(table.columns, row, strict=True))


def step(name, backend, ratio, limit, stored=1.0):
    ratios = [ratio, 0.9 * ratio, 1.2 * ratio]
    facts = {"ratios": ratios, "limit": limit, "numbers_a_weight": stored}
    return measurement(f"optimizers/{backend}/{name}", 2e-5, unit="s/update", **facts)


STEPS = by_name(
    step("sgd", "tensorflow", 1.0, 1.15, 0.0),
    step("adam", "tensorflow", 1.4, 1.5, 2.0),
    step("lion", "tensorflow", 9.0, None),
    step("sgd", "jax", 1.3, 1.15, 0.0),
    step("adam", "jax", 1.2, 1.5, 2.0),
    Measurement("optimizers/jax/lion", "lion, jax", missing="not measured: no pure function"),
)


def test_cost_is_a_ratio_to_a_partner_with_its_spread() -> None:
    missing = measurement("keras_tuner/digits_mlp", missing="not installed: no module")
    table = tables.measured_table(training_run() | by_name(missing))
    row = row_of(table, "title of whole_study")
    assert row["median"] == "50 ms/trial"
    assert row["min … max (values)"] == "50 … 50 (1)"
    assert row["times as fast as"] == "100 × (80 … 120) usual_way/digits_mlp"
    assert "100 trials" in row["remarks"]
    assert row_of(table, "title of keras_tuner")["median"] == "not installed: no module"
    ends = row_of(table, "title of vectorized/digits_mlp/tensorflow/ends_only")
    assert ends["times as fast as"] == "5 × (5 … 5) scikit_learn/digits_mlp/all"
    assert ends["share of the machine's rate: training / with evaluation"] == "30 % / 65 %"
    assert row_of(table, "title of usual_way")["times as fast as"] == "–"
    assert "products" not in table.columns  # nothing here has any


def test_commands_have_their_ratio_and_their_parts() -> None:
    row = row_of(tables.command_table(training_run()), "title of command/quickstart/warm")
    assert row["× the bare import"] == "2.45 (2.4 … 2.5)"
    assert (row["compile, s"], row["diagnose, s"]) == ("14.0", "9.0")
    assert row["until the first result, s"] == "9.0"


def test_profile_is_milliseconds_a_trial() -> None:
    row = row_of(tables.profile_table(training_run()), "title of whole_study")
    assert (row["train"], row["search"], row["wall clock"]) == ("20.0", "10.0", "50.0")
    assert row["after the last trial"] == "10.0"


def test_curvature_shows_errors_and_memory() -> None:
    table = tables.measured_table(curvature_run())
    row = row_of(table, "title of curvature_eigenvalues/jax/float64")
    assert (row["median"], row["largest relative error"], row["products"]) == (
        "100 ms", "1.0e-08", "33",
    )  # fmt: skip
    large = row_of(table, "title of curvature_large/jax")
    assert large["peak memory, GB (growth)"] == "1.50 (0.50)"
    assert "7.0 s more" in row_of(table, "title of curvature_exact/jax")["remarks"]


def test_targets_of_a_quick_run_say_so() -> None:
    full, quick = (tables.target_table(training_run(), is_full=full) for full in (True, False))
    row = row_of(full, "whole study")
    assert (row["bound"], row["aim"], row["measured"]) == ("≥ 60 ×", "≥ 150 ×", "100 ×")
    assert (row["spread"], row["verdict"]) == ("80 … 120", "met")
    assert row_of(quick, "whole study")["verdict"].startswith("met (quick run")
    assert row_of(full, "contours")["aim"] == "–"


def test_an_optimizer_has_cost_memory_and_verdict() -> None:
    rows = {row[0]: row for row in tables.optimizer_table(STEPS).rows}
    assert rows["adam"] == (
        "adam", "2", "20", "1.40 (1.26 … 1.68)", "20", "1.20 (1.08 … 1.44)", "≤ 1.5 ×", "met",
    )  # fmt: skip
    assert rows["sgd"][-2:] == ("≤ 1.15 ×", "not met on jax")
    assert rows["lion"][4:] == ("–", "–", "–", "–")


@pytest.mark.parametrize(
    ("measured", "kind", "headings"),
    [
        (
            training_run(),
            "training",
            "The targets|From the command to the report|What was measured|Where the time goes",
        ),
        (curvature_run(), "curvature", "The targets|What was measured"),
    ],
)
def test_page_names_machine_and_command_and_has_whole_tables(measured, kind, headings) -> None:
    text = page(record(measured, kind, is_full=False))
    for fact in ("2030-01-01", "abc", "a processor, 2 cores", "numpy 2.0", "a quick run"):
        assert fact in text
    assert "|".join(line[3:] for line in text.splitlines() if line.startswith("## ")) == headings
    for block in (block for block in text.split("\n\n") if block.startswith("|")):
        assert len({line.count("|") for line in block.strip().splitlines()}) == 1, block


def test_a_bar_in_a_cell_is_no_column() -> None:
    table = tables.Table("sizes", ("what", "size"), [("a|b", "1")])
    assert table.markdown() == "| what | size |\n| --- | --- |\n| a\\|b | 1 |"


def test_rewriting_keeps_what_is_written_by_hand(tmp_path) -> None:
    path = tmp_path / "speed.md"
    write_page(path, record())
    first = path.read_text(encoding="utf-8")
    assert "## What was tried and did not help" in first
    path.write_text(first + "\nA sentence.\n", encoding="utf-8")
    for _ in range(2):
        write_page(path, record(command="another"))
        second = path.read_text(encoding="utf-8")
        assert second.endswith("\nA sentence.\n")
        assert second.count(MARKER) == second.count("another") == 1


def test_optimizers_are_a_part_of_a_page(tmp_path) -> None:
    path = tmp_path / "optimizers.md"
    path.write_text("# By hand\n", encoding="utf-8")
    write_page(path, record(STEPS, "optimizers"))
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# By hand\n")
    assert "| adam | 2 | 20 | 1.40 (" in text
    assert "lion, jax: not measured: no pure function" in text
