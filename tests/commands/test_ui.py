"""What ``ui`` refuses before a server starts; what it serves is for the browser tests."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmark.results import RunWriter
from benchmark.run import app
from benchmark.search import dashboard


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run folder without a search."""
    with RunWriter.create(tmp_path / "results", "small", "question = 'x'\n", {}, "first") as run:
        return run.path


def _refusal(run: Path, *words: str) -> str:
    result = CliRunner().invoke(app, ["ui", str(run), "--optuna", "--no-open", *words])
    assert result.exit_code == 2
    return result.stderr


def test_a_missing_extra_is_refused_with_the_remedy(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dashboard, "find_spec", lambda _: None)
    assert 'pip install "kappabench[dashboard]"' in _refusal(run)


def test_a_run_without_its_search_is_refused(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dashboard, "find_spec", lambda _: object())
    assert f"Received none at {run / 'optuna.journal'}" in _refusal(run)
    (run / "environment.json").write_text('{"masked_storage": "postgresql://me:***@h/d"}')
    assert "Add --storage URL, with the password" in _refusal(run)
