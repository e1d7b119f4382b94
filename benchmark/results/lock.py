"""One writer a run: a lock that the operating system drops with the process."""

import os
import sys
from pathlib import Path

from benchmark.errors import UserError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

FILE = "run.lock"


class RunLockedError(UserError, RuntimeError):
    """Another process is writing the run."""


class RunLock:
    """An exclusive lock on a run folder, held until :meth:`release`.

    It is a lock of the operating system on an open file, not the file's existence:
    a process killed with ``kill -9`` leaves the file behind, but no lock.

    Args:
        folder: the run folder.

    Raises:
        RunLockedError: another writer holds the lock.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / FILE
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            _lock(self._descriptor)
        except OSError as error:
            owner = os.pread(self._descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(self._descriptor)
            raise RunLockedError(
                f"a run must have one writer at a time. Received {folder}, which process {owner} "
                "is writing. Wait for it, stop it, or start a new run."
            ) from error
        # The number is for people only: a stale one never blocks.
        os.ftruncate(self._descriptor, 0)
        os.write(self._descriptor, f"{os.getpid()}\n".encode())

    def release(self) -> None:
        """Let others write; harmless when done twice."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _lock(descriptor: int) -> None:
    """Lock an open file, or raise ``OSError`` at once."""
    if sys.platform == "win32":
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
