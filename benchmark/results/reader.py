"""Reading runs: their records, their tables, and which runs there are."""

import difflib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from benchmark.errors import UserError
from benchmark.results import records
from benchmark.results.files import MARK, read_json
from benchmark.results.records import Record
from benchmark.results.tables import TABLES, build_tables


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
        summary: the run in a few numbers; empty until the whole budget was spent.
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
    def is_trained(self) -> bool:
        """Whether the whole budget was spent, so that the numbers stay."""
        return is_trained(self.path)

    @property
    def is_finished(self) -> bool:
        """Whether the run is complete: see :func:`is_finished`."""
        return is_finished(self.path)


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
    tables = _read_tables(folder) if is_trained(folder) else None
    if tables is None:
        tables = build_tables(read_records(folder))
    return RunTables(
        path=folder,
        study_text=(folder / "study.toml").read_text(encoding="utf-8"),
        environment=read_environment(folder),
        summary=summary,
        **tables,
    )


def is_trained(path: str | Path) -> bool:
    """Whether a run spent its whole budget: its ``summary.json`` was written.

    Report, models and MLflow may still be missing; see :func:`is_finished`.

    Args:
        path: the run folder.
    """
    return (Path(path) / "summary.json").is_file()


def is_finished(path: str | Path) -> bool:
    """Whether a run is complete: it has the mark ``finished.json``.

    The mark is written last of all, once everything that it names is on the disk.

    Args:
        path: the run folder.
    """
    return (Path(path) / MARK).is_file()


def read_environment(path: str | Path) -> dict[str, Any]:
    """Return where a run was begun: backend, versions, storage, as it was recorded.

    Args:
        path: the run folder; one without that file gives nothing.

    Raises:
        DamagedRecordsError: the file is not what the program wrote.
    """
    try:
        found = read_json(Path(path) / "environment.json")
        if not isinstance(found, dict):
            raise ValueError(f"a {type(found).__name__} for a table")
    except ValueError as error:
        raise records.DamagedRecordsError(
            f"environment.json must be readable. Received {error} in {path}. "
            "Restore the file, or begin a new run."
        ) from None
    return found


def read_summary(path: str | Path) -> dict[str, Any]:
    """Return the few numbers of a run that spent its budget; nothing for any other.

    A summary that cannot be read counts as none: the records hold everything.

    Args:
        path: the run folder.
    """
    try:
        found = read_json(Path(path) / "summary.json")
    except ValueError:
        return {}
    return found if type(found) is dict else {}


def _read_tables(folder: Path) -> dict[str, pd.DataFrame] | None:
    """Return the Parquet tables, or nothing where one is missing or damaged."""
    try:
        return {name: pd.read_parquet(folder / f"{name}.parquet") for name in TABLES}
    except (OSError, ValueError):  # pyarrow's errors are ValueErrors
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
        created = json.loads((path / "environment.json").read_text(encoding="utf-8"))["created"]
    except (OSError, ValueError, KeyError, TypeError):
        return path.name
    return str(created)


def _names(paths: list[Path]) -> str:
    return ", ".join(f"{path.parent.name}/{path.name}" for path in paths)


def _nearest(runs: list[Path], name: str) -> str:
    """A few names near to the one that was asked for, else the latest."""
    names = {f"{path.parent.name}/{path.name}" for path in runs}
    close = difflib.get_close_matches(name, sorted(names | {path.parent.name for path in runs}), 3)
    return ", ".join(close) if close else _names(runs[-3:])
