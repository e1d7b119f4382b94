"""The machine and the versions of a run: what one needs to repeat it, and nothing personal."""

import os
import platform
import subprocess
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

DISTRIBUTIONS = (
    "kappabench",
    "keras",
    "tensorflow",
    "jax",
    "jaxlib",
    "numpy",
    "scipy",
    "scikit-learn",
    "pandas",
    "pyarrow",
    "optuna",
    "mlflow",
    "ray",
)


def environment(
    backend: str = "", devices: Sequence[str] = (), precision: str = "float32", **more: Any
) -> dict[str, Any]:
    """Return versions, machine and settings, without user names, host names or paths.

    Args:
        backend: the Keras backend, which this module does not import to ask.
        devices: the names of the devices that train.
        precision: the floating-point type of training.
        more: further plain values, for instance ``seed`` and ``engine``.

    Example:
        >>> facts = environment("jax", ["cpu:0"], seed=1)
        >>> facts["backend"], facts["devices"], facts["seed"]
        ('jax', ['cpu:0'], 1)
        >>> "numpy" in facts["versions"] and facts["cores"] >= 1
        True
    """
    return {
        **_commit(),
        "python": platform.python_version(),
        "versions": _versions(),
        "backend": backend,
        "devices": list(devices),
        "precision": precision,
        "platform": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processor": _processor(),
        "cores": _cores(),
        "memory_gibibytes": _memory(),
        **more,
    }


def _versions() -> dict[str, str]:
    versions = {}
    for name in DISTRIBUTIONS:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def _commit() -> dict[str, Any]:
    """The commit of the checkout that holds this file, if git knows the file."""
    folder = Path(__file__).parent

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(folder), *arguments]
        done = subprocess.run(  # the arguments are constants of this module
            command, capture_output=True, text=True, timeout=10, check=True
        )
        return done.stdout.strip()

    try:
        # An installed package may lie inside somebody else's checkout: ask for the file itself.
        git("ls-files", "--error-unmatch", Path(__file__).name)
        commit = git("rev-parse", "HEAD")
        changed = bool(git("status", "--porcelain", "--untracked-files=no"))
    except (OSError, subprocess.SubprocessError):
        return {}
    return {"git_commit": commit, "git_changed": changed}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _cores() -> int:
    """The cores this process may use, which a container may have fewer of than the machine."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _memory() -> float | None:
    try:
        size = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None
    return round(size / 2**30, 1)
