"""What the terminal and JSON say of a verdict."""

import io
import json
import math

from rich.console import Console

from benchmark.commands.views import print_json, verdict_document, verdict_view
from benchmark.report.verdicts import verdict_sentences
from benchmark.statistics import verdict
from tests.statistics.simulations import study

VALUES = {
    "a": [0.10, 0.12, 0.11, 0.13, 0.12, 0.10, 0.11, 0.12],
    "b": [0.21, 0.22, 0.25, 0.24, 0.23, 0.21, 0.20, 0.22],
    "[/c]": [math.inf] * 5 + [0.01, 0.02, 0.03],
}


def test_the_terminal_shows_both_p_values_and_the_verdict():
    answer = verdict(study(VALUES))
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(verdict_view(answer))
    text = " ".join(console.export_text().split())
    assert " ".join(verdict_sentences(answer)) in text
    for pair in answer.comparisons:
        assert f"{pair.p_value:.3g}" in text and f"{pair.adjusted:.3g}" in text
    assert "a is better" in text and "[/c] (5 of 8 replicates diverged)" in text


def test_json_holds_the_verdict_and_null_for_what_is_unknown(capsys):
    print_json(verdict_document(verdict(study(VALUES))))
    document = json.loads(capsys.readouterr().out)
    assert document["first"] == "a"
    assert [row["label"] for row in document["ranking"]] == ["a", "b", "[/c]"]
    assert document["ranking"][2] == {
        "label": "[/c]", "median": "inf", "replicates": 8, "lost": {"diverged": 5}
    }  # fmt: skip
    known, unknown = document["comparisons"][:2]
    assert known["better"] == "a" and known["p_value"] < known["adjusted_p_value"] < 0.05
    assert unknown["difference"] is None and unknown["low"] is None
    assert unknown["p_value"] < unknown["adjusted_p_value"]


def test_nothing_is_compared_where_nothing_was_repeated():
    answer = verdict(study({"a": [], "b": []}))
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(verdict_view(answer))
    assert "nothing says how far chance alone" in console.export_text()
    assert "adjusted" not in console.export_text()


def test_of_many_pairs_the_terminal_shows_those_of_the_leading_label():
    answer = verdict(study({f"o{index}": [index, index + 1, index + 3] for index in range(8)}))
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(verdict_view(answer))
    text = console.export_text()
    assert "The report and --json have the other 21 pairs." in text
    assert text.count("o0 - ") == 7 and "o1 - o2" not in text
