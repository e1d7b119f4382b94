"""Reading runs: their records, their tables, and which runs there are."""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from benchmark.errors import UserError
from benchmark.results import records
from benchmark.results.checking import is_count
from benchmark.results.files import MARK, read_json
from benchmark.results.records import Record
from benchmark.results.started import read_environment, started_study, study_edits
from benchmark.results.tables import TABLES, are_tables, build_tables


class RunNotFoundError(UserError, LookupError):
    """No run has the given name, or several have."""


@dataclass(frozen=True, eq=False)
class RunTables:
    """All that is known of a run.

    Args:
        path: the run folder.
        study_text: the study file as the run was started.
        study_edits: how the file differs from that now; empty where it does not.
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
    study_edits: str
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

    A last line torn by a kill is skipped. A run may be read while it is written.

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
        study_text=started_study(folder),
        study_edits=study_edits(folder),
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
    """Whether a run is complete: it has the mark ``finished.json`` and every file named there.

    The mark is written last of all, once everything that it names is on the disk. A file that
    somebody deleted since makes the run one to be completed again.

    Args:
        path: the run folder.
    """
    folder = Path(path)
    try:
        files = read_json(folder / MARK).get("files")
    except (OSError, ValueError):  # an edited mark promises nothing
        return False
    if not isinstance(files, list) or not files:
        return False
    return all(isinstance(name, str) and (folder / name).is_file() for name in files)


def recorded_count(path: str | Path) -> int:
    """Return how many trials are recorded, without reading them.

    Args:
        path: the run folder.
    """
    file = Path(path) / records.FILE
    return file.read_bytes().count(b"\n") if file.is_file() else 0


def read_summary(path: str | Path) -> dict[str, Any]:
    """Return the few numbers of a run that spent its budget; nothing for any other.

    A summary that cannot be read counts as none: the records hold everything.

    Args:
        path: the run folder.
    """
    try:
        summary = read_json(Path(path) / "summary.json")
    except ValueError:
        return {}
    return summary


def _read_tables(folder: Path) -> dict[str, pd.DataFrame] | None:
    """Return the Parquet tables, or nothing where one is missing, damaged or of other columns."""
    try:
        tables = {name: pd.read_parquet(folder / f"{name}.parquet") for name in TABLES}
        return tables if are_tables(tables) else None
    except Exception:  # pyarrow and pandas raise anything over a file that they did not write
        return None


def list_runs(root: str | Path) -> list[Path]:
    """Return the folders of all runs below ``root``, the oldest first.

    Runs are numbered when they are made, for a clock may be set back. Those of earlier releases
    have no number: they come first, by their time.

    Args:
        root: the folder of all results; one that is not there has no runs.
    """
    folders = [file.parent for file in Path(root).glob("*/*/study.toml")]
    return sorted(folders, key=lambda path: (*_order(path), path.name, path.parent.name))


def next_sequence(root: str | Path) -> int:
    """Return the number of the next run: one more than any run below ``root`` has.

    Two runs that are made in the same instant may get the same; then their time decides.
    """
    runs = [file.parent for file in Path(root).glob("*/*/study.toml")]
    return 1 + max((_order(path)[0] for path in runs), default=0)


def find_run(root: str | Path, name: str | Path) -> Path:
    """Return the folder of the run with a name.

    Args:
        root: the folder of all results.
        name: a path, ``<study>/<run>``, ``<run>``, ``<study>`` (its latest run),
            or ``"latest"``; the first of these that fits.

    Raises:
        RunNotFoundError: no run has the name, or runs of several studies have.
    """
    for candidate in (Path(name), Path(root) / name):
        if (candidate / "study.toml").is_file():
            return candidate
    runs = list_runs(root)
    named = [path for path in runs if path.name == str(name)]
    if len(named) > 1:
        raise RunNotFoundError(
            f"a run's name must be unique. Received {str(name)!r}, which is in "
            f"{', '.join(_named(named))} of {root}. Write <study>/<run>."
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


def _order(path: Path) -> tuple[int, str]:
    """The number of a run, and the instant of its creation, or else its name, a time by default."""
    try:
        environment = read_json(path / "environment.json")
    except (OSError, ValueError):
        return 0, path.name
    sequence = environment.get("sequence")
    return int(sequence or 0) if is_count(sequence) else 0, str(
        environment.get("created", path.name)
    )


def _named(paths: list[Path]) -> list[str]:
    return [f"{path.parent.name}/{path.name}" for path in paths]


def _nearest(runs: list[Path], name: str) -> str:
    """A few names similar to the given one, else the latest."""
    names = set(_named(runs))
    close = difflib.get_close_matches(name, sorted(names | {path.parent.name for path in runs}), 3)
    shown = close or _named(runs[-3:])
    # The name of a study stands for its runs.
    left = len([run for run in _named(runs) if not {run, run.partition("/")[0]} & set(shown)])
    others = f" and {left} more, which `list runs` shows" if left else ""
    return ", ".join(shown) + others
