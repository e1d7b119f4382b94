"""Keys under their old names: read for one more release, with a notice."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmark.results.records import decode, encode
from benchmark.run import app
from benchmark.study.catalogue import catalogue
from benchmark.study.loading import StudyError, changed_study, parse_study
from benchmark.trial import (
    CurvatureRequest,
    DatasetProblem,
    Settings,
    Status,
    Trial,
    TrialResult,
)

TEXT = """
question = "Which?"
compare = ["sgd"]
[problem]
dataset = "iris"
[curvature]
tracking = true
tracking_epochs = [0, 3]
gradient_norm = "tracking_epochs"
"""


def test_old_names_mean_what_the_new_ones_mean(tmp_path: Path) -> None:
    study = parse_study(TEXT, "old.toml")
    new = TEXT.replace("tracking_epochs", "monitor_epochs").replace("tracking", "monitor")
    assert study == parse_study(new, "old.toml")
    assert study.curvature.monitor
    assert study.curvature.monitor_epochs == [0, 3]
    assert study.curvature.gradient_norm == "monitor_epochs"


def test_sampling_of_mini_batches_is_read_under_its_old_name() -> None:
    old = TEXT + '[training]\nsampling = "bernoulli"\n'
    assert parse_study(old, "old.toml").training.batch_sampling == "bernoulli"


def test_a_run_freezes_the_new_names_and_says_so(tmp_path: Path) -> None:
    file = tmp_path / "old.toml"
    file.write_text(TEXT)
    changed = changed_study(str(file), ["curvature.tracking=false"], catalogue())
    assert not changed.study.curvature.monitor
    assert "tracking" not in changed.text
    assert [notice.split()[0] for notice in changed.notices] == [
        "curvature.tracking",
        "curvature.tracking_epochs",
        "curvature.gradient_norm",
    ]
    assert not changed_study("quickstart", (), catalogue()).notices


def test_validate_says_what_to_rename(tmp_path: Path) -> None:
    file = tmp_path / "old.toml"
    file.write_text(TEXT)
    result = CliRunner().invoke(app, ["validate", str(file)])
    assert result.exit_code == 0
    assert "curvature.tracking is now called curvature.monitor." in result.output


def test_both_names_at_once_are_refused() -> None:
    both = TEXT.replace("tracking = true", "tracking = true\nmonitor = false")
    with pytest.raises(StudyError, match=r"Received 'tracking' at curvature\.tracking"):
        parse_study(both, "both.toml")


def test_records_of_older_runs_are_read() -> None:
    trial = Trial(
        0,
        "search",
        DatasetProblem("iris"),
        "linear",
        Settings(),
        "sgd",
        "sgd",
        Settings(learning_rate=0.1),
        Settings(),
        epochs=3,
        seed=7,
        curvature=CurvatureRequest(monitored_epochs=(0, 3)),
    )
    result = TrialResult(
        trial, Status.COMPLETED, "", 0.5, 3, 30, 300, 30, Settings(loss=0.5), Settings(train=1.0)
    )
    line = encode(result, [])
    old = line.replace(b'"monitored_epochs"', b'"tracked_epochs"')
    assert old != line
    assert decode(old)[0].trial == decode(line)[0].trial == trial
