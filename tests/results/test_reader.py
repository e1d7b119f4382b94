"""Tests of reading runs, finding them, and of the machine's description."""

import json
import math
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchmark.results import (
    RunNotFoundError,
    RunWriter,
    environment,
    find_run,
    list_runs,
    read_run,
    writer,
)
from benchmark.results.files import read_json, strict, write_atomically
from benchmark.trial import (
    ClosedFormProblem,
    DatasetProblem,
    Report,
    Settings,
    Status,
    Trial,
    TrialResult,
)

TABLES = ("trials", "curves", "curvature", "spectra", "findings")


def record(number: int, *, adam: bool = False) -> tuple[TrialResult, list[Report]]:
    """A diverged trial of SGD on digits, or a completed one of Adam on a quadratic."""
    problem = ClosedFormProblem("quadratic") if adam else DatasetProblem("digits")
    hyperparameters = (
        {"learning_rate": 0.1, "beta_1": 0.9} if adam else {"learning_rate": 9, "batch_size": 8}
    )
    label = "adam" if adam else "sgd"
    trial = Trial(
        number, "search", problem, "linear", Settings(hidden=(8,), bias=True),
        label, label, Settings(hyperparameters), Settings(sampling="shuffle"), 1, 3,
    )  # fmt: skip
    reports = [
        Report(
            number, epoch, epoch, 8 * epoch, epoch, Settings(train_loss=0.5**epoch),
            curvature=Settings(lambda_max=2.0), spectrum=(-1.0, 2.0),
        )
        for epoch in (1, 0)
    ]  # fmt: skip
    result = TrialResult(
        trial, Status.COMPLETED if adam else Status.DIVERGED, "because",
        0.5 if adam else math.inf, 1, 1, 8, 1,
        Settings(train_loss=0.5, **({"test_loss": 0.6} if adam else {})),
        Settings(train=0.25 + number),
    )  # fmt: skip
    return result, reports


@pytest.fixture
def root(tmp_path: Path) -> Path:
    with RunWriter.create(tmp_path, "study", "question = 'Q'", {"cores": 2}, "run") as run:
        run.append(*record(7))
        run.append(*record(3, adam=True))
    return tmp_path


def test_tables_have_the_documented_columns(root: Path) -> None:
    run = read_run(root / "study" / "run")
    assert list(run.trials.columns) == [
        "number", "phase", "label", "optimizer", "dataset", "model", "seed", "replicate",
        "status", "reason", "objective", "objective_name", "direction", "epochs", "steps",
        "samples", "gradient_evaluations", "hp.batch_size", "hp.beta_1", "hp.learning_rate",
        "metric.test_loss", "metric.train_loss", "option.sampling", "model.bias", "model.hidden",
        "seconds.train",
    ]  # fmt: skip
    assert list(run.curves.columns) == [
        "trial", "epoch", "step", "samples", "gradient_evaluations", "metric", "value",
    ]  # fmt: skip
    assert list(run.curvature.columns) == ["trial", "epoch", "quantity", "value"]
    assert list(run.spectra.columns) == ["trial", "epoch", "index", "eigenvalue"]


def test_rows_are_sorted_and_hold_what_was_recorded(root: Path) -> None:
    run = read_run(root / "study" / "run")
    assert run.trials["number"].tolist() == [3, 7]
    assert run.trials["dataset"].tolist() == ["quadratic", "digits"]
    assert run.trials["objective"].tolist() == [0.5, math.inf]
    assert run.trials["hp.learning_rate"].tolist() == [0.1, 9.0]
    assert np.isnan(run.trials["hp.beta_1"][1])
    assert run.trials["model.hidden"].tolist() == ["[8]", "[8]"]
    assert run.curves[["trial", "epoch", "value"]].to_numpy().tolist() == [
        [3, 0, 1.0], [3, 1, 0.5], [7, 0, 1.0], [7, 1, 0.5],
    ]  # fmt: skip
    assert run.spectra["eigenvalue"].tolist() == [-1.0, 2.0] * 4
    assert run.environment["cores"] == 2
    assert (run.name, run.study_text, run.is_finished) == ("study/run", "question = 'Q'", False)


def test_parquet_gives_the_same_tables_as_records(root: Path) -> None:
    path = root / "study" / "run"
    before = read_run(path)
    with RunWriter.reopen(path) as writer:
        writer.finish({"best": math.nan, "labels": ("a",), "count": np.int64(2)})
    (path / "records.jsonl").unlink()  # so that only Parquet is left to read
    after = read_run(path)
    for name in TABLES:
        pd.testing.assert_frame_equal(getattr(before, name), getattr(after, name))
    assert after.summary == {"best": None, "labels": ["a"], "count": 2}
    assert after.is_trained and not after.is_finished


def test_a_run_without_trials_has_typed_empty_tables(tmp_path: Path) -> None:
    with RunWriter.create(tmp_path, "study", "", {}, "run") as writer:
        unfinished = read_run(writer.path)
        writer.finish({})
    finished = read_run(writer.path)
    for name in TABLES:
        pd.testing.assert_frame_equal(getattr(unfinished, name), getattr(finished, name))
    assert finished.trials["number"].dtype == np.int64
    assert finished.is_trained


def test_order_of_recording_and_time_do_not_enter_the_tables(tmp_path: Path) -> None:
    tables = []
    for name, order in (("a", (7, 3)), ("b", (3, 7))):
        with RunWriter.create(tmp_path, "study", "", {}, name) as writer:
            for number in order:
                writer.append(*record(number, adam=number == 3))
            writer.finish({})
        tables.append({name: (writer.path / f"{name}.parquet").read_bytes() for name in TABLES})
    assert tables[0] == tables[1]


def test_a_trial_after_the_end_makes_the_run_unfinished(root: Path) -> None:
    path = root / "study" / "run"
    with RunWriter.reopen(path) as writer:
        writer.finish({"trials": 2})
        report = path / "report.html"
        with pytest.raises(FileNotFoundError, match=r"without report\.html"):
            writer.mark_finished([report])
        assert not read_run(path).is_finished
        report.write_text("")
        writer.mark_finished([report])
        assert read_run(path).is_finished
        writer.append(*record(9))
        assert not read_run(path).is_finished
        assert len(read_run(path).trials) == 3
        assert not list(path.glob("*.parquet"))
        writer.finish({"trials": 3})
    assert len(read_run(path).trials) == 3


def test_runs_are_found_by_every_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = {}
    for study, name in (("one", "zz"), ("two", "common"), ("one", "common"), ("one", "aa")):
        with RunWriter.create(tmp_path, study, "", {}, name) as writer:
            paths[study, name] = writer.path
        time.sleep(0.002)  # the order of creation is known to the microsecond
    assert list_runs(tmp_path) == list(paths.values())
    assert find_run(tmp_path, "latest") == paths["one", "aa"]
    assert find_run(tmp_path, "one") == paths["one", "aa"]
    assert find_run(tmp_path, "zz") == paths["one", "zz"]
    assert find_run(tmp_path, "one/zz") == paths["one", "zz"]
    assert find_run("elsewhere", paths["one", "zz"]) == paths["one", "zz"]
    monkeypatch.chdir(paths["two", "common"])
    assert find_run(tmp_path, ".").resolve() == paths["two", "common"].resolve()
    with pytest.raises(RunNotFoundError, match=r"in two/common, one/common of .*Write <study"):
        find_run(tmp_path, "common")
    with pytest.raises(RunNotFoundError, match=r"Received 'one/z', and .* holds one/zz"):
        find_run(tmp_path, "one/z")


def test_latest_does_not_depend_on_the_clock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Clock(datetime):
        year_now = 2026

        @classmethod
        def now(cls, zone: Any = None) -> Any:
            return datetime(cls.year_now, 1, 1, tzinfo=zone)

    monkeypatch.setattr(writer, "datetime", Clock)
    made = []
    for study, year in (("b", 2026), ("a", 2020), ("b", 2023)):  # the clock is set back, and on
        Clock.year_now = year
        with RunWriter.create(tmp_path, study, "", {}) as run:
            made.append(run.path)
    assert list_runs(tmp_path) == made
    assert find_run(tmp_path, "latest") == made[-1]
    assert find_run(tmp_path, "b") == made[-1]
    # A run of an earlier release has no number, and was made before all that have one.
    old = tmp_path / "b" / "old"
    old.mkdir()
    (old / "study.toml").write_text("")
    (old / "environment.json").write_text('{"created": "2026-12-01"}')
    assert list_runs(tmp_path) == [old, *made]
    for odd in ('{"sequence": "9"}', '{"sequence": 1e999}', "[" * 100_000, '{"sequence": true}'):
        (old / "environment.json").write_text(odd)
        assert find_run(tmp_path, "latest") == made[-1]


def test_the_runs_that_are_not_named_are_counted(tmp_path: Path) -> None:
    for number in range(19):
        RunWriter.create(tmp_path, "small", "", {}, f"run{number:02d}").close()
    with pytest.raises(RunNotFoundError) as caught:
        find_run(tmp_path, "nosuch")
    assert "small/run16, small/run17, small/run18 and 16 more, which `list runs` shows." in str(
        caught.value
    )


def test_no_run_at_all_is_told(tmp_path: Path) -> None:
    assert list_runs(tmp_path / "absent") == []
    with pytest.raises(RunNotFoundError, match=r"holds no run\. Run a study first"):
        find_run(tmp_path, "latest")
    with pytest.raises(FileNotFoundError, match=r"a folder with a study\.toml"):
        read_run(tmp_path)


def test_a_failed_write_leaves_the_former_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("former")

    def fail(target: Path) -> None:
        target.write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, fail)
    assert [file.name for file in tmp_path.iterdir()] == ["file"]
    assert path.read_text() == "former"


def test_damaged_json_is_told(tmp_path: Path) -> None:
    (tmp_path / "summary.json").write_text("{")
    with pytest.raises(ValueError, match=r"summary\.json must be JSON"):
        read_json(tmp_path / "summary.json")
    assert strict({1: np.float32(0.5), "p": Path("a")}) == {"1": 0.5, "p": "a"}


def test_environment_says_what_ran_and_nothing_personal() -> None:
    facts = environment("jax", ["cpu:0"], seed=4)
    assert facts["versions"]["numpy"] == np.__version__
    assert facts["precision"] == "float32"
    assert facts["cores"] >= 1
    assert facts["memory_gibibytes"] is None or facts["memory_gibibytes"] > 0.1
    text = json.dumps(facts)
    for personal in (str(Path.home()), str(Path.cwd()), str(Path(__file__).parent)):
        assert personal not in text
