"""The worked examples of CONTRIBUTING.md, each done in a copy of the project as it says.

A block that begins with the comment ``# FILE`` is written to that file; with ``# FILE, in NAME`` it
goes to the end of that table or of the fields of that class. A block without a language holds the
commands that must then succeed.
"""

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.source_tree import ROOT

EXAMPLES = (
    "An optimizer",
    "A model",
    "A dataset",
    "A problem",
    "A sampler or pruner",
    "An option of study",
    "A metric",
    "A report figure",
)
BLOCK = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
PLACE = re.compile(r"# (?P<file>[\w./]+)(, in (?P<name>\w+))?\n")
COPIED = ("benchmark", "datasets", "studies", "tests", "docs")


def blocks(title: str) -> list[tuple[str, str]]:
    """The study that all examples share, and each block under a heading, with its language."""
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    _, heading, rest = page.partition(f"\n### {title}\n")
    assert heading, f"CONTRIBUTING.md must have the heading `### {title}`. Add it, or end its test."
    _, _, before = page.partition("\nThe examples below use this study:\n")
    texts = (re.split(r"^##", text, flags=re.MULTILINE)[0] for text in (before, rest))
    return [(block["language"], block["text"]) for text in texts for block in BLOCK.finditer(text)]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of what a contributor changes."""
    for name in COPIED:
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def write(project: Path, text: str) -> None:
    """Put a block where its first line says."""
    header = PLACE.match(text)
    assert header, f"a block must begin with `# FILE` or `# FILE, in NAME`. Received {text[:40]!r}."
    path, lines = project / header["file"], text[header.end() :]
    if not header["name"]:
        assert not path.exists(), f"{header['file']} exists already. Take another name."
        path.write_text(lines, encoding="utf-8")
        return
    before, line, after = re.split(
        rf"^((?:class )?{header['name']}\b.*)$",
        path.read_text(encoding="utf-8"),
        maxsplit=1,
        flags=re.MULTILINE,
    )
    end = "\n}\n" if line.endswith("{") else "\n\n    @property\n"
    inside, bracket, rest = after.partition(end)
    assert bracket, f"the end of {header['name']} in {header['file']} must be {end!r}"
    path.write_text(f"{before}{line}{inside}\n{lines.rstrip()}{end}{rest}", encoding="utf-8")


def follow(title: str, project: Path) -> list[str]:
    """Write the blocks of an example into a project and return its commands."""
    commands = []
    for language, text in blocks(title):
        if language:
            write(project, text)
        else:
            commands += text.splitlines()
    return commands


@pytest.mark.parametrize("title", EXAMPLES)
def test_a_worked_example_fits_the_project(title: str, project: Path) -> None:
    commands = follow(title, project)
    assert commands, f"`### {title}` of CONTRIBUTING.md must show the commands that try it"
    for path in (project / "benchmark").rglob("*.py"):
        ast.parse(path.read_text(encoding="utf-8"), str(path))


@pytest.mark.slow
@pytest.mark.parametrize("title", EXAMPLES)
def test_a_worked_example_works(title: str, project: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(project), "PYTHONDONTWRITEBYTECODE": "1"}
    for command in follow(title, project):
        done = subprocess.run(
            command.replace("python", sys.executable, 1),
            shell=True,
            cwd=project,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"


@pytest.mark.slow
def test_a_new_status_is_missed_by_every_function_that_the_example_names(project: Path) -> None:
    pytest.importorskip("mypy")
    section = (
        (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("\n### A status\n")[2]
    )
    named = set(re.findall(r"`(benchmark/[\w/]+\.py)`", section.split("\n## ")[0]))
    *_, (_, text) = blocks("A status")
    write(project, text)
    options = ["--follow-imports=silent", "--cache-dir", str(project / "cache")]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *options, *sorted(named)],
        cwd=project,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    pattern = r'^(\S+):\d+: error: Argument 1 to "assert_never".*TIMED_OUT'
    assert set(re.findall(pattern, done.stdout, re.MULTILINE)) == named, done.stdout + done.stderr
