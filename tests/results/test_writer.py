"""Tests of writing and reopening a run."""

import json
import math
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.results import (
    DamagedRecordsError,
    RunLockedError,
    RunWriter,
    read_records,
    read_run,
)
from benchmark.results.records import decode, encode
from benchmark.trial import (
    ClosedFormProblem,
    CurvatureRequest,
    DatasetProblem,
    Report,
    Settings,
    Status,
    Trial,
    TrialResult,
)

FIELDS = tuple(name for name in TrialResult.__dataclass_fields__ if name != "weights")


def make_trial(number: int, **changes: Any) -> Trial:
    """A trial on digits, with every field away from its default."""
    content: dict[str, Any] = {
        "number": number,
        "phase": "search",
        "problem": DatasetProblem("digits", (0.5, 0.25, 0.25), "min_max", "", "accuracy", 7),
        "model": "multilayer_perceptron",
        "model_options": Settings(hidden=(64, 32), initializer="he_normal"),
        "label": "momentum sgd",
        "optimizer": "momentum",
        "hyperparameters": Settings(learning_rate=0.1, batch_size=32),
        "options": Settings(sampling="shuffle"),
        "epochs": 3,
        "seed": 11,
        "replicate": 2,
        "curvature": CurvatureRequest((0, 3), 10, 5, 100, (0, 1, 3), 64),
        "objective": "validation_accuracy",
        "direction": "maximize",
        **changes,
    }
    return Trial(**content)


def make_record(number: int, **changes: Any) -> tuple[TrialResult, list[Report]]:
    """A completed trial with three reports, a NaN and an infinity among its metrics."""
    reports = [
        Report(
            number,
            epoch,
            10 * epoch,
            320 * epoch,
            11 * epoch,
            Settings(train_loss=math.nan if epoch == 2 else 1 / (3 + epoch), update_norm=math.inf),
            Status.COMPLETED if epoch == 2 else Status.RUNNING,
            "all epochs were trained" if epoch == 2 else "",
            Settings(maximum_eigenvalue=12.5) if epoch == 2 else Settings(),
            (-0.5, 0.1, 12.5) if epoch == 2 else (),
        )
        for epoch in range(3)
    ]
    result = TrialResult(
        make_trial(number, **changes),
        Status.COMPLETED,
        "all epochs were trained",
        -math.inf,
        2,
        20,
        640,
        22,
        Settings(train_loss=0.1, test_accuracy=0.97),
        Settings(train=0.5, compile=1.25),
        (np.ones((2, 3), np.float32),),
    )
    return result, reports


def same(left: tuple[TrialResult, list[Report]], right: tuple[TrialResult, list[Report]]) -> bool:
    """Equal in every field; ``repr`` is exact for floats, and equal for two NaNs."""
    return repr(left[1]) == repr(right[1]) and all(
        repr(getattr(left[0], name)) == repr(getattr(right[0], name)) for name in FIELDS
    )


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[RunWriter]:
    with RunWriter.create(tmp_path, "quickstart", "question = 'Which?'\r\n", {"seed": 1}) as run:
        yield run


def test_create_writes_study_and_environment(writer: RunWriter) -> None:
    assert (writer.path / "study.toml").read_bytes() == b"question = 'Which?'\r\n"
    environment = json.loads((writer.path / "environment.json").read_text())
    assert environment["seed"] == 1
    assert environment["created"].endswith("+00:00")
    assert writer.name == f"quickstart/{writer.path.name}"


def test_run_names_are_times_with_a_suffix_where_taken(tmp_path: Path) -> None:
    names = []
    for _ in range(3):
        with RunWriter.create(tmp_path, "s", "", {}) as run:
            names.append(run.path.name)
    assert len(set(names)) == 3
    assert all(len(name.removesuffix("-2").removesuffix("-3")) == 20 for name in names)


@pytest.mark.parametrize("name", ["", "..", "a/b", "a\\b", "/etc"])
def test_names_that_leave_the_folder_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="study_name must be the plain name of a folder"):
        RunWriter.create(tmp_path, name, "", {})


def test_taken_run_name_is_refused(tmp_path: Path) -> None:
    RunWriter.create(tmp_path, "s", "", {}, "first").close()
    with pytest.raises(FileExistsError, match=r"run_name must be new. Received 'first'"):
        RunWriter.create(tmp_path, "s", "", {}, "first")


def test_records_round_trip_exactly(writer: RunWriter) -> None:
    closed_form = ClosedFormProblem("quadratic", Settings(dimension=3, condition_number=10.0))
    written = [make_record(4), make_record(2, problem=closed_form, model="")]
    for record in written:
        writer.append(*record)
    read = list(read_records(writer.path))
    assert all(same(left, right) for left, right in zip(written, read, strict=True))
    assert [record[0].trial for record in read] == [record[0].trial for record in written]
    assert hash(read[0][0].trial) == hash(written[0][0].trial)
    assert read[0][0].weights == ()
    assert writer.numbers == {2, 4}


def test_records_of_one_group_wait_for_the_disk_once(
    writer: RunWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    forced: list[int] = []
    fsync = os.fsync

    def counted(file: int) -> None:
        forced.append(file)
        fsync(file)

    monkeypatch.setattr(os, "fsync", counted)
    for start in (0, 100, 200):
        group = [make_record(start + number) for number in range(10)]
        writer.append_all(group)
        records = list(read_records(writer.path))[start // 10 :]
        assert all(same(*pair) for pair in zip(records, group, strict=True))
    assert len(forced) == 3
    with pytest.raises(ValueError, match="recorded once"):
        writer.append_all([make_record(300), make_record(300)])
    assert 300 not in writer.numbers


@given(st.dictionaries(st.text(), st.floats() | st.integers(-(2**63), 2**63)), st.text())
def test_any_numbers_and_text_round_trip(numbers: dict[str, float], text: str) -> None:
    result, reports = make_record(0, hyperparameters=Settings(numbers), label=text)
    line = encode(result, reports)
    assert line.count(b"\n") == 1
    assert same(decode(line), (result, reports))


def test_numpy_scalars_are_recorded_as_numbers(writer: RunWriter) -> None:
    settings = Settings(learning_rate=np.float32(0.1), batch_size=np.int64(32))
    writer.append(*make_record(0, hyperparameters=settings))
    (record, _) = next(read_records(writer.path))
    assert dict(record.trial.hyperparameters) == {
        "learning_rate": float(np.float32(0.1)),
        "batch_size": 32,
    }


def test_what_may_not_be_recorded_is_refused(writer: RunWriter) -> None:
    result, reports = make_record(1)
    writer.append(result, reports)
    with pytest.raises(ValueError, match=r"recorded once. Received number 1"):
        writer.append(result, reports)
    with pytest.raises(ValueError, match=r"of the recorded trial 2. Received reports of \[1\]"):
        writer.append(make_record(2)[0], reports)
    running = TrialResult(
        make_trial(3), Status.RUNNING, "", 0.0, 0, 0, 0, 0, Settings(), Settings()
    )
    with pytest.raises(ValueError, match=r"must be final. Received 'running' for trial 3"):
        writer.append(running, [])
    assert len(list(read_records(writer.path))) == 1


@pytest.mark.parametrize("torn", [b"{", b'{"result": {"trial"', b"\0\0\0\0\n", b"[]\n"])
def test_torn_last_line_is_dropped(writer: RunWriter, torn: bytes) -> None:
    writer.append(*make_record(0))
    writer.append(*make_record(1))
    writer.close()
    records = writer.path / "records.jsonl"
    whole = records.read_bytes()
    records.write_bytes(whole + torn)
    assert len(list(read_records(writer.path))) == 2
    with RunWriter.reopen(writer.path) as again:
        assert records.read_bytes() == whole
        assert again.numbers == {0, 1}
        again.append(*make_record(2))
    assert [result.trial.number for result, _ in read_records(writer.path)] == [0, 1, 2]


@pytest.mark.parametrize("percent", range(1, 100, 7))
def test_a_record_cut_anywhere_loses_only_itself(tmp_path: Path, percent: int) -> None:
    with RunWriter.create(tmp_path, "s", "", {}) as run:
        run.append(*make_record(0))
        size = (run.path / "records.jsonl").stat().st_size
        run.append(*make_record(1))
    full = (run.path / "records.jsonl").read_bytes()
    (run.path / "records.jsonl").write_bytes(full[: size + (len(full) - size) * percent // 100])
    with RunWriter.reopen(run.path) as again:
        assert again.numbers == {0}
        again.append(*make_record(1))
    assert (run.path / "records.jsonl").read_bytes() == full


def test_damage_in_the_middle_is_told(writer: RunWriter) -> None:
    writer.append(*make_record(0))
    writer.append(*make_record(1))
    writer.close()
    records = writer.path / "records.jsonl"
    records.write_bytes(b"oops\n" + records.read_bytes())
    with pytest.raises(DamagedRecordsError, match=r"Received b'oops.*at line 1 of"):
        RunWriter.reopen(writer.path)
    records.write_bytes(records.read_bytes().removeprefix(b"oops\n"))
    RunWriter.reopen(writer.path).close()  # the failed attempt left no lock behind


def test_weights_are_kept_and_discarded(writer: RunWriter) -> None:
    weights: list[np.ndarray[Any, Any]] = [
        np.arange(6, dtype=np.float32).reshape(2, 3),
        np.zeros((), np.float64),
    ]
    writer.save_weights(12, weights)
    assert [file.name for file in (writer.path / "weights").iterdir()] == ["trial-000012.npz"]
    loaded = writer.load_weights(12)
    for left, right in zip(weights, loaded, strict=True):
        np.testing.assert_array_equal(left, right)
        assert left.dtype == right.dtype
    writer.discard_weights(12)
    writer.discard_weights(12)
    with pytest.raises(FileNotFoundError, match="Received trial 12, which has none"):
        writer.load_weights(12)


def test_a_second_writer_is_refused_until_the_first_closes(writer: RunWriter) -> None:
    with pytest.raises(RunLockedError, match=f"process {os.getpid()} is writing"):
        RunWriter.reopen(writer.path)
    writer.close()
    RunWriter.reopen(writer.path).close()


KILLED = """
import os, pathlib, pickle, signal, sys
from benchmark.results import RunWriter
run = RunWriter.create(sys.argv[1], "s", "", {}, "killed")
for record in pickle.loads(pathlib.Path(sys.argv[1], "records.pickle").read_bytes()):
    run.append(*record)
os.write(run._file, b'{"result": {"trial": {"numb')
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_kill_leaves_no_lock_and_every_finished_trial(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    records = [make_record(number) for number in range(3)]
    (tmp_path / "records.pickle").write_bytes(pickle.dumps(records))
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], cwd=root, check=False)
    assert done.returncode == -signal.SIGKILL
    with RunWriter.reopen(tmp_path / "s" / "killed") as run:
        assert run.numbers == {0, 1, 2}
        run.append(*make_record(3))
    assert len(read_run(run.path).trials) == 4


def test_a_full_disk_leaves_no_half_line(
    writer: RunWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer.append(*make_record(0))
    before = (writer.path / "records.jsonl").read_bytes()
    real = os.write

    def fill(descriptor: int, data: bytes) -> int:
        if len(data) < 100:
            raise OSError(28, "No space left on device")
        return real(descriptor, data[:-50])

    monkeypatch.setattr(os, "write", fill)
    with pytest.raises(OSError, match="No space left"):
        writer.append(*make_record(1))
    monkeypatch.undo()
    assert (writer.path / "records.jsonl").read_bytes() == before
    writer.append(*make_record(1))
    assert len(list(read_records(writer.path))) == 2


def test_reopen_wants_a_run(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"a folder with a study.toml"):
        RunWriter.reopen(tmp_path)
