"""Optuna storages: opened, repaired after a kill, and written one trial at a time."""

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.exceptions import DuplicatedStudyError
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial

from benchmark.search.errors import SearchError
from benchmark.trial import Direction

JOURNAL = "optuna.journal"
_CONNECT_SECONDS = 10
_SQLITE_LOCK_SECONDS = 30
# A lock is held for milliseconds; a longer one was left behind by a killed process.
_LOCK_SECONDS = 3


def open_storage(place: str | Path) -> BaseStorage:
    """Open the Optuna storage of a run.

    Args:
        place: a run folder, whose ``optuna.journal`` is used, or a database URL
            (``sqlite:///…``, ``postgresql+psycopg://…``).

    Raises:
        SearchError: the storage cannot be reached.
    """
    with storage_errors(place, "opening it"):
        if isinstance(place, str) and "://" in place:
            return RDBStorage(place, engine_kwargs=_engine_settings(place))
        path = Path(place) / JOURNAL
        _drop_torn_line(path)
        # The open lock works on Windows too, where symbolic links need a privilege.
        lock = JournalFileOpenLock(str(path), grace_period=_LOCK_SECONDS)
        return JournalStorage(JournalBackend(path, lock))


class JournalBackend(JournalFileBackend):
    """A journal file that waits for the disk once a trial, not once an epoch.

    Each record reaches the operating system before the method returns, so that it outlives
    a kill of the process. Optuna also forces each to the disk, which costs 0.4 ms on an
    idle machine and 5 ms on a busy one. Here the epochs of a trial are forced together with
    its end: a power cut loses those of trials in flight, which are run again anyway.

    Args:
        path: the file; made if it is missing.
        lock: taken while writing.
    """

    def __init__(self, path: Path, lock: JournalFileOpenLock) -> None:
        super().__init__(str(path), lock_obj=lock)
        self._path = path
        self._file_lock = lock

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Append records, as lines of JSON."""
        if not all("intermediate_value" in log for log in logs):
            super().append_logs(logs)
            return
        lines = "".join(json.dumps(log, separators=(",", ":")) + "\n" for log in logs)
        self._file_lock.acquire()
        try:
            with self._path.open("ab") as file:
                file.write(lines.encode())
        finally:
            self._file_lock.release()


def close_storage(storage: BaseStorage) -> None:
    """Close the connections of a database; a journal keeps none open."""
    if isinstance(storage, RDBStorage):
        storage.remove_session()
        storage.engine.dispose()


def name_of(place: str | Path) -> str:
    """Name a storage in messages, without the password of its URL.

    Example:
        >>> name_of("postgresql://ada:secret@host/studies")
        'postgresql://ada:***@host/studies'
    """
    return re.sub(r"(://[^:/@]*):[^@]*@", r"\1:***@", str(place))


@contextmanager
def storage_errors(place: str | Path, doing: str) -> Iterator[None]:
    """Turn whatever a storage raises into a :class:`SearchError` that names it."""
    try:
        yield
    except SearchError:
        raise
    # Each database driver has its own exceptions, and none is imported here.
    except Exception as error:
        first_line = name_of(str(error).strip().partition("\n")[0])
        raise SearchError(
            f"the search storage must be reachable and writable. Received "
            f"{type(error).__name__}: {first_line} while {doing} at {name_of(place)}. "
            f"Check that the folder or the database is there, then go on with --resume RUN."
        ) from error


def _engine_settings(url: str) -> dict[str, Any]:
    if url.startswith("sqlite"):
        return {"connect_args": {"timeout": _SQLITE_LOCK_SECONDS}}
    # A study outlives the idle timeout of many servers: each connection is tried first.
    return {"connect_args": {"connect_timeout": _CONNECT_SECONDS}, "pool_pre_ping": True}


def _drop_torn_line(path: Path) -> None:
    """Cut off a line that a kill or a full disk left half written.

    Optuna skips such a line at the end, but the next record would be appended to it,
    and from then on the journal could not be read.
    """
    if not path.exists() or path.stat().st_size == 0:
        return
    with path.open("rb+") as file:
        file.seek(-1, os.SEEK_END)
        if file.read(1) != b"\n":
            file.seek(0)
            file.truncate(file.read().rfind(b"\n") + 1)


class TrialStore:
    """The durable records of one compared optimizer: an Optuna study in a storage.

    Trials are addressed by their index within the study, which is Optuna's number.
    Every method has written durably when it returns.

    Args:
        storage: an open storage.
        place: where it is, for messages.
        name: the name of the Optuna study.
        direction: ``"minimize"`` or ``"maximize"``.
        resume: whether a study of that name may exist already.

    Raises:
        SearchError: the storage fails, or holds the study while ``resume`` is false.
    """

    def __init__(
        self,
        storage: BaseStorage,
        place: str | Path,
        name: str,
        direction: Direction,
        *,
        resume: bool,
    ) -> None:
        self.name = name
        self.place = place
        self._storage = storage
        self._trial_ids: list[int] = []
        with storage_errors(place, f"creating the study {name}"):
            try:
                self._study_id = storage.create_new_study(
                    [StudyDirection[direction.upper()]], study_name=name
                )
            except DuplicatedStudyError:
                if not resume:
                    raise SearchError(
                        f"a new run must have a name of its own. Received {name!r}, which is in "
                        f"{name_of(place)} already. Go on with --resume RUN, or name another run."
                    ) from None
                self._study_id = storage.get_study_id_from_name(name)

    def load(self) -> list[FrozenTrial]:
        """Return all trials, ordered by index."""
        with storage_errors(self.place, f"reading the study {self.name}"):
            trials = self._storage.get_all_trials(self._study_id)
        trials.sort(key=lambda trial: trial.number)
        # `_trial_id` is the key of every writing method of Optuna's BaseStorage.
        self._trial_ids = [trial._trial_id for trial in trials]
        return trials

    def create(
        self, params: dict[str, Any], distributions: dict[str, BaseDistribution], number: int
    ) -> None:
        """Add a running trial with all its parameters in one write, so that none is half there."""
        trial = create_trial(
            state=TrialState.RUNNING,
            params=params,
            distributions=distributions,
            user_attrs={"number": number},
        )
        with storage_errors(self.place, f"adding trial {number}"):
            self._trial_ids.append(self._storage.create_new_trial(self._study_id, trial))

    def report(self, k: int, epoch: int, value: float) -> None:
        """Record the objective after an epoch."""
        with storage_errors(self.place, "recording an epoch"):
            self._storage.set_trial_intermediate_value(self._trial_ids[k], epoch, value)

    def annotate(self, k: int, attributes: dict[str, Any]) -> None:
        """Record what the pruner noted on a trial."""
        with storage_errors(self.place, "recording a rung"):
            for key, value in attributes.items():
                self._storage.set_trial_system_attr(self._trial_ids[k], key, value)

    def finish(self, k: int, state: TrialState, value: float | None) -> None:
        """Record how a trial ended."""
        values = None if value is None else [value]
        with storage_errors(self.place, "recording the end of a trial"):
            self._storage.set_trial_state_values(self._trial_ids[k], state, values)
