"""Optuna's journal in a run folder: repaired after a kill, forced to the disk once a group."""

import json
import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

# A lock is held for milliseconds; a longer one was left behind by a killed process.
_LOCK_SECONDS = 3
_NOTES = frozenset({"intermediate_value", "system_attr"})


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
        is_note = all(_NOTES & log.keys() for log in logs)
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
