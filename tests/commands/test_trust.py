"""No command runs code that a folder of results brings along."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from benchmark.optimizers import foreign, registry
from benchmark.optimizers.provenance import recorded_sources
from benchmark.run import app
from tests import small_study
from tests.small_study import run_session

CODE = """
from pathlib import Path
Path("executed").write_text("yes")
import keras
class Mine(keras.optimizers.SGD):
    pass
"""
EVIL = "results.small.y.evil:Mine"
QUICK = ("--no-trajectory", "--grid", "0", "--no-density", "--samples", "30")
COMMANDS = {
    "curvature": ("curvature", "small/y", "--trial", "0", *QUICK),
    "report": ("report", "small/y"),
    "show": ("show", "small/y", "--trial", "0"),
    "track": ("track", "small/y", "--tracking-uri", "sqlite:///mlflow.db"),
    "resume": ("study", "--resume", "small/y", "--no-tracking"),
    "validate": ("validate", "results/small/y/study.toml"),
    "study": ("study", "results/small/y/study.toml", "--no-tracking"),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose run compares a class of the user's own."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "mine_rules.py").write_text(CODE)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(sys, "path", [entry for entry in sys.path if entry])
        text = small_study.TEXT.replace('"momentum", ', '"mine_rules:Mine", ')
        text = text.replace("[search.momentum]", '[search."mine_rules:Mine"]')
        patch.setattr(small_study, "TEXT", text)
        changes = ("budget.trials=1", "budget.replicates=0", 'curvature.trials="none"')
        made = run_session(folder, *changes, "curvature.diagnosed=[]").path
        made.rename(made.with_name("y"))
    forget()
    return folder


@pytest.fixture
def project(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A copy of it, in which nothing was imported yet."""
    folder = Path(shutil.copytree(made, tmp_path / "project"))
    (folder / "executed").unlink(missing_ok=True)
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    yield folder
    forget()


def forget() -> None:
    """Let every class be imported anew."""
    for name in list(sys.modules):
        if name.partition(".")[0] in {"mine_rules", "results"}:
            del sys.modules[name]
    foreign.imported_class.cache_clear()
    registry._foreign_entry.cache_clear()


def call(name: str, *more: str) -> tuple[int, str]:
    outcome = CliRunner().invoke(app, [*COMMANDS[name], *more])
    assert outcome.exception is None or isinstance(outcome.exception, SystemExit), outcome.output
    return outcome.exit_code, outcome.output


def name_evil(project: Path, *, study: bool) -> None:
    """Let a run name code that lies in it, and forge what it would have recorded."""
    run = project / "results" / "small" / "y"
    (run / "evil.py").write_text(CODE)
    for file in ("records.jsonl", *(["study.toml"] if study else [])):
        text = (run / file).read_text(encoding="utf-8")
        (run / file).write_text(text.replace("mine_rules:Mine", EVIL), encoding="utf-8")
    facts = json.loads((run / "environment.json").read_text())
    facts = {**facts, "code": recorded_sources([EVIL]), "study": None}
    (run / "environment.json").write_text(json.dumps(facts))
    (run / "summary.json").unlink()


def test_a_run_records_the_file_of_a_class(project: Path) -> None:
    facts = json.loads((project / "results/small/y/environment.json").read_text())
    assert facts["code"] == recorded_sources(["mine_rules:Mine"])
    assert facts["code"]["mine_rules:Mine"]["file"] == "mine_rules.py"
    assert str(project.parent) not in json.dumps(facts)


@pytest.mark.parametrize(
    "command",
    # The schema of MLflow takes seconds.
    [pytest.param(name, marks=pytest.mark.slow if name == "track" else ()) for name in COMMANDS],
)
def test_no_command_imports_what_lies_in_a_run(project: Path, command: str) -> None:
    name_evil(project, study=command in ("resume", "validate", "study"))
    code, output = call(command)
    assert not (project / "executed").exists(), output
    if command in ("show", "report", "track"):  # which need no class
        assert code == 0, output
    else:
        assert code == 2
        assert EVIL in output and "results/small/y/evil.py" in output and "--trust" in output


def test_a_class_is_imported_while_its_file_is_the_same_or_by_trust(project: Path) -> None:
    assert call("curvature")[0] == 0
    (project / "executed").unlink()
    forget()
    (project / "mine_rules.py").write_text(CODE + "# another rule\n")
    code, output = call("curvature")
    assert code == 2 and not (project / "executed").exists()
    assert "recorded as mine_rules.py with the SHA-256" in output
    assert call("curvature", "--trust")[0] == 0
    assert (project / "executed").exists()


def test_trust_of_a_module_that_is_gone_is_a_sentence(project: Path) -> None:
    (project / "mine_rules.py").unlink()
    code, output = call("curvature", "--trust")
    assert code == 2 and "there is no mine_rules" in output


def test_a_run_that_recorded_no_file_is_refused_without_trust(project: Path) -> None:
    file = project / "results/small/y/environment.json"
    facts = json.loads(file.read_text())
    del facts["code"]
    file.write_text(json.dumps(facts))
    (project / "results/small/y/summary.json").unlink()
    code, output = call("resume")
    assert code == 2 and not (project / "executed").exists()
    assert "recorded no file for it. Read mine_rules.py; add --trust" in output
    assert call("resume", "--trust")[0] == 0


def test_a_file_of_a_run_hides_no_module(project: Path) -> None:
    run = project / "results" / "small" / "y"
    for name in ("typer", "pandas", "json", "rich"):
        (run / f"{name}.py").write_text(CODE)
    root = Path(small_study.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-m", "benchmark.run", "show", "."],
        cwd=run,
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "mine_rules:Mine" in done.stdout
    assert not (run / "executed").exists()
