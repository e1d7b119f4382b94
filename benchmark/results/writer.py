"""Writing a run: each finished trial is on the disk before its slot is handed on."""

import os
import shutil
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import numpy as np

from benchmark.results import records
from benchmark.results.files import (
    MARK,
    refuse_link,
    sync_folder,
    write_atomically,
    write_json,
    write_text,
)
from benchmark.results.lock import RunLock
from benchmark.results.reader import next_sequence
from benchmark.results.started import study_hash
from benchmark.results.tables import TABLES, build_tables
from benchmark.results.weights import Weights, discard_weights, load_weights, save_weights
from benchmark.trial import Report, TrialResult

WRITTEN_IN_PLACE = ("run.lock", "optuna.journal", "optuna.journal.lock", "weights")
"""Files that this writer or the search changes in place; other files are replaced."""


class RunWriter:
    """The one writer of a run folder; :meth:`create` and :meth:`reopen` make it.

    Args:
        path: the run folder; the writer holds its lock until :meth:`close`.

    Raises:
        RunLockedError: another process writes this run.
        DamagedRecordsError: a record that is not the last cannot be read.
        LinkError: a file that is changed in its place is a link.

    Example:
        >>> import tempfile
        >>> root = tempfile.mkdtemp()
        >>> with RunWriter.create(root, "quickstart", "question = 'Which?'", {}, "first") as run:
        ...     run.finish({"trials": 0})
        >>> sorted(file.stem for file in run.path.glob("*.parquet"))
        ['curvature', 'curves', 'findings', 'spectra', 'trials']
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._may_be_finished = True
        for name in (records.FILE, *WRITTEN_IN_PLACE):
            refuse_link(path / name)
        self._lock = RunLock(path)
        try:
            self._numbers, end = _numbers_and_end(path / records.FILE)
            self._file = os.open(path / records.FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            os.ftruncate(self._file, end)  # drops a line torn by a kill
        except BaseException:
            self._lock.release()
            raise
        sync_folder(path)

    @classmethod
    def create(
        cls,
        root: str | Path,
        study_name: str,
        study_text: str,
        environment: Mapping[str, Any],
        run_name: str | None = None,
    ) -> Self:
        """Make ``root/study_name/run_name`` with ``study.toml`` and ``environment.json``.

        Args:
            root: the folder of all results.
            study_name: the folder of the study's runs.
            study_text: the study file, kept as it is.
            environment: what :func:`benchmark.results.environment` returned; added are
                ``created``, the instant (UTC), ``sequence``, the number of the run below
                ``root``, ``study``, text and hash of the study file, and ``identity``, which no
                other run has, not even one of the same name made elsewhere.
            run_name: the folder's name; by default the UTC time, with a suffix where taken.

        Raises:
            ValueError: a name is empty, or is not the plain name of one folder.
            FileExistsError: ``run_name`` is taken.
        """
        for what, name in (("study_name", study_name), ("run_name", run_name or "run")):
            if not name or name in (".", "..") or Path(name).name != name or "\\" in name:
                raise ValueError(
                    f"{what} must be the plain name of a folder. Received {name!r}. "
                    "Leave out separators."
                )
        folder = Path(root) / study_name
        now = datetime.now(UTC)
        path = _new_folder(folder, run_name, now)
        # Environment first: a folder counts as a run once it has a study.toml.
        added = {
            "created": now.isoformat(),
            "identity": uuid4().hex,
            "sequence": next_sequence(root),
            "study": {"sha256": study_hash(study_text), "text": study_text},
        }
        write_json(path / "environment.json", added | dict(environment))
        write_text(path / "study.toml", study_text)
        sync_folder(folder)
        return cls(path)

    @classmethod
    def reopen(cls, path: str | Path) -> Self:
        """Go on with a run; a record torn by a kill is dropped, all others are kept.

        Args:
            path: the run folder.

        Raises:
            FileNotFoundError: the folder is no run.
            RunLockedError: another process writes this run.
        """
        folder = Path(path)
        if not (folder / "study.toml").is_file():
            raise FileNotFoundError(
                f"a run must be a folder with a study.toml. Received {folder}. "
                "Name a folder below results/<study>/."
            )
        return cls(folder)

    @property
    def name(self) -> str:
        """``<study>/<run>``, by which :func:`benchmark.results.find_run` finds it."""
        return f"{self.path.parent.name}/{self.path.name}"

    @property
    def numbers(self) -> frozenset[int]:
        """The numbers of the trials that are recorded."""
        return frozenset(self._numbers)

    def append(self, result: TrialResult, reports: Sequence[Report]) -> None:
        """Record a finished trial; when this returns, it survives a kill and a power cut.

        Args:
            result: how the trial ended; its weights are not recorded.
            reports: all reports of this trial.

        Raises:
            ValueError: the status is not final, the number is recorded already,
                or a report is of another trial.
        """
        self.append_all([(result, reports)])

    def append_all(self, finished: Sequence[tuple[TrialResult, Sequence[Report]]]) -> None:
        """Record several finished trials with one wait for the disk, else as :meth:`append`."""
        numbers = set(self._numbers)
        for result, reports in finished:
            self._check(result, reports, numbers)
            numbers.add(result.trial.number)
        self._unfinish()
        self._write(b"".join(records.encode(result, reports) for result, reports in finished))
        self._numbers = numbers

    def _check(
        self, result: TrialResult, reports: Sequence[Report], recorded: Collection[int]
    ) -> None:
        number = result.trial.number
        if not result.status.is_final:
            raise ValueError(
                f"a recorded status must be final. Received {result.status.value!r} for trial "
                f"{number}. Stop the trial first."
            )
        if number in recorded:
            raise ValueError(
                f"a trial must be recorded once. Received number {number} again in {self.path}. "
                "Number new trials past those in RunWriter.numbers."
            )
        others = {report.trial_number for report in reports} - {number}
        if others:
            raise ValueError(
                f"reports must be of the recorded trial {number}. Received reports of "
                f"{sorted(others)}. Collect reports by trial number."
            )

    def save_weights(self, number: int, weights: Weights) -> None:
        """Keep the final weights of a trial, atomically, as ``weights/trial-000012.npz``.

        Args:
            number: the trial.
            weights: one array a variable, in order.
        """
        save_weights(self.path, number, weights)

    def load_weights(self, number: int) -> tuple[np.ndarray[Any, Any], ...]:
        """Return the weights that :meth:`save_weights` kept.

        Args:
            number: the trial.

        Raises:
            FileNotFoundError: no weights of this trial are kept.
        """
        return load_weights(self.path, number)

    def discard_weights(self, number: int) -> None:
        """Delete the kept weights of a trial, if there are any.

        Args:
            number: the trial.
        """
        discard_weights(self.path, number)

    def finish(self, summary: Mapping[str, Any]) -> None:
        """Write the tables as Parquet, and then ``summary.json``: the budget is spent.

        The run may be reopened afterwards: the next :meth:`append` deletes these
        files, so that they never lag behind the records.

        Args:
            summary: plain values by name.
        """
        self._may_be_finished = True
        self._unmark()
        tables = build_tables(record for _, record in records.read_lines(self.path / records.FILE))
        for name, table in tables.items():
            write_atomically(
                self.path / f"{name}.parquet",
                lambda target, table=table: table.to_parquet(target, index=False),  # type: ignore[misc]
            )
        write_json(self.path / "summary.json", summary)

    def mark_finished(self, files: Sequence[Path]) -> None:
        """Write the mark of a finished run, ``finished.json``, the last act of every run.

        Args:
            files: what the mark promises beside tables and summary: report and models.

        Raises:
            FileNotFoundError: a promised file is not there.
        """
        names = [*(f"{table}.parquet" for table in TABLES), "summary.json"]
        names += [file.relative_to(self.path).as_posix() for file in files]
        for name in names:
            if not (self.path / name).is_file():
                raise FileNotFoundError(
                    f"a finished run must have all of its files. Received {self.path} without "
                    f"{name}. Resume the run."
                )
        sync_folder(self.path)  # the folders of those files, before the mark
        now = datetime.now(UTC).isoformat()
        write_json(self.path / MARK, {"finished": now, "files": names})

    def abandon(self) -> None:
        """Close a run that could not begin, and delete its folder unless a trial is in it."""
        self.close()
        if not self._numbers:
            shutil.rmtree(self.path, ignore_errors=True)

    def close(self) -> None:
        """Release the files and the lock; harmless when done twice."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _unfinish(self) -> None:
        if not self._may_be_finished:
            return
        self._unmark()
        # The summary goes first: without it a reader takes the records, not the tables.
        for name in ("summary.json", *(f"{table}.parquet" for table in TABLES)):
            (self.path / name).unlink(missing_ok=True)
        self._may_be_finished = False

    def _unmark(self) -> None:
        """Delete the mark for good: a power cut must not bring it back."""
        if (self.path / MARK).exists():
            (self.path / MARK).unlink()
            sync_folder(self.path)

    def _write(self, line: bytes) -> None:
        end = os.fstat(self._file).st_size
        try:
            rest = memoryview(line)
            while rest:
                rest = rest[os.write(self._file, rest) :]
            os.fsync(self._file)
        except OSError:
            # A full disk must not leave half a line before the next record.
            os.ftruncate(self._file, end)
            raise


def _numbers_and_end(path: Path) -> tuple[set[int], int]:
    numbers: set[int] = set()
    end = 0
    for end, (result, _) in records.read_lines(path):  # noqa: B007  # the last end is wanted
        numbers.add(result.trial.number)
    return numbers, end


def _new_folder(folder: Path, run_name: str | None, now: datetime) -> Path:
    """Make a folder that was not there before; two processes never get the same."""
    folder.mkdir(parents=True, exist_ok=True)
    if run_name is not None:
        try:
            (folder / run_name).mkdir()
        except FileExistsError as error:
            raise FileExistsError(
                f"run_name must be new. Received {run_name!r}, which is in {folder}. "
                "Choose another name, or resume that run."
            ) from error
        return folder / run_name
    stem, suffix = now.strftime("%Y-%m-%dT%H-%M-%SZ"), 1
    while True:
        path = folder / (stem if suffix == 1 else f"{stem}-{suffix}")
        try:
            path.mkdir()
        except FileExistsError:
            suffix += 1
        else:
            return path
