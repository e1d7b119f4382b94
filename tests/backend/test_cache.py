"""Programs are kept between processes, and give the same numbers."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmark.backend.cache import VARIABLE, cache_folder, trim

PROGRAM = """
import numpy as np
from benchmark import backend
backend.select({backend!r})
from keras import ops
step = backend.compile(lambda w, x: w - 0.1 * ops.matmul(x, ops.tanh(ops.matmul(x, w))))
w, x = np.linspace(0, 1, 64, dtype="f4").reshape(8, 8), np.eye(8, dtype="f4") / 3
for _ in range(20):
    w = step(w, x)
print(float(ops.sum(w)).hex())
"""


def test_the_folder_is_of_a_framework_its_version_and_the_processor(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    folder = cache_folder("jax", "1.2")
    assert folder is not None and folder.is_dir()
    assert folder.parent == tmp_path and folder.name.startswith("jax-1.2-")
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    default_folder = cache_folder("jax", "1.2")
    assert default_folder == tmp_path / "home" / "kappabench" / folder.name


@pytest.mark.parametrize("relative_path", ["", "file/below"])
def test_without_a_folder_nothing_is_kept(tmp_path, monkeypatch, relative_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv(VARIABLE, str(tmp_path / relative_path) if relative_path else "")
    assert cache_folder("jax", "1.2") is None


def test_the_oldest_files_are_deleted(tmp_path):
    for age, name in enumerate(["newest", "older", "oldest"]):
        (tmp_path / name).write_bytes(b"0" * 100)
        os.utime(tmp_path / name, (1000 - age, 1000 - age))
    trim(tmp_path, 300)
    assert len(list(tmp_path.iterdir())) == 3
    trim(tmp_path, 250)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["newest", "older"]


def test_a_second_process_finds_what_the_first_compiled(tmp_path):
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    # At its own level, which hides that TensorFlow takes hints of its compiler for
    # instructions that a processor may lack.
    environment = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    outcomes = []
    for folder in ("", str(tmp_path), str(tmp_path)):
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM.format(backend=backend)],
            env={**environment, VARIABLE: folder, "TF_XLA_FLAGS": ""},
            capture_output=True,
            text=True,
            check=True,
        )
        files = {path for path in Path(tmp_path).rglob("*") if path.is_file()}
        outcomes.append((done.stdout, files))
    (plain, _), (first, first_files), (second, second_files) = outcomes
    assert plain == first == second
    assert first_files
    # JAX notes the last use of each in a file of its own.
    assert {path for path in second_files if "atime" not in path.name} == {
        path for path in first_files if "atime" not in path.name
    }
