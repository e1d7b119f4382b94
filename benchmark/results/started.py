"""What a run was started with: its environment, and its study, even if the file was edited."""

import hashlib
from collections.abc import Callable
from difflib import unified_diff
from pathlib import Path
from typing import Any

from benchmark.errors import UserError
from benchmark.results import records
from benchmark.results.checking import is_count
from benchmark.results.files import read_json


class EditedStudyError(UserError, ValueError):
    """The study of a run is not the one that it was started with."""


def read_environment(path: str | Path) -> dict[str, Any]:
    """Return where a run was started: backend, versions, storage, as recorded.

    Args:
        path: the run folder; without that file the result is empty.

    Raises:
        DamagedRecordsError: the file is not what the program wrote.
    """
    try:
        environment = read_json(Path(path) / "environment.json")
        for key, is_good in _ENVIRONMENT.items():
            if key in environment and not is_good(environment[key]):
                raise ValueError(f"{str(environment[key])[:60]!r} at {key}")
    except ValueError as error:
        reason = error.__cause__ or error
        raise records.DamagedRecordsError(
            f"environment.json must be readable. Received {reason} in {path}. "
            "Restore the file, or begin a new run."
        ) from None
    return environment


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_text_or_none(value: Any) -> bool:
    return value is None or isinstance(value, str)


def _is_positive(value: Any) -> bool:
    return is_count(value) and value > 0


_ENVIRONMENT: dict[str, Callable[[Any], bool]] = {
    "created": _is_text,
    "identity": _is_text,
    "backend": _is_text,
    "storage": _is_text_or_none,
    "engine": _is_text,
    "capacity": _is_positive,
    "workers": _is_positive,
    "sequence": is_count,
}
"""The entries of ``environment.json`` that the program uses, and what each must be."""


def read_study(path: str | Path) -> str:
    """Return the frozen study file of a run.

    Args:
        path: the run folder.

    Raises:
        DamagedRecordsError: the file is no UTF-8.
    """
    file = Path(path) / "study.toml"
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise records.DamagedRecordsError(
            f"study.toml must be UTF-8. Received {error} in {file}. Restore the file."
        ) from None


def started_study(path: str | Path) -> str:
    """Return the study that a run was started with, even if its ``study.toml`` was edited.

    Args:
        path: the run folder; for one of an earlier release, its file.
    """
    recorded = _recorded_study(path)
    return read_study(path) if recorded is None else recorded


def study_edits(path: str | Path) -> str:
    """Return how ``study.toml`` differs from the study that the run was started with.

    Args:
        path: the run folder.

    Returns:
        The lines of a diff, or both checksums where the recorded text was edited too; empty where
        nothing was edited, or nothing is known of the start.
    """
    recorded = _recorded_study(path)
    now = read_study(path)
    if recorded is None:
        return _unexplained_edit(path, now)
    if study_hash(recorded) == study_hash(now):
        return ""
    lines = "\n".join(
        unified_diff(
            recorded.splitlines(),
            now.splitlines(),
            "study.toml as the run was started",
            "study.toml now",
            lineterm="",
            n=1,
        )
    )
    # Whatever the file holds, no control character reaches a terminal.
    return "".join(c if c.isprintable() or c == "\n" else f"\\x{ord(c):02x}" for c in lines)


def check_unedited(path: str | Path) -> None:
    """Refuse to go on with a run whose study was edited.

    Its trials would be of two studies, and compared as if they were of one.

    Args:
        path: the run folder.

    Raises:
        EditedStudyError: ``study.toml`` is not the study that the run was started with.
    """
    edits = study_edits(path)
    if edits:
        file = Path(path) / "study.toml"
        raise EditedStudyError(
            "a run must be resumed with the study that it was started with. Received an edited "
            f"{file}:\n{edits}\nTake the edit back, or begin a new run with `study {file}`."
        )


def _recorded_study(path: str | Path) -> str | None:
    """The study file as it was; nothing where it was not recorded, or the record was edited."""
    recorded = read_environment(path).get("study")
    if not isinstance(recorded, dict):
        return None
    text = recorded.get("text")
    is_whole = isinstance(text, str) and recorded.get("sha256") == study_hash(text)
    return text if is_whole else None


def _unexplained_edit(path: str | Path, now: str) -> str:
    """The checksums where they differ and there is no text to compare with."""
    recorded = read_environment(path).get("study")
    checksum = recorded.get("sha256") if isinstance(recorded, dict) else None
    if not isinstance(checksum, str) or checksum == study_hash(now):
        return ""
    # Letters and digits only, and not too many: it is printed to a terminal.
    was = "".join(character for character in checksum if character.isalnum())[:64]
    return f"-study.toml as the run was started: SHA-256 {was}\n+now: SHA-256 {study_hash(now)}"


def study_hash(text: str) -> str:
    """Return the SHA-256 of a study file, whatever its line ends are."""
    return hashlib.sha256("\n".join(text.splitlines()).encode()).hexdigest()
