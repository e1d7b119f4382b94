"""Reading runs: their records, their tables, and which runs there are."""

import difflib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from benchmark.errors import UserError
from benchmark.results import records
from benchmark.results.checking import is_count
from benchmark.results.files import read_json
from benchmark.results.records import Record
from benchmark.results.tables import TABLES, are_tables, build_tables


class RunNotFoundError(UserError, LookupError):
    """No run, or more than one, goes by the given name."""


@dataclass(frozen=True, eq=False)
class RunTables:
    """All that is known of a run.

    Args:
        path: the run folder.
        study_text: the frozen study file.
        environment: where it ran.
        trials: a row a trial, sorted by number.
        curves: a row a metric and epoch of a trial.
        curvature: a row a curvature quantity and epoch of a trial.
        spectra: a row an eigenvalue and epoch of a trial, ascending.
        findings: a row a topic and epoch of a trial: what its curvature says, in a sentence.
        summary: what the run was finished with; empty for an unfinished run.
    """

    path: Path
    study_text: str
    environment: dict[str, Any]
    trials: pd.DataFrame
    curves: pd.DataFrame
    curvature: pd.DataFrame
    spectra: pd.DataFrame
    findings: pd.DataFrame
    summary: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """``<study>/<run>``."""
        return f"{self.path.parent.name}/{self.path.name}"

    @property
    def is_finished(self) -> bool:
        """Whether the run wrote its tables and its summary."""
        return bool(self.summary) or (self.path / "summary.json").is_file()


def read_records(path: str | Path) -> Iterator[Record]:
    """Yield every finished trial with its reports, in the order they were recorded.

    A last line torn by a kill is passed over. A run may be read while it is written.

    Args:
        path: the run folder.

    Raises:
        FileNotFoundError: the folder is no run.
        DamagedRecordsError: a line that is not the last is no record.
    """
    for _, record in records.read_lines(_checked(path) / records.FILE):
        yield record


def read_run(path: str | Path) -> RunTables:
    """Read a run from its Parquet tables, or an unfinished one from its records.

    Args:
        path: the run folder.

    Raises:
        FileNotFoundError: the folder is no run.
        DamagedRecordsError: the run is unfinished and a record in the middle is damaged.
    """
    folder = _checked(path)
    summary = read_summary(folder)
    is_finished = (folder / "summary.json").is_file()
    tables = _read_tables(folder) if is_finished else None
    if tables is None:
        tables = build_tables(read_records(folder))
    return RunTables(
        path=folder,
        study_text=read_study(folder),
        environment=read_environment(folder),
        summary=summary,
        **tables,
    )


def read_environment(path: str | Path) -> dict[str, Any]:
    """Return where a run was begun: backend, versions, storage, as it was recorded.

    Args:
        path: the run folder; one without that file gives nothing.

    Raises:
        DamagedRecordsError: the file is not what the program wrote.
    """
    try:
        found = read_json(Path(path) / "environment.json")
        for key, is_good in _ENVIRONMENT.items():
            if key in found and not is_good(found[key]):
                raise ValueError(f"{str(found[key])[:60]!r} at {key}")
    except ValueError as error:
        raise records.DamagedRecordsError(
            f"environment.json must be what the program wrote. Received {error} in {path}. "
            "Restore the file, or begin a new run."
        ) from None
    return found


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
"""What of ``environment.json`` is used, not only shown, and what it must be."""


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


def read_summary(path: str | Path) -> dict[str, Any]:
    """Return what a run was finished with; nothing for an unfinished one.

    A summary that cannot be read counts as none: the records hold everything.

    Args:
        path: the run folder.
    """
    try:
        found = read_json(Path(path) / "summary.json")
    except ValueError:
        return {}
    return found


def _read_tables(folder: Path) -> dict[str, pd.DataFrame] | None:
    """Return the Parquet tables, or nothing where one is missing, damaged or of other columns."""
    try:
        found = {name: pd.read_parquet(folder / f"{name}.parquet") for name in TABLES}
        return found if are_tables(found) else None
    except Exception:  # pyarrow and pandas raise anything over a file that they did not write
        return None


def list_runs(root: str | Path) -> list[Path]:
    """Return the folders of all runs below ``root``, the oldest first.

    Args:
        root: the folder of all results; one that is not there has no runs.
    """
    found = [file.parent for file in Path(root).glob("*/*/study.toml")]
    return sorted(found, key=lambda path: (_created(path), path.name, path.parent.name))


def find_run(root: str | Path, name: str | Path) -> Path:
    """Return the folder of the run that goes by a name.

    Args:
        root: the folder of all results.
        name: a path, ``<study>/<run>``, ``<run>``, ``<study>`` (its latest run),
            or ``"latest"``; the first of these that fits.

    Raises:
        RunNotFoundError: no run goes by the name, or runs of several studies do.
    """
    for candidate in (Path(name), Path(root) / name):
        if (candidate / "study.toml").is_file():
            return candidate
    runs = list_runs(root)
    named = [path for path in runs if path.name == str(name)]
    if len(named) > 1:
        raise RunNotFoundError(
            f"a run's name must be unique. Received {str(name)!r}, which is in "
            f"{_names(named)} of {root}. Write <study>/<run>."
        )
    of_study = [path for path in runs if path.parent.name == str(name) or str(name) == "latest"]
    if named or of_study:
        return (named or of_study)[-1]
    raise RunNotFoundError(
        f"a run must exist. Received {str(name)!r}, and {root} "
        + (f"holds {_nearest(runs, str(name))}." if runs else "holds no run.")
        + (" Name one of these, or 'latest'." if runs else " Run a study first.")
    )


def _checked(path: str | Path) -> Path:
    folder = Path(path)
    if not (folder / "study.toml").is_file():
        raise FileNotFoundError(
            f"a run must be a folder with a study.toml. Received {folder}. "
            "Name a folder below results/<study>/."
        )
    return folder


def _created(path: Path) -> str:
    """The instant of creation, or for a foreign folder its name, which is a time by default."""
    try:
        created = read_json(path / "environment.json")["created"]
    except (OSError, ValueError, KeyError):
        return path.name
    return str(created)


def _names(paths: list[Path]) -> str:
    return ", ".join(f"{path.parent.name}/{path.name}" for path in paths)


def _nearest(runs: list[Path], name: str) -> str:
    """A few names near to the one that was asked for, else the latest."""
    names = {f"{path.parent.name}/{path.name}" for path in runs}
    close = difflib.get_close_matches(name, sorted(names | {path.parent.name for path in runs}), 3)
    return ", ".join(close) if close else _names(runs[-3:])
