"""Optuna storages: the journal in a run folder or a database, repaired after a kill."""

import json
import os
from collections import defaultdict
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.exceptions import DuplicatedStudyError
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial

from benchmark.search import optuna_internals
from benchmark.search.errors import SearchError
from benchmark.study.schema import Study
from benchmark.trial import Direction
from benchmark.urls import (
    connect_arguments,
    is_harmless,
    masked,
    missing_driver,
    remember,
    unreadable,
    without_secrets,
)

# A lock is held for milliseconds; a longer one was left behind by a killed process.
_LOCK_SECONDS = 3


class RunJournal(JournalStorage):
    """The storage of one run, whose writes can be grouped.

    Args:
        path: the journal's file; made if it is missing.
    """

    def __init__(self, path: Path) -> None:
        self.backend = JournalBackend(path)
        super().__init__(self.backend)


class JournalBackend(JournalFileBackend):
    """A journal file that waits for the disk as seldom as durability allows.

    Each record reaches the operating system before the method returns, so that it outlives
    a kill of the process. Optuna also forces each to the disk, which costs 0.4 ms on an
    idle machine and 5 ms on a busy one. Here the notes on a trial are forced together with
    its end: a power cut loses those of trials in flight, which are run again anyway.

    Args:
        path: the file; made if it is missing.
    """

    def __init__(self, path: Path) -> None:
        _drop_torn_line(path)
        # The open lock works on Windows too, where symbolic links need a privilege.
        lock = JournalFileOpenLock(str(path), grace_period=_LOCK_SECONDS)
        super().__init__(str(path), lock_obj=lock)
        self._path = path
        self._file_lock = lock
        self._held: list[dict[str, Any]] | None = None
        self._is_grouped = False
        self._is_unforced = False

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Append records, as lines of JSON."""
        if self._held is not None:
            self._held += logs
            return
        lines = "".join(json.dumps(log, separators=(",", ":")) + "\n" for log in logs)
        # Notes on a running trial wait for its end, whatever it is.
        is_note = all(optuna_internals.is_note(log) for log in logs)
        self._file_lock.acquire()
        try:
            with self._path.open("ab") as file:
                file.write(lines.encode())
                file.flush()
                if not (self._is_grouped or is_note):
                    os.fsync(file.fileno())
        finally:
            self._file_lock.release()
        self._is_unforced |= self._is_grouped and not is_note

    def read_logs(self, log_number_from: int) -> Generator[dict[str, Any], None, None]:
        """Yield the records from a number on; none while records are held back."""
        if self._held is None:
            yield from super().read_logs(log_number_from)

    @contextmanager
    def one_write(self) -> Iterator[None]:
        """Append at the end, in one write, what is appended within."""
        self._held = []
        try:
            yield
            held, self._held = self._held, None
        finally:
            self._held = None
        if held:
            self.append_logs(held)

    @contextmanager
    def one_wait(self) -> Iterator[None]:
        """Wait for the disk once, at the end, for all that is appended within."""
        self._is_grouped = True
        try:
            yield
        finally:
            self._is_grouped = False
            if self._is_unforced:
                self._force()

    def _force(self) -> None:
        with self._path.open("ab") as file:
            os.fsync(file.fileno())
        self._is_unforced = False


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


JOURNAL = "optuna.journal"
_SQLITE_LOCK_SECONDS = 30


def open_storage(location: str | Path, *, can_resume: bool = True) -> BaseStorage:
    """Open the Optuna storage of a run.

    Args:
        location: a run folder, whose ``optuna.journal`` is used, or a database URL
            (``sqlite:///…``, ``postgresql+psycopg://…``).
        can_resume: whether the run can be resumed after a failure; a new one cannot.

    Raises:
        SearchError: the URL cannot be read, or the storage not be reached.
    """
    url = location if isinstance(location, str) else None
    if url is not None and "://" not in url:
        raise SearchError(
            f"a search storage must be the URL of a database. Received {masked(url)}. Write for "
            "instance sqlite:///studies.db, or leave --storage out to keep the search in the run."
        )
    if url is not None and (mistake := unreadable(url)):
        raise SearchError(f"the search storage cannot be opened: {mistake}")
    remember(url)
    with storage_errors(location, "opening it", can_resume=can_resume):
        if url is not None:
            return RDBStorage(url, engine_kwargs=_engine_settings(url))
        return RunJournal(Path(location) / JOURNAL)


def storage_facts(url: str | None) -> dict[str, str | None]:
    """Return what a run folder keeps of the storage that was asked for.

    Args:
        url: the storage's URL, or nothing for the journal in the run folder.

    Example:
        >>> storage_facts("sqlite:///studies.db")
        {'storage': 'sqlite:///studies.db'}
        >>> storage_facts("postgresql://ada:secret@host/studies")
        {'storage': None, 'masked_storage': 'postgresql://ada:***@host/studies'}
    """
    if url is None or is_harmless(url):
        return {"storage": url}
    return {"storage": None, "masked_storage": masked(url)}


def recorded_storage(facts: Mapping[str, Any], path: Path) -> str | None:
    """Return the storage of a run that is resumed without naming one.

    Args:
        facts: the run's ``environment.json``.
        path: the run folder, for messages.

    Raises:
        SearchError: it has a password, which is kept nowhere.
    """
    if shown := facts.get("masked_storage"):
        raise SearchError(
            "a run must be resumed with its own search storage. Received no --storage for "
            f"{path}, whose storage {shown} has a password, which is kept nowhere. "
            "Add --storage URL, with the password."
        )
    url: str | None = facts.get("storage")
    return url


def search_names(study: Study, run: str) -> list[str]:
    """Return the names of the Optuna studies of a run in a database, one a compared optimizer.

    Args:
        study: the study.
        run: the name of its run.
    """
    return [f"{study.name}/{run}/{entry.label}" for entry in study.compare]


def forget_search(location: str, names: Iterable[str]) -> None:
    """Delete the searches of a run from a database, those that are there.

    Args:
        location: the URL of the database.
        names: of their Optuna studies.

    Raises:
        SearchError: the storage cannot be reached.
    """
    storage = open_storage(location)
    try:
        with storage_errors(location, "deleting the search of the smaller budget"):
            present = {study.study_name for study in storage.get_all_studies()}
            for name in present.intersection(names):
                storage.delete_study(storage.get_study_id_from_name(name))
    finally:
        close_storage(storage)


def one_wait(storage: BaseStorage) -> AbstractContextManager[None]:
    """Make a journal wait for the disk once, at the end, for all that is written within."""
    return storage.backend.one_wait() if isinstance(storage, RunJournal) else nullcontext()


def one_write(storage: BaseStorage) -> AbstractContextManager[None]:
    """Make a journal write at the end, in one go, what is recorded within."""
    return storage.backend.one_write() if isinstance(storage, RunJournal) else nullcontext()


def close_storage(storage: BaseStorage) -> None:
    """Close the connections of a database; a journal keeps none open."""
    if isinstance(storage, RDBStorage):
        optuna_internals.disconnect(storage)


@contextmanager
def storage_errors(location: str | Path, doing: str, *, can_resume: bool = True) -> Iterator[None]:
    """Turn whatever a storage raises into a :class:`SearchError` that names it.

    Args:
        location: the run folder or the URL.
        doing: what failed.
        can_resume: whether the run can be resumed afterwards.
    """
    try:
        yield
    except SearchError:
        raise
    # Each database driver has its own exceptions, and none is imported here.
    except Exception as error:
        first_line = without_secrets(str(error).strip().partition("\n")[0], *_urls(location))
        raise SearchError(
            f"the search storage must be reachable and writable. Received "
            f"{type(error).__name__}: {first_line} while {doing} at {_shown(location)}. "
            f"{missing_driver(error) or _remedy(location, can_resume=can_resume)}"
        ) from error


def _remedy(location: str | Path, *, can_resume: bool) -> str:
    if isinstance(location, Path) and not location.is_dir():
        return "The run folder is gone, and with it the run: begin a new one."
    check = "Check that the folder or the database is there and undamaged"
    if isinstance(location, str) and not location.lower().startswith("sqlite"):
        check = "Check user, password and address, and that the database runs"
    if not can_resume:
        return f"{check}, then start the study again."
    return f"{check}, then go on with --resume RUN; without it, begin a new run."


def _urls(location: str | Path) -> list[str]:
    return [location] if isinstance(location, str) else []


def _shown(location: str | Path) -> str:
    return masked(location) if isinstance(location, str) else str(location)


def _engine_settings(url: str) -> dict[str, Any]:
    if url.startswith("sqlite"):
        return {"connect_args": {"timeout": _SQLITE_LOCK_SECONDS}}
    # A study outlives the idle timeout of many servers: each connection is tried first.
    return {"connect_args": connect_arguments(url), "pool_pre_ping": True}


class TrialStore:
    """The durable records of one compared optimizer: an Optuna study in a storage.

    Trials are addressed by their index within the study, which is Optuna's number.
    :meth:`create` and :meth:`finish` have written durably when they return. Notes on a
    running trial wait in memory for :meth:`write_notes`: were the process to die, the trial
    would be run again, and noted again.

    Args:
        storage: an open storage.
        location: where it is, for messages.
        name: the name of the Optuna study.
        direction: ``"minimize"`` or ``"maximize"``.
        resume: whether a study of that name may exist already.

    Raises:
        SearchError: the storage fails, or holds the study while ``resume`` is false.
    """

    def __init__(
        self,
        storage: BaseStorage,
        location: str | Path,
        name: str,
        direction: Direction,
        *,
        resume: bool,
    ) -> None:
        self.name = name
        self.location = location
        self._storage = storage
        self._can_resume = resume
        self._trial_ids: list[int] = []
        self._notes: dict[int, list[Callable[[], None]]] = defaultdict(list)
        with storage_errors(location, f"creating the study {name}", can_resume=resume):
            try:
                self._study_id = storage.create_new_study(
                    [StudyDirection[direction.upper()]], study_name=name
                )
            except DuplicatedStudyError:
                if not resume:
                    raise SearchError(
                        f"a new run must have a name of its own. Received {name!r}, which is in "
                        f"{_shown(location)} already. Name another run by --run-name; or go on "
                        "with --resume RUN, where the folder of that run is still there."
                    ) from None
                self._study_id = storage.get_study_id_from_name(name)

    def load(self) -> list[FrozenTrial]:
        """Return all trials, ordered by index."""
        with storage_errors(
            self.location, f"reading the study {self.name}", can_resume=self._can_resume
        ):
            trials = self._storage.get_all_trials(self._study_id)
        self._can_resume = True  # from now on a failure leaves a run that can be resumed
        trials.sort(key=lambda trial: trial.number)
        self._trial_ids = [optuna_internals.trial_id(trial) for trial in trials]
        return trials

    def create(
        self,
        params: dict[str, Any],
        distributions: dict[str, BaseDistribution],
        number: int,
        notes: Mapping[str, Any],
    ) -> None:
        """Add a running trial with all its parameters in one write, so that none is half there."""
        trial = create_trial(
            state=TrialState.RUNNING,
            params=params,
            distributions=distributions,
            user_attrs={"number": number, **notes},
        )
        with storage_errors(self.location, f"adding trial {number}"):
            self._trial_ids.append(self._storage.create_new_trial(self._study_id, trial))

    def report(self, k: int, epoch: int, value: float) -> None:
        """Note the objective after an epoch."""
        write = self._storage.set_trial_intermediate_value
        self._notes[k].append(partial(write, self._trial_ids[k], epoch, value))

    def annotate(self, k: int, attributes: dict[str, Any]) -> None:
        """Note what the pruner keeps on a trial."""
        for key, value in attributes.items():
            write = self._storage.set_trial_system_attr
            self._notes[k].append(partial(write, self._trial_ids[k], key, value))

    def write_notes(self, k: int) -> None:
        """Write what was noted of a trial, in one write."""
        with storage_errors(self.location, "recording epochs"), one_write(self._storage):
            for write in self._notes.pop(k, []):
                write()

    def finish(self, k: int, state: TrialState, value: float | None) -> None:
        """Record how a trial ended."""
        values = None if value is None else [value]
        with storage_errors(self.location, "recording the end of a trial"):
            self._storage.set_trial_state_values(self._trial_ids[k], state, values)
