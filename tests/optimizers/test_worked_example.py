"""The optimizer that CONTRIBUTING.md adds: its file and its line are enough."""

import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmark.conformance import check_optimizer
from benchmark.curvature.stability import stepping
from benchmark.optimizers import OPTIMIZERS, load_optimizer, registry, rules
from benchmark.optimizers.stability import Snapshot
from tests.optimizers.cases.case import Case
from tests.source_tree import ROOT

BLOCK = re.compile(r"^```python\n# (?P<place>[^\n]+)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
RULE = "benchmark/optimizers/rules/ademamix.py"
LINE = "benchmark/optimizers/registry.py, in RULES"
CASE = "tests/optimizers/cases/ademamix.py"
PROPERTIES = ["zero gradient", "parabola", "configuration", "stability limit", "any neighbours"]
"""Properties that show that it trains, in the engines too; ``check-optimizer`` shows the others."""


def blocks() -> dict[str, str]:
    """The code of the worked example by the place where it goes."""
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    _, heading, rest = page.partition("\n### An optimizer\n")
    assert heading, "CONTRIBUTING.md must have the heading `### An optimizer`. Add it again."
    section = re.split(r"^##", rest, flags=re.MULTILINE)[0]
    return {block["place"]: block["text"] for block in BLOCK.finditer(section)}


@pytest.fixture
def added_case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Case:
    """Add the optimizer as CONTRIBUTING.md says, for one test."""
    code = blocks()
    (tmp_path / "ademamix.py").write_text(code[RULE], encoding="utf-8")
    monkeypatch.setattr(rules, "__path__", [*rules.__path__, str(tmp_path)])
    names: dict[str, str] = eval(f"{{{code[LINE]}}}")
    for name, class_name in names.items():
        monkeypatch.setitem(registry.RULES, name, class_name)
    monkeypatch.setitem(sys.modules, "benchmark.optimizers.rules.ademamix", None)
    monkeypatch.delitem(sys.modules, "benchmark.optimizers.rules.ademamix")
    namespace: dict[str, Any] = {}
    exec(code[CASE], namespace)
    return namespace["CASES"][0]


def test_its_file_and_its_line_are_enough(added_case: Case, follow: Any) -> None:
    case = added_case
    entry = OPTIMIZERS[case.optimizer]
    assert entry.target == "benchmark.optimizers.rules.ademamix:AdEMAMix"
    assert "beta_3: >= 0 and < 1, 0.9999 by default." in load_optimizer(case.optimizer).__doc__
    assert "no known limit" in str(stepping(case.optimizer, Snapshot(0.1, {}, 3)))
    start = np.array([1.5, -2.0, 0.3], "float32")
    points = follow(case.build(), start, lambda w, t: w, 5)
    expected = case.points(start.astype("float64"), lambda w, t: w, 5, **case.numbers)
    np.testing.assert_allclose(points, expected, rtol=1e-5)  # some float32 roundings a step
    check_optimizer(case.optimizer, properties=PROPERTIES).require()
