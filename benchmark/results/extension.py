"""More trials for a run: what it has is set aside, and its study gets the larger budget.

The search begins again with the larger budget, as if that had been asked for from the start. What
was set aside in ``earlier/`` says how its trials go, so that those that are the same are not
trained again.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from benchmark.results import records, weights
from benchmark.results.checking import is_count
from benchmark.results.files import (
    MARK,
    parse_json,
    read_json,
    refuse_link,
    subfolder,
    sync_folder,
    write_json,
    write_text,
)
from benchmark.results.lock import RunLock
from benchmark.results.started import read_environment, study_hash
from benchmark.results.tables import TABLES
from benchmark.trial import Report, TrialResult

FILE = "extension.json"
"""Where it is, a run was asked for more trials and a kill came before all was set aside."""
FOLDER = "earlier"
MOVED = (records.FILE, weights.FOLDER, "optuna.journal", "curvature")
"""What speaks of trials by their number, which may be that of another trial from now on."""
MOST = 100_000
"""Extensions of one run at most, far beyond what anybody asks for."""


def is_extending(path: str | Path) -> bool:
    """Whether a run was asked for more trials, and what it had is not all set aside.

    Args:
        path: the run folder.
    """
    return (Path(path) / FILE).is_file()


def extend_run(
    path: Path, study_text: str | None, forget_search: Callable[[], None], notes: dict[str, Any]
) -> None:
    """Set aside what a run has, and give it a study with a larger budget.

    Killed at any instant, it is completed by a second call without ``study_text``.

    Args:
        path: the run folder.
        study_text: the study with the larger budget; nothing to complete what a kill interrupted.
        forget_search: deletes the search of the run where it is kept elsewhere; may be repeated.
        notes: what ``environment.json`` shall say of the run before, for people.

    Raises:
        RunLockedError: another process writes this run.
        LinkError: a file that would be moved is a link.
        DamagedRecordsError: what a kill left is not what this function wrote.
    """
    lock = RunLock(path)
    try:
        _check_links(path)
        if study_text is not None:
            write_json(path / FILE, _plan(path, study_text, notes))
        _complete(path, _read_plan(path), forget_search)
    finally:
        lock.release()


def earlier_records(path: Path) -> Iterator[tuple[TrialResult, list[Report]]]:
    """Yield the trials that were set aside, oldest first, with the weights that were kept of them.

    Args:
        path: the run folder.

    Raises:
        DamagedRecordsError: a record is damaged.
        DamagedWeightsError: so are weights.
        LinkError: one of the folders is a link.
    """
    _check_links(path)
    for folder in _folders(path):
        for _, (result, reports) in records.read_lines(folder / records.FILE):
            number = result.trial.number
            has_weights = weights.weights_file(folder, number).is_file()
            arrays = weights.load_weights(folder, number) if has_weights else ()
            yield replace(result, weights=arrays), reports


def _folders(path: Path) -> list[Path]:
    folders = [folder for folder in (path / FOLDER).glob("*") if folder.name.isdecimal()]
    return sorted(folders, key=lambda folder: int(folder.name))


def _check_links(path: Path) -> None:
    for file in (*(path / name for name in (FILE, FOLDER, *MOVED)), *_folders(path)):
        refuse_link(file)
    for folder in _folders(path):
        for name in MOVED:
            refuse_link(folder / name)


def _plan(path: Path, study_text: str, notes: dict[str, Any]) -> dict[str, Any]:
    numbers = [int(folder.name) for folder in _folders(path)]
    return {
        "folder": max(numbers, default=0) + 1,
        "study": study_text,
        # MLflow has a run of its own of the earlier budget, whose parameters cannot change.
        "identity": uuid4().hex,
        "earlier": {
            **notes,
            "extended": datetime.now(UTC).isoformat(),
            "study": read_environment(path).get("study"),
        },
    }


def _read_plan(path: Path) -> dict[str, Any]:
    try:
        plan = read_json(path / FILE)
        text = isinstance(plan.get("study"), str) and isinstance(plan.get("identity"), str)
        folder = plan.get("folder")
        if not (text and is_count(folder) and 0 < int(str(folder)) < MOST):
            raise ValueError("other entries")
        if not isinstance(plan.get("earlier"), dict):
            raise ValueError("no entry 'earlier'")
    except ValueError as error:
        raise records.DamagedRecordsError(
            f"{FILE} must be as the program wrote it. Received {error} in {path}. "
            "Restore the file, or begin a new run."
        ) from None
    return plan


def _complete(path: Path, plan: dict[str, Any], forget_search: Callable[[], None]) -> None:
    folder = subfolder(path, FOLDER, str(plan["folder"]))
    (path / MARK).unlink(missing_ok=True)
    for name in ("summary.json", *(f"{table}.parquet" for table in TABLES)):
        (path / name).unlink(missing_ok=True)
    for name in MOVED:
        if (path / name).exists() and not (folder / name).exists():
            (path / name).rename(folder / name)
    sync_folder(folder)
    forget_search()
    environment = parse_json((path / "environment.json").read_bytes())
    history = environment.get("earlier", [])
    if environment.get("identity") != plan["identity"]:
        history = [*history, plan["earlier"]]
    text = plan["study"]
    write_json(
        path / "environment.json",
        {
            **environment,
            "identity": plan["identity"],
            "study": {"sha256": study_hash(text), "text": text},
            "earlier": history,
        },
    )
    write_text(path / "study.toml", text)
    (path / FILE).unlink()
    sync_folder(path)
