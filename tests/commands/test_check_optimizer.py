"""The command ``check-optimizer`` as a user runs it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmark.commands.optimizer_page import properties_section
from benchmark.commands.sections import with_section, write_section
from benchmark.conformance import running
from benchmark.conformance.properties import PROPERTIES, Examination, Outcome, Result
from benchmark.conformance.running import answers
from benchmark.optimizers import OPTIMIZERS
from benchmark.run import app
from tests.source_tree import ROOT

WORDS = "Three steps with a gradient of zero move a weight by 0.03."


def examination(optimizer, backend, failing=""):
    def result(name):
        if name == failing:
            return Result(name, Outcome.FAILED, WORDS)
        if name == "as in Keras":
            return Result(name, Outcome.DOES_NOT_APPLY, "Keras has no class of that name.")
        return Result(name, Outcome.PASSED)

    return Examination(optimizer, backend, tuple(map(result, PROPERTIES)), 2.0)


def invoke(*arguments):
    return CliRunner().invoke(app, ["check-optimizer", *arguments])


@pytest.fixture
def checked(monkeypatch):
    """Let the command find made-up examinations; the list holds what was asked for."""
    asked = []

    def answer(failing=""):
        def run_checks(optimizers, backends, tell):
            asked.append((list(optimizers), list(backends)))
            examinations = [
                examination(name, backend, failing) for backend in backends for name in optimizers
            ]
            for ended in examinations:
                tell(ended)
            return examinations

        monkeypatch.setattr(running, "run_checks", run_checks)
        return asked

    return answer


def test_sentences_end_before_the_next_one_begins(checked, monkeypatch):
    checked("parabola")
    for words in ("It raises SystemExit: bye (rule.py:7)", WORDS):
        monkeypatch.setitem(globals(), "WORDS", words)
        text = " ".join(invoke("adam").stdout.split())
        assert f"fails “parabola”. {words.rstrip('.')}. Expected: At some" in text


def test_all_is_well(checked) -> None:
    asked = checked()
    done = invoke("adam", "keras:Lion", "--backend", "jax")
    assert done.exit_code == 0
    assert asked == [(["adam", "keras:Lion"], ["jax"])]
    assert "2 passed, 0 failed, of 2 examinations" in done.stdout
    assert "adam, jax, 2 s: passed" in done.stderr


def test_what_failed_is_said_with_what_it_means(checked) -> None:
    checked("zero gradient")
    done = invoke("adam", "--backend", "tensorflow")
    assert done.exit_code == 1
    assert WORDS in done.stdout
    assert PROPERTIES["zero gradient"].sentence in done.stdout
    assert "adam, tensorflow, 2 s: failed: zero gradient" in done.stderr


def test_all_is_the_registry(checked) -> None:
    asked = checked()
    assert invoke("--all", "--backend", "jax", "--backend", "tensorflow").exit_code == 0
    assert asked == [(list(OPTIMIZERS), ["jax", "tensorflow"])]


def test_json_has_nothing_else_on_its_output(checked) -> None:
    checked("sizes")
    done = invoke("adam", "--backend", "tensorflow", "--json")
    assert done.exit_code == 1
    [document] = json.loads(done.stdout)["examinations"]
    assert Examination.of_document(document) == examination("adam", "tensorflow", "sizes")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "at least one optimizer must be named. Received none."),
        (["adm"], "Received 'adm'. Did you mean `adam`?"),
        (["adam", "--all"], "Leave one of the two out."),
        (["adam", "--output", "page.html"], "must be Markdown"),
        (["adam", "--backend", "torch"], "torch"),
    ],
)
def test_bad_input_is_a_sentence(arguments, message, checked) -> None:
    asked = checked()
    done = invoke(*arguments)
    assert done.exit_code == 2
    assert message in done.stderr
    assert "Traceback" not in done.output
    assert not asked


def test_the_page_holds_every_property_and_keeps_what_people_wrote(checked, tmp_path) -> None:
    checked("sizes")
    page = tmp_path / "optimizers.md"
    page.write_text("# Optimizers\n\nBy hand.\n", encoding="utf-8")
    for _ in range(2):
        done = invoke("adam", "--backend", "tensorflow", "--backend", "jax", "--output", str(page))
        assert done.exit_code == 1
    text = page.read_text(encoding="utf-8")
    assert text.startswith("# Optimizers\n\nBy hand.\n")
    assert text.count("## Properties\n") == 1
    [row] = [line for line in text.splitlines() if line.startswith("| adam |")]
    assert row.count("✓ ✓") == len(PROPERTIES) - 2
    assert row.count("✗ ✗") == row.count("– –") == 1
    assert f"- sizes, adam (TensorFlow and JAX): {WORDS}" in text
    for name, check in PROPERTIES.items():
        assert f"- **{name}**: {check.sentence}" in text


def test_a_page_without_failures_says_so() -> None:
    text = properties_section([examination("adam", "jax")], "the command", "today")
    assert "### What failed\n\nNothing." in text


def test_two_commands_write_into_one_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    write_section(page, "cost", "| 1 |")
    write_section(page, "properties", "| 2 |")
    write_section(page, "cost", "| 3 |")
    text = page.read_text(encoding="utf-8")
    assert "| 1 |" not in text
    assert text.index("| 3 |") < text.index("| 2 |")
    assert with_section(text, "cost", "| 3 |") == text


def test_a_process_refuses_names_before_it_checks_any() -> None:
    backend = os.environ["KERAS_BACKEND"]
    [answer] = answers(backend, ["adam", "keras:Adm"])
    assert "Did you mean `keras:Adam`?" in answer["refused"]


@pytest.mark.slow
def test_a_users_class_is_checked_on_both_backends(tmp_path: Path) -> None:
    source = ROOT / "tests" / "optimizers" / "testing" / "broken_optimizers.py"
    (tmp_path / "mine.py").write_text(source.read_text(encoding="utf-8"), encoding="utf-8")

    def run(*arguments):
        command = [sys.executable, "-m", "benchmark.run", "check-optimizer", *arguments]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        return subprocess.run(
            command,
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )

    both = ["--backend", "tensorflow", "--backend", "jax"]
    done = run("mine:Good", *both, "--output", "page.md")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "| mine:Good | ✓ ✓ |" in (tmp_path / "page.md").read_text(encoding="utf-8")
    done = run("mine:Restless", *both)
    assert done.returncode == 1
    assert "mine:Restless on jax fails “zero gradient”" in done.stdout
    done = run("mine:Nothing", *both)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Its optimizers are" in done.stderr or "Did you mean" in done.stderr
