"""The card that ``dataset describe`` prints is one that a study can take."""

from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from benchmark.data import load_card
from benchmark.run import app


@pytest.fixture(autouse=True)
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "datasets").mkdir()
    frame = pd.DataFrame({"id": range(40), "age": [20, 30, 40, 50] * 10, "left": ["a", "b"] * 20})
    frame.to_csv("datasets/people.csv", index=False)


def describe(*words: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["dataset", "describe", *words])
    return result.exit_code, result.stdout, result.stderr


def test_a_described_file_is_a_dataset() -> None:
    code, card, inferred = describe("datasets/people.csv", "--target", "left", "--ignore", "id")
    assert code == 0, inferred
    assert "2 classes" in inferred
    Path("datasets/people.toml").write_text(card, encoding="utf-8")
    described = load_card("people")
    assert (described.task, described.samples, described.features) == ("classification", 40, 1)
    assert described.class_names == ("a", "b") and described.checksum


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["datasets/people.csv"], "--target must be the column to predict, one of id, age, left"),
        (["nosuch.csv", "--target", "left"], "which is not there"),
        (["datasets", "--target", "left"], "ends in .csv"),
        (["datasets/people.csv", "--target", "lft"], "Did you mean `left`"),
    ],
)
def test_what_cannot_be_described_is_refused(words: list[str], sentence: str) -> None:
    code, _, errors = describe(*words)
    assert code == 2 and sentence in " ".join(errors.split())
