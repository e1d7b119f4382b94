"""The blocks of docs/python.md are executed, one after the other, as in a notebook."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.source_tree import ROOT

BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def test_the_page_runs_from_top_to_bottom(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for text in BLOCK.findall((ROOT / "docs" / "python.md").read_text(encoding="utf-8")):
        exec(compile(text, "docs/python.md", "exec"), names)
    printed = capsys.readouterr().out
    assert "grapes ['batch_size', 'learning_rate'" in printed
    assert names["run"].verdict in printed and "probability_class_2" in printed
    assert (tmp_path / "results" / "grapes" / "first" / "report.html").is_file()
