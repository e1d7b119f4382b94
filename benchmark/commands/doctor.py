"""What ``doctor`` examines: does everything that a study needs answer?"""

import importlib.metadata
import platform
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmark import __version__
from benchmark.errors import UserError
from benchmark.urls import masked

PACKAGES = ("keras", "tensorflow", "jax", "optuna", "mlflow", "scikit-learn", "ray")
OPTIONAL = ("jax", "ray")
SECONDS = 10.0
"""How long each of storage and tracking may take to answer."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was examined.

    Args:
        name: what it is.
        good: whether a study can rely on it.
        detail: what was found, or what is wrong and how to fix it.
    """

    name: str
    good: bool
    detail: str


def examine(
    backend: str,
    results: Path,
    storage: str | None,
    tracking_uri: Callable[[], str],
    select_backend: Callable[[str], None],
) -> list[Check]:
    """Examine versions, backend, devices, results folder, search storage and tracking.

    Args:
        backend: the framework that a study would use.
        results: the folder of all results.
        storage: an Optuna storage URL, or nothing for the journal in the run folder.
        tracking_uri: returns the MLflow store, or raises what is wrong with its address.
        select_backend: imports the framework.
    """
    return [
        Check("kappabench", True, __version__),
        Check("python", True, platform.python_version()),
        *_packages(),
        *_backend(backend, select_backend),
        _results(results),
        _storage(storage),
        _tracking(tracking_uri),
    ]


def _packages() -> Iterator[Check]:
    for name in PACKAGES:
        try:
            yield Check(name, True, importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            yield Check(name, name in OPTIONAL, "not installed")


def _backend(name: str, select_backend: Callable[[str], None]) -> Iterator[Check]:
    try:
        select_backend(name)
        from benchmark.backend import devices

        yield Check("backend", True, name)
        yield Check("devices", True, ", ".join(devices()))
    except (ImportError, RuntimeError, ValueError) as error:
        yield Check("backend", False, str(error))


def _results(results: Path) -> Check:
    existing = next(
        path for path in (results.absolute(), *results.absolute().parents) if path.exists()
    )
    probe = existing / ".kappabench-doctor"
    try:
        probe.touch()
        probe.unlink()
    except OSError as error:
        return Check("results", False, f"{results} cannot be written: {error}")
    return Check("results", True, f"{results} can be written")


def _storage(storage: str | None) -> Check:
    if storage is None:
        return Check("storage", True, "a journal file in each run folder")
    from benchmark.search.storage import close_storage, open_storage
    from benchmark.tracking.check import within

    def ask() -> str:
        close_storage(open_storage(storage, can_resume=False))
        return ""

    try:
        failure = within(SECONDS, ask, f"no answer within {SECONDS:g} s from {masked(storage)}")
    except UserError as error:
        failure = str(error)
    return Check("storage", not failure, failure or f"{masked(storage)} answers")


def _tracking(uri: Callable[[], str]) -> Check:
    from benchmark.tracking import check_tracking

    try:
        good, sentence = check_tracking(uri(), SECONDS)
    except UserError as error:
        good, sentence = False, str(error)
    return Check("tracking", good, sentence)
