"""A study that searches the architecture, from its file to its tables."""

import json
from pathlib import Path

import pytest

from benchmark.report import write_report
from benchmark.results import read_records
from benchmark.statistics import summarize
from tests import small_study
from tests.small_study import run_session, tables_of

HIDDEN = '[search.common]\n"model.hidden" = { choices = [[3], [3, 2]] }\n'
CHANGES = (
    'problem.model={name="multilayer_perceptron"}',
    "search.common.batch_size=32",
    "search.common.fuzz=1.0",
    "search.common.global_clipnorm=1.0",
    "search.momentum={learning_rate=0.1, momentum=0.5}",
    "search.adam={learning_rate=0.01}",
    'budget={sampler="grid", trials=4, replicates=1}',
    'curvature={trials="none"}',
    "training.epochs=1",
)


def test_each_architecture_is_trained_and_the_best_one_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = small_study.TEXT.replace("[search.common]\n", HIDDEN)
    monkeypatch.setattr(small_study, "TEXT", text)
    path = run_session(tmp_path, *CHANGES).path
    assert "model.hidden shapes the model" in capsys.readouterr().out
    assert "at most 4 (2 for momentum, 2 for adam)." in (path / "environment.json").read_text()
    trials = [result.trial for result, _ in read_records(path)]
    searched = {(t.label, t.model_options["hidden"]) for t in trials if t.phase == "search"}
    assert searched == {(name, h) for name in ("momentum", "adam") for h in ((3,), (3, 2))}
    assert not any("model.hidden" in trial.hyperparameters for trial in trials)
    summary = json.loads((path / "summary.json").read_text())
    table = tables_of(path)["trials"]
    for trial in trials:
        if trial.phase == "replicate":
            best = summary["best"][trial.label]["model_options"]["model.hidden"]
            assert trial.model_options["hidden"] == tuple(best)
    for row in summarize(table):
        assert row.architecture["model.hidden"] in ("[3]", "[3, 2]")
    page = write_report(path).read_text(encoding="utf-8")
    assert "model.hidden [3" in page
