"""A run from Python: interrupted, resumed, read and shown."""

import html
import os
import signal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from benchmark import UserError, load_run, load_study, resume_run, run_study
from benchmark.commands.progress import StudyProgress
from benchmark.results import RunNotFoundError
from tests.small_study import tables_of, write_study

CHANGES = {
    "budget.trials": 3,
    "budget.replicates": 1,
    "training.epochs": 2,
    "curvature.epochs": [2],
}
TRIALS = 2 * (3 + 1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def path(folder: Path) -> Path:
    """A run that was interrupted after its first trial, and resumed."""
    study = load_study(write_study(folder), CHANGES)
    finished = StudyProgress.trial_finished

    def interrupt(self: Any, result: Any, reports: Any) -> None:
        finished(self, result, reports)
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StudyProgress, "trial_finished", interrupt)
        with pytest.raises(KeyboardInterrupt, match="Go on with: resume_run"):
            run_study(study, results=folder, name="first", engine="sequential", quiet=True)
    run = load_run("small/first", results=folder)
    assert not run.is_finished and 0 < len(run.trials) < TRIALS
    assert run.study == study
    with pytest.raises(UserError, match="must be finished"):
        run.best_model()
    return resume_run(run, quiet=True).path


def test_an_interrupted_run_is_resumed_to_what_it_would_have_been(
    path: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = folder / "small.toml"  # the file, not what was read of it
    whole = run_study(load_study(study, CHANGES), results=folder, engine="sequential")
    assert "8/8 trials" in capsys.readouterr().out
    for name, table in tables_of(whole.path).items():
        pd.testing.assert_frame_equal(table, tables_of(path)[name])
    assert resume_run(whole, quiet=True).is_finished


def test_a_run_has_tables_figures_and_a_verdict(path: Path) -> None:
    run = load_run(path)
    assert repr(run) == "<Run small/first: 8 trials, finished>"
    assert len(run.trials) == TRIALS and set(run.summary["best"]) == {"adam", "momentum"}
    for table in (run.curves, run.curvature, run.spectra, run.findings):
        assert set(table["trial"]) <= set(run.trials["number"]) and len(table)
    assert run.verdict and run.report_tables["optimizers"]["optimizer"].tolist()
    shown = run._repr_html_()
    assert html.escape(run.study.question) in shown and "<table" in shown
    best = run.best_model()
    assert best.label == run._data.verdict.standings[0].label


def test_a_figure_shows_itself_without_the_network(path: Path) -> None:
    figures = load_run(path).figures
    name = "convergence-validation-loss"
    bundle = figures[name]._repr_mimebundle_()
    page = html.unescape(bundle["text/html"].partition('srcdoc="')[2])
    assert f'id="plot-{name}"' in page and "plotly.js" in page
    assert "<script src" not in page and "<link" not in page
    assert bundle["text/plain"].startswith(f"Figure {name}. ")


def test_what_is_not_there_is_refused(folder: Path) -> None:
    with pytest.raises(RunNotFoundError, match="Received 'no_such'"):
        load_run("no_such", results=folder)
    for options in ({"backend": "torch"}, {"engine": "fast"}):
        with pytest.raises(UserError, match="Take one of them"):
            run_study("quickstart", **options)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="Received 2 at --capacity"):
        run_study("quickstart", engine="sequential", capacity=2)
