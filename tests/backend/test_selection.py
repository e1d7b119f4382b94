"""Choosing the framework: in fresh processes where it must come before Keras."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmark import backend
from benchmark.backend import selection

OTHER = {"tensorflow": "jax", "jax": "tensorflow"}


def run(code, **environment):
    """Run Python code in a process of its own."""
    inherited = {k: v for k, v in os.environ.items() if k not in ("KERAS_BACKEND", LEVEL)}
    return subprocess.run(
        [sys.executable, "-c", code],
        env=inherited | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


LEVEL = "TF_CPP_MIN_LOG_LEVEL"


def test_select_in_a_fresh_process_is_quiet_and_wins_over_the_environment():
    chosen = backend.name()
    code = (
        "import sys\n"
        "from benchmark import backend\n"
        "assert 'keras' not in sys.modules\n"
        f"backend.select({chosen!r})\n"
        "print(backend.name(), 'keras' in sys.modules, backend.devices()[-1])\n"
    )
    result = run(code, KERAS_BACKEND=OTHER[chosen])
    assert result.stdout.split() == [chosen, "True", "cpu:0"], result.stderr
    assert result.stderr == ""


def test_importing_the_package_imports_no_framework():
    code = "import sys, benchmark.backend; print({'keras', 'tensorflow', 'jax'} & set(sys.modules))"
    assert run(code).stdout.strip() == "set()"


def test_a_second_backend_is_refused_with_a_remedy(monkeypatch):
    second_backend = OTHER[backend.name()]
    monkeypatch.setattr(selection, "find_spec", lambda _: object())
    with pytest.raises(
        RuntimeError, match=rf"before Keras is imported.*KERAS_BACKEND={second_backend}"
    ):
        backend.select(second_backend)
    assert backend.name() != second_backend


@pytest.mark.parametrize(
    ("name", "package"), [("jax", r"kappabench\[jax\]"), ("tensorflow", "kappabench")]
)
def test_a_missing_framework_is_refused_with_a_remedy(monkeypatch, name, package):
    monkeypatch.setattr(selection, "find_spec", lambda _: None)
    with pytest.raises(ModuleNotFoundError, match=rf"{name!r}.*pip install '?{package}"):
        backend.select(name)


def test_an_unknown_backend_is_refused():
    with pytest.raises(ValueError, match=r"one of tensorflow, jax\. Received 'torch'\."):
        backend.select("torch")


def test_versions_name_what_is_installed():
    versions = backend.versions()
    assert versions["numpy"] == np.__version__
    assert ("jax" in versions) == (importlib.util.find_spec("jax") is not None)


def test_devices_are_lower_case_with_an_index():
    for device in backend.devices():
        kind, _, index = device.partition(":")
        assert kind.isalpha()
        assert kind.islower()
        assert index.isdigit()


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="threads are listed on Linux")
def test_as_many_threads_compute_as_were_asked_for():
    code = (
        "import numpy as np\n"
        "from pathlib import Path\n"
        "from benchmark import backend\n"
        f"backend.select({backend.name()!r}, threads=3)\n"
        "backend.compile(lambda x: x @ x)(np.ones((500, 500), 'float32'))\n"
        "tasks = Path('/proc/self/task').iterdir()\n"
        "print([(task / 'comm').read_text().strip() for task in tasks].count('tf_XLAEigen'))\n"
    )
    result = run(code)
    # Before release 2.21 TensorFlow starts no such threads while products use one each.
    release = tuple(map(int, backend.versions().get("tensorflow", "0.0").split(".")[:2]))
    has_none = backend.name() == "tensorflow" and release < (2, 21)
    assert result.stdout.split() == ["0" if has_none else "3"], result.stderr


def test_threads_cannot_be_chosen_too_late_or_below_one():
    with pytest.raises(RuntimeError, match="threads must be chosen before Keras is imported"):
        backend.select(backend.name(), threads=1)
    with pytest.raises(ValueError, match="threads must be >= 1"):
        backend.select(backend.name(), threads=0)
    with pytest.raises(ValueError, match="pool must be >= 1"):
        backend.select(backend.name(), threads=1, pool=0)
