"""A table of the user's from its file to predictions for rows that nobody has seen."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from benchmark import load_run, load_study, run_study
from benchmark.run import app

CHANGES = {
    "budget": {"trials": 1, "replicates": 0},
    "training.epochs": 2,
    "curvature": {"trials": "none"},
}


def call(*words: str) -> Any:
    return CliRunner().invoke(app, list(words))


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pd.DataFrame:
    """A file with a number, a category, a date, gaps and an identifier, in the current folder."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "customer": [f"C{number}" for number in range(90)],
            "fee": rng.normal(40, 10, 90),
            "plan": rng.choice(["basic", "family"], 90),
            "joined": pd.date_range("2024-01-01", periods=90).astype(str),
            "churned": rng.choice(["yes", "no"], 90),
        }
    )
    frame.loc[::7, "fee"] = np.nan
    frame.to_csv("churn.csv", index=False)
    return frame


def test_from_a_file_to_predictions(table: pd.DataFrame) -> None:
    refused = call("init", "churn.csv")
    assert refused.exit_code == 2 and "Write for instance --target churned" in refused.stderr
    refused = call("init", "churn.csv", "--target", "churned")
    assert refused.exit_code == 2 and 'ignore = ["customer"]' in refused.stderr
    options = ("--target", "churned", "--ignore", "customer", "--optimizer", "adam")
    done = call("init", "churn.csv", *options)
    assert done.exit_code == 0, done.output
    text = Path("studies/churn.toml").read_text(encoding="utf-8")
    assert "[problem.file]" not in text and 'target = "churned"' in text

    run = run_study(load_study("churn", CHANGES), engine="sequential", quiet=True)
    Path("churn.csv").unlink()  # the run knows what it needs of it
    rows = table.drop(columns=["customer", "churned"]).iloc[:4].copy()
    rows.loc[1, "plan"] = "unheard of"
    rows.loc[2, ["plan", "joined"]] = None
    predictions = load_run(run.path).best_model().predict(rows)
    assert list(predictions) == ["churned", "probability_no", "probability_yes"]
    assert set(predictions["churned"]) <= {"no", "yes"}
    assert np.isfinite(predictions.iloc[:, 1:].to_numpy()).all()
    rows.to_csv("new.csv", index=False)
    done = call("predict", "churn", "new.csv", "--output", "predictions.csv")
    assert done.exit_code == 0, done.output
    written = pd.read_csv("predictions.csv")
    np.testing.assert_allclose(written.iloc[:, 1:], predictions.iloc[:, 1:], atol=1e-6)

    rows.drop(columns="plan").to_csv("new.csv", index=False)
    refused = call("predict", "churn", "new.csv")
    assert refused.exit_code == 2 and "no column plan" in refused.stderr
    (run.path / "dataset.json").unlink()
    refused = call("predict", "churn", "new.csv")
    assert refused.exit_code == 2 and "dataset.json must hold the preprocessing" in refused.stderr
