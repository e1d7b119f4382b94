import json
from xml.etree import ElementTree

import pytest

from speed import page as pages
from speed import tables
from speed.page import Record, write_figure
from speed.targets import verdicts
from tests.speed.measured import by_name, measurement, whole_run

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


def record(measured=None, **changes) -> Record:
    facts = {
        "machine": MACHINE,
        "command": "python -m speed --full",
        "is_full": True,
        "is_finished": True,
        "measured": whole_run() if measured is None else measured,
        "seconds": 600.0,
    }
    return Record(**{**facts, **changes})


def row_of(table, beginning):
    (row,) = [row for row in table.rows if row[0].startswith(beginning)]
    return row


def test_cost_is_a_ratio_to_a_partner_with_its_spread() -> None:
    row = row_of(tables.cost_table(whole_run()), "title of whole_study")
    assert row[1] == "50 ms/trial"
    assert row[2] == "50 … 50 (1)"
    assert row[3] == "100 × (80 … 120) usual_way/digits_mlp"
    assert "100 trials" in row[5]
    assert "report 2.5 s" in row[5]


def test_missing_competitor_has_its_row() -> None:
    measured = whole_run() | by_name(
        measurement("keras_tuner/digits_mlp", missing="not installed: pip install something")
    )
    row = row_of(tables.cost_table(measured), "title of keras_tuner")
    assert row[1] == "not installed: pip install something"
    assert "not installed: pip install something" in pages.page(record(measured), None)


def test_batch_32_is_compared_with_scikit_learn() -> None:
    measured = whole_run()
    partner = tables.partner_of(measured["vectorized/digits_mlp/tensorflow/batch_32"], measured)
    assert partner is measured["scikit_learn/digits_mlp/all"]
    assert tables.partner_of(measured["usual_way/digits_mlp"], measured) is None
    assert tables.partner_of(measured["matrix_product"], measured) is None


def test_targets_of_a_quick_run_say_so() -> None:
    found = verdicts(whole_run())
    full, quick = (tables.target_table(found, is_full=full) for full in (True, False))
    assert full.rows[0][:6] == (
        "whole study with MLflow, storage and results, against the usual way",
        "≥ 60 ×",
        "≥ 150 ×",
        "100 ×",
        "80 … 120",
        "met",
    )
    assert quick.rows[0][5].startswith("met (quick run")


def test_profile_is_milliseconds_a_trial() -> None:
    row = row_of(tables.profile_table(whole_run()), "title of whole_study")
    columns = tables.profile_table(whole_run()).columns
    found = dict(zip(columns, row, strict=True))
    assert (found["train"], found["search"], found["log"]) == ("20.0", "10.0", "–")
    assert (found["after the last trial"], found["wall clock"]) == ("10.0", "50.0")


def test_tables_are_whole_markdown() -> None:
    text = pages.page(record(), "speed.svg")
    for line in text.splitlines():
        if line.startswith("|---"):
            width = line.count("|")
    lines = text.split("\n\n")
    for block in (block for block in lines if block.startswith("|")):
        widths = {line.replace("\\|", "").count("|") for line in block.splitlines()}
        assert len(widths) == 1, block
    assert width > 1
    headings = [line[3:] for line in text.splitlines() if line.startswith("## ")]
    assert headings == [
        "The targets",
        "What was measured",
        "Share of the machine's matrix-product rate",
        "Where the time goes",
    ]


def test_page_names_machine_and_command() -> None:
    text = pages.page(record(is_full=False, is_finished=False), None)
    for fact in ("2030-01-01", "abc", "a processor, 2 cores", "numpy 2.0", "quick run", "speed"):
        assert fact in text
    assert "interrupted" in text


def test_rewriting_keeps_what_is_written_by_hand(tmp_path) -> None:
    path = tmp_path / "speed.md"
    pages.write_page(path, record())
    first = path.read_text(encoding="utf-8")
    assert "## What was tried and did not help" in first
    path.write_text(first + "\nMy own sentence.\n", encoding="utf-8")
    pages.write_page(path, record(command="another"))
    second = path.read_text(encoding="utf-8")
    assert second.endswith("\nMy own sentence.\n")
    assert second.count(pages.MARKER) == 1
    assert "another" in second
    pages.write_page(path, record(command="another"))
    assert path.read_text(encoding="utf-8") == second


def test_figure_is_a_drawing_that_does_not_change(tmp_path) -> None:
    pytest.importorskip("matplotlib")
    one, two = tmp_path / "one.svg", tmp_path / "two.svg"
    assert write_figure(one, whole_run())
    assert write_figure(two, whole_run())
    assert one.read_bytes() == two.read_bytes()
    root = ElementTree.parse(one).getroot()
    assert root.tag.endswith("svg")
    text = one.read_text(encoding="utf-8")
    assert "title of whole_study" in text
    assert "growth" in text


def test_no_figure_of_nothing(tmp_path) -> None:
    assert not write_figure(tmp_path / "x.svg", by_name(measurement("matrix_product", 1.0)))
    assert not list(tmp_path.iterdir())


def test_document_has_its_schema() -> None:
    found = json.loads(json.dumps(record().document()))
    assert set(found) == {
        "machine",
        "command",
        "sizes",
        "finished",
        "seconds",
        "measurements",
        "targets",
    }
    for one in found["measurements"]:
        assert set(one) == {"name", "title", "values", "unit", "facts", "missing"}
    for one in found["targets"]:
        assert set(one) == {
            "name",
            "unit",
            "at_least",
            "aim",
            "smaller_is_better",
            "measured",
            "verdict",
            "remark",
        }
        assert one["measured"] is None or set(one["measured"]) == {"median", "low", "high"}
