"""Whatever became of the files of a run, each command ends in a result or a sentence."""

import copy
import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from benchmark.run import app
from tests.small_study import run_session

ODD: tuple[Any, ...] = (
    None, True, -1, 1.5, 10**30, 10**400, float("nan"), float("inf"), "x", "", [], {}, ["a"],
    {"a": 1},
)  # fmt: skip
RUN = Path("results/small/y")
QUICK = ("--no-trajectory", "--grid", "0", "--no-density", "--samples", "30")
LIGHT = (("show", "small/y"), ("show", "small/y", "--trial", "1"), ("show", "small/y", "--json"))
ALL = (
    *LIGHT,
    ("list", "runs"),
    ("report", "small/y"),
    ("curvature", "small/y", *QUICK),
    ("study", "--resume", "small/y", "--no-tracking", "--quiet"),
)
Edit = Callable[[Path], None]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of four trials and two replicates."""
    folder = tmp_path_factory.mktemp("made")
    changes = ("budget.trials=2", "budget.replicates=1", "curvature.diagnosed=[]")
    path = run_session(folder, *changes).path
    path.rename(path.with_name("y"))
    return folder


@pytest.fixture
def project(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, which is the current folder."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(*arguments: str) -> tuple[int, str]:
    """Call a command; what it may not do fails here."""
    outcome = CliRunner().invoke(app, list(arguments))
    if outcome.exception is not None and not isinstance(outcome.exception, SystemExit):
        raise outcome.exception
    assert outcome.exit_code in (0, 1, 2), outcome.output
    assert "Traceback" not in outcome.output and "Aborted" not in outcome.output
    if outcome.exit_code == 2:
        assert outcome.output.strip()
    return outcome.exit_code, outcome.output


def content(name: str, data: bytes) -> Edit:
    def edit(run: Path) -> None:
        (run / name).write_bytes(data)

    return edit


def json_value(name: str, *keys: Any, value: Any) -> Edit:
    """Set a value of ``environment.json``, ``summary.json``, or of a line of the records."""

    def edit(run: Path) -> None:
        lines = (run / name).read_text(encoding="utf-8")
        lined = lines.splitlines() if name == "records.jsonl" else [lines]
        document = json.loads(lined[-1])
        target = document
        for key in keys[:-1]:
            target = target[key]
        target[keys[-1]] = value
        lined[-1] = json.dumps(document)
        (run / name).write_text("\n".join(lined) + "\n", encoding="utf-8")
        if name == "records.jsonl":
            unfinish(run)

    return edit


def table(name: str, change: Callable[[pd.DataFrame], pd.DataFrame]) -> Edit:
    def edit(run: Path) -> None:
        file = run / f"{name}.parquet"
        change(pd.read_parquet(file)).to_parquet(file)

    return edit


def weights(**arrays: Any) -> Edit:
    def edit(run: Path) -> None:
        for file in (run / "weights").iterdir():
            with file.open("wb") as stream:
                np.savez(stream, **arrays)

    return edit


def all_weights(data: bytes) -> Edit:
    def edit(run: Path) -> None:
        for file in (run / "weights").iterdir():
            file.write_bytes(data)

    return edit


def unfinish(run: Path) -> None:
    (run / "summary.json").unlink(missing_ok=True)


BRACKETS = b"[" * 100_000
TABLES: dict[str, Edit] = {
    "other columns": table("trials", lambda frame: frame.rename(columns={"label": "name"})),
    "text for numbers": table("curves", lambda frame: frame.assign(value="x")),
    "lists for numbers": table(
        "trials", lambda frame: frame.assign(epochs=pd.Series([[1]] * len(frame)))
    ),
    "rows twice": table("trials", lambda frame: pd.concat([frame, frame])),
    "another status": table("trials", lambda frame: frame.assign(status="odd")),
    "rows of no trial": table("curvature", lambda frame: frame.assign(trial=99)),
    "no table": content("spectra.parquet", b"PAR1"),
    "summary of brackets": content("summary.json", BRACKETS),
    "summary of another kind": json_value("summary.json", "best", value=[1]),
}
"""The records hold everything, so these change no answer."""
REFUSED: dict[str, tuple[Edit, str]] = {
    "environment of brackets": (
        content("environment.json", BRACKETS),
        "environment.json must be readable",
    ),
    "environment of bytes": (
        content("environment.json", b"\xff\xfe"),
        "environment.json must be readable",
    ),
    "environment of a list": (
        content("environment.json", b"[1]"),
        "environment.json must be readable",
    ),
    "an odd engine": (json_value("environment.json", "capacity", value="x"), "'x' at capacity"),
    "an odd backend": (json_value("environment.json", "backend", value=[1]), "[1]' at backend"),
    "study of bytes": (content("study.toml", b"\xff\xfe"), "study.toml must be UTF-8"),
    "text for epochs": (
        json_value("records.jsonl", "result", "epochs", value="x"),
        "result.epochs must be a whole number >= 0. Received 'x') at line 6 of",
    ),
    "text for a metric": (
        json_value("records.jsonl", "reports", 0, "metrics", "train_loss", value="x"),
        "Delete that line to keep the others",
    ),
    "a table for a name": (
        json_value("records.jsonl", "result", "trial", "label", value={}),
        "result.trial.label must be a text. Received {}",
    ),
    "a report of another trial": (
        json_value("records.jsonl", "reports", 0, "trial_number", value=99),
        "report.trial_number must be",
    ),
    "a trial twice": (
        json_value("records.jsonl", "result", "trial", "number", value=0),
        "Delete that line",
    ),
    "no status": (json_value("records.jsonl", "result", "status", value="odd"), "'odd'"),
}


@pytest.mark.parametrize("name", TABLES)
def test_tables_that_cannot_be_used_are_built_from_the_records(project: Path, name: str) -> None:
    before = [call(*command) for command in LIGHT[:2]]
    TABLES[name](project / RUN)
    assert [call(*command) for command in LIGHT[:2]] == before
    assert before[0][0] == 0


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_damaged_is_told_with_file_and_remedy(project: Path, name: str) -> None:
    edit, sentence = REFUSED[name]
    edit(project / RUN)
    for command in (*LIGHT, ("report", "small/y")):
        code, output = call(*command)
        assert code == 2, output
        assert sentence in " ".join(output.split()), output


@pytest.mark.parametrize(
    "edit",
    [
        all_weights(b""),
        all_weights(b"PK\x03\x04 cut"),
        weights(weight_000=np.array([object()], dtype=object)),
        weights(weight_000=np.full((4, 3), np.nan), weight_001=np.zeros(3)),
        weights(weight_000=np.array(["a"])),
    ],
    ids=["empty", "cut", "pickled", "not finite", "text"],
)
def test_weights_that_cannot_be_read_are_told(project: Path, edit: Edit) -> None:
    edit(project / RUN)
    code, output = call("curvature", "small/y", *QUICK)
    assert code == 2
    assert "weights/trial-00000" in output and "Restore the file, or delete it" in output


def test_without_its_weights_a_trial_is_trained_again(project: Path) -> None:
    for file in (project / RUN / "weights").iterdir():
        file.unlink()
    assert call("curvature", "small/y", *QUICK)[0] == 0  # as the refusal above says


@pytest.mark.parametrize(
    ("keys", "value"),
    [(("best",), {"adam": 7}), (("best",), None), (("by_status",), 3), (("objective",), [])],
)
def test_an_edited_summary_is_made_again(project: Path, keys: tuple[str, ...], value: Any) -> None:
    before = (project / RUN / "summary.json").read_text(encoding="utf-8")
    json_value("summary.json", *keys, value=value)(project / RUN)
    assert call("study", "--resume", "small/y", "--no-tracking", "--json")[0] == 0
    summary = json.loads((project / RUN / "summary.json").read_text(encoding="utf-8"))
    keys_compared = ("trials", "by_status", "objective", "best")
    assert {key: summary[key] for key in keys_compared} == {
        key: json.loads(before)[key] for key in keys_compared
    }


@pytest.mark.slow  # with a session of its own in tests/test_session.py
def test_after_the_damaged_line_is_deleted_its_trial_is_trained_again(project: Path) -> None:
    expected = call("show", "small/y")[1]
    json_value("records.jsonl", "result", "epochs", value="x")(project / RUN)
    code, output = call("study", "--resume", "small/y", "--no-tracking")
    assert code == 2 and "at line 6 of" in output
    file = project / RUN / "records.jsonl"
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    file.write_text("".join([*lines[:1], *lines[2:5]]), encoding="utf-8")
    code, output = call("study", "--resume", "small/y", "--no-tracking")
    assert code == 0 and "Trained again" in output
    assert call("show", "small/y")[1] == expected


def test_an_edited_study_is_told_and_its_report_is_of_the_former(project: Path) -> None:
    before = call("show", "small/y")[1]
    file = project / RUN / "study.toml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace('"iris"', '"wine"').replace('"adam"]', '"sgd"]'))
    code, output = call("show", "small/y")
    assert code == 0 and output.startswith(before.rstrip()) and "study.toml was edited" in output
    assert call("report", "small/y")[0] == 0
    page = (project / RUN / "report.html").read_text(encoding="utf-8")
    assert "this report describes the study as" in page and "iris" in page
    # Finished; trained, but without its mark; without a summary, as if it had been interrupted.
    for name in ("", "finished.json", "summary.json"):
        if name:
            (project / RUN / name).unlink()
        code, output = call("study", "--resume", "small/y", "--no-tracking")
        assert code == 2 and '+dataset = "wine"' in output and "begin a new run" in output
        assert "trained" not in output and "finished" not in output


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('"model":"linear"', '"model":"evil"', "model must be one of linear"),
        ('"loss":"sparse', '"loss":"evil:sparse', "the loss must be one of"),
        ('"optimizer":"', '"optimizer":"no_', "the optimizer must be one of"),
        ('"model_options":{', '"model_options":{"hidden":[2],', "hidden"),
    ],
)
def test_a_record_of_no_possible_trial_is_told(
    project: Path, old: str, new: str, sentence: str
) -> None:
    file = project / RUN / "records.jsonl"
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")
    code, output = call("curvature", "small/y", *QUICK)  # of the best trial, whose weights are kept
    assert code == 2
    assert "records.jsonl" in output and sentence in output and "Restore" in output


def paths_of(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where there is a value in a JSON document."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    paths = []
    for key, item in items:
        paths.append((*path, key))
        if isinstance(item, dict | list):
            paths += paths_of(item, (*path, key))
    return paths


def edit_at_random(run: Path, draw: random.Random) -> str:
    """Change one value of a JSON file, or the bytes of any file; say what."""
    name = draw.choice(("records.jsonl", "environment.json", "summary.json", "bytes"))
    if name == "bytes":
        files = sorted(file for file in run.rglob("*") if file.is_file() and file.suffix != ".html")
        file = draw.choice(files)
        data = file.read_bytes()
        start, end = sorted(draw.choices(range(len(data) + 1), k=2))
        file.write_bytes(data[:start] + draw.randbytes(draw.choice((0, 1, 9))) + data[end:])
        return f"bytes {start} to {end} of {file.name}"
    lines = (run / name).read_text(encoding="utf-8").splitlines()
    index = draw.randrange(len(lines)) if name == "records.jsonl" else 0
    document = json.loads(lines[index] if name == "records.jsonl" else "\n".join(lines))
    path, value = draw.choice(paths_of(document)), copy.deepcopy(draw.choice(ODD))
    target = document
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = value
    text = json.dumps(document)
    lines = [*lines[:index], text, *lines[index + 1 :]] if name == "records.jsonl" else [text]
    (run / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    if name == "records.jsonl":
        unfinish(run)
    return f"{path} of line {index} of {name}: {str(value)[:40]}"


def tracebacks(
    made: Path, project: Path, seeds: range, commands: tuple[tuple[str, ...], ...]
) -> list[str]:
    """Edit a run at random, once for each seed, and return what raised an error in a command."""
    raised = []
    for seed in seeds:
        shutil.rmtree(project / "results")
        shutil.copytree(made / "results", project / "results")
        what = edit_at_random(project / RUN, random.Random(seed))
        for command in commands:
            try:
                call(*command)
            except Exception as error:
                raised.append(f"seed {seed}, {' '.join(command)}, after {what}: {error!r}")
    return raised


def test_no_edit_gives_a_traceback(made: Path, project: Path) -> None:
    assert not tracebacks(made, project, range(20), LIGHT)


@pytest.mark.slow
def test_no_edit_gives_a_traceback_in_any_command(made: Path, project: Path) -> None:
    assert not tracebacks(made, project, range(20, 120), ALL)
