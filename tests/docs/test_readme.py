"""Every command that README.md and the guides under docs/ show, run for real, in their order.

The fenced blocks marked ``bash`` run in one copy of the project (an unpacked sdist) with
one new virtual environment, as a reader would run them. A comment on the line above a
block changes how it is run:

- ``<!-- serves: URL -->``: the block starts a server. It is started, must answer at the
  URL, and is interrupted as by Ctrl-C.
- ``<!-- file: NAME -->``: the block, in any language, is saved as that file.
- ``<!-- not run: REASON -->``: the block is not run; it must be listed in `NOT_RUN` too.
"""

import os
import re
import signal
import sqlite3
import subprocess
import sys
import tarfile
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.source_tree import ROOT

GUIDES = (
    "README.md",
    "docs/getting-started.md",
    "docs/hyperparameters.md",
    "docs/backends.md",
    "docs/mlflow.md",
)
TEXT = "\n".join((ROOT / name).read_text(encoding="utf-8") for name in GUIDES)
BLOCK = re.compile(
    r"(?:^<!-- (?P<mark>serves|not run|file): (?P<remark>[^>]+?) -->\n)?"
    r"^```(?P<language>\w*)\n(?P<text>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)
# This test runs inside tox; a command that runs tox would run this test again. Studies of twenty
# optimizers train for minutes.
NOT_RUN = {
    "pip install tox && tox",
    "kappabench study optimizers_digits optimizers_quadratic",
}
LEFT_OUT = {"KERAS_BACKEND", "MLFLOW_TRACKING_URI", "PIP_CONSTRAINT", "PYTHONPATH"}
INSTALL_AND_STUDY_SECONDS = 1500
SERVER_SECONDS = 120


@dataclass(frozen=True)
class Block:
    """A fenced block of commands and the comment above it."""

    text: str
    mark: str
    remark: str

    def __str__(self) -> str:
        return self.text.splitlines()[0]


@dataclass(frozen=True)
class Checkout:
    """A copy of the project, and the environment variables of its virtual environment."""

    folder: Path
    variables: dict[str, str]

    def start(self, text: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", text],
            cwd=self.folder,
            env=self.variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )


def blocks() -> list[Block]:
    return [
        Block(match["text"].strip(), match["mark"] or "", match["remark"] or "")
        for match in BLOCK.finditer(TEXT)
        if match["language"] == "bash" or match["mark"] == "file"
    ]


def run_blocks() -> list[Block]:
    return [block for block in blocks() if block.mark != "not run"]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    folder = tmp_path_factory.mktemp("readme")
    build = [sys.executable, "-m", "build", "--sdist", "--no-isolation", "--outdir", str(folder)]
    subprocess.run([*build, str(ROOT)], check=True, capture_output=True, timeout=120)
    archive = next(folder.glob("*.tar.gz"))
    with tarfile.open(archive) as sources:
        sources.extractall(folder, filter="data")
    environment = folder / "environment"
    subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True, timeout=120)
    variables = {name: value for name, value in os.environ.items() if name not in LEFT_OUT}
    variables["VIRTUAL_ENV"] = str(environment)
    # Only what the commands import is compiled, when they do: half a minute less than all of it.
    variables["PIP_NO_COMPILE"] = "1"
    variables["PATH"] = f"{environment / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return Checkout(folder / archive.name.removesuffix(".tar.gz"), variables)


def test_only_known_commands_are_not_run() -> None:
    skipped = [block for block in blocks() if block.mark == "not run"]
    assert {block.text for block in skipped} == NOT_RUN
    assert all(block.remark.endswith(".") for block in skipped), "give the reason in a sentence"


def test_first_commands_are_the_promised_ones() -> None:
    assert blocks()[0].text == "pip install -c constraints.txt . && python -m benchmark.run study"
    assert blocks()[1].text == "pip install tox && tox"


@pytest.mark.slow
@pytest.mark.timeout(INSTALL_AND_STUDY_SECONDS)
@pytest.mark.parametrize("block", run_blocks(), ids=str)
def test_commands(block: Block, checkout: Checkout) -> None:
    if block.mark == "file":
        (checkout.folder / block.remark).write_text(block.text + "\n", encoding="utf-8")
        return
    process = checkout.start(block.text)
    try:
        if block.mark == "serves":
            wait_until_answered(block.remark, process)
            return
        output, _ = process.communicate(timeout=INSTALL_AND_STUDY_SECONDS)
        assert process.returncode == 0, output
    finally:
        stop(process)


def wait_until_answered(url: str, process: subprocess.Popen[str]) -> None:
    """Return when a server answers with success; fail if it ends or stays silent."""
    deadline = time.monotonic() + SERVER_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            pytest.fail(f"the server ended: {process.communicate()[0]}")
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                assert answer.status == 200
                return
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            time.sleep(0.5)
    pytest.fail(f"nothing answered at {url} within {SERVER_SECONDS} s")


def stop(process: subprocess.Popen[str]) -> None:
    """End a block and what it started: first as Ctrl-C does, then for certain."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGINT)
        try:
            process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


@pytest.mark.slow
def test_first_command_left_a_report_and_a_filled_store(checkout: Checkout) -> None:
    results = checkout.folder / "results"
    reports = list(results.glob("quickstart/*/report.html"))
    assert reports
    assert (reports[0].parent / "trials.parquet").is_file()
    with sqlite3.connect(results / "mlflow.db") as store:
        runs = store.execute("SELECT COUNT(*) FROM runs").fetchone()[0]
        steps = store.execute("SELECT COUNT(DISTINCT step) FROM metrics").fetchone()[0]
    assert runs > 1, "a parent and its trials"
    assert steps > 1, "curves over epochs"
