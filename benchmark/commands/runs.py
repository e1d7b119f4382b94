"""Opening a run, or a study file that lies in one: whose code may be imported is settled here."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from benchmark.optimizers.provenance import only_recorded, run_above
from benchmark.results import find_run, read_environment


@contextmanager
def opened_run(results: Path, name: str, *, trust: bool) -> Iterator[Path]:
    """Find a run; within, its own code is imported only as it was when the run was made.

    Args:
        results: the folder of all results.
        name: as for :func:`benchmark.results.find_run`.
        trust: whether whatever the run names may be imported.

    Raises:
        RunNotFoundError: there is no such run.
    """
    path = find_run(results, name)
    with code_of_run(path, trust=trust):
        yield path


def code_of_run(path: Path, *, trust: bool) -> AbstractContextManager[None]:
    """Within, import a class of a user's only from the file that a run was made with.

    Args:
        path: the run folder.
        trust: whether whatever is named may be imported.
    """
    return only_recorded(path, read_environment(path).get("code"), trust=trust)


def code_of_study(file: Path, *, trust: bool) -> AbstractContextManager[None]:
    """The same for a study file; what lies in no run may name any class.

    Args:
        file: the study file.
        trust: whether whatever is named may be imported.
    """
    run = run_above(file)
    return nullcontext() if run is None else code_of_run(run, trust=trust)
