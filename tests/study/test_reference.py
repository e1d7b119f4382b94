"""The reference of study files is what the schema says."""

from pathlib import Path

import pytest

from benchmark.study.reference import TABLES, arguments, reference
from tests.source_tree import ROOT

PAGE: Path = ROOT / "docs" / "study-file.md"


def test_the_page_is_written_from_the_schema() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference(), (
        "docs/study-file.md differs from the schema. "
        "Run `python -m benchmark.study.reference > docs/study-file.md`."
    )


@pytest.mark.parametrize("title", TABLES)
def test_every_key_is_explained(title: str) -> None:
    section, left_out = TABLES[title]
    explained = arguments(section)
    missing = set(section.model_fields) - set(explained) - set(left_out)
    assert not missing, f"explain {sorted(missing)} under Args of {section.__name__}"
    assert not explained.keys() - section.model_fields.keys() - {"name"}
