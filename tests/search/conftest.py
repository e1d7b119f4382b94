"""What the tests of the search ask for by name."""

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def new_location(tmp_path: Path) -> Callable[[str], str | Path]:
    """Make fresh locations by kind: a run folder or an SQLite file."""
    made = iter(range(1000))

    def location(kind: str) -> str | Path:
        folder = tmp_path / str(next(made))
        folder.mkdir()
        return folder if kind == "journal" else f"sqlite:///{folder / 'optuna.db'}"

    return location
