"""Where compiled programs are kept between processes."""

import contextlib
import hashlib
import os
import platform
import shutil
import time
from pathlib import Path

VARIABLE = "KAPPABENCH_CACHE"
"""The environment variable that names the folder; empty, nothing is kept."""
WRITING_SECONDS = 3600
MOST_BYTES = 1_000_000_000
"""What the programs of one framework may take; the oldest are deleted beyond that."""


def cache_folder(framework: str, version: str, flags: str = "") -> Path | None:
    """Return the folder for compiled programs, made and trimmed, or nothing without one.

    By default it lies in the user's cache folder. Programs hold instructions of the processor
    that they were compiled on, so each kind of processor has its own, where a home is shared.

    Args:
        framework: its name.
        version: of it; another one compiles anew.
        flags: of the compiler, which change what it makes.
    """
    root = _root()
    if root is None:
        return None
    folder = root / f"{framework}-{version}-{_fingerprint(flags)}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        trim(folder, MOST_BYTES)
        if shutil.disk_usage(folder).free < MOST_BYTES:  # half a program would be of no use
            return None
    except OSError:  # a home without room, or that cannot be written: it compiles each time
        return None
    return folder if os.access(folder, os.W_OK) else None


def trim(folder: Path, most: int) -> None:
    """Delete the oldest files of a folder until the others take at most a number of bytes."""
    files = []
    for path in folder.iterdir():
        with contextlib.suppress(OSError):  # another process may delete it just now
            status = path.stat()
            if path.is_file():
                files.append((status.st_mtime, status.st_size, path))
    total = sum(size for _, size, _ in files)
    for changed, size, path in sorted(files):
        # An empty one, unless it is being written, is what a full disk left.
        is_torn = not size and time.time() - changed > WRITING_SECONDS
        if total > most or is_torn:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
            total -= size


def _root() -> Path | None:
    named = os.environ.get(VARIABLE)
    if named is not None:
        return Path(named).absolute() if named else None
    base = os.environ.get("XDG_CACHE_HOME")
    try:
        return (Path(base) if base else Path.home() / ".cache") / "kappabench"
    except RuntimeError:  # there is no home
        return None


def _fingerprint(flags: str) -> str:
    """Name the compiler's flags, and the kind of processor by the instructions that it has."""
    facts = flags + platform.machine() + platform.processor()
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        facts += next((line for line in lines if line.startswith(("flags", "Features"))), "")
    return hashlib.sha256(facts.encode()).hexdigest()[:12]
