"""Processes that tests must not leave behind."""

import time
from pathlib import Path


def is_running(process: int) -> bool:
    """Whether a process does anything; one that only waits to be collected does not."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2]
    except OSError:
        return False
    return not state.lstrip().startswith("Z")


def marked(mark: str) -> dict[int, str]:
    """Running processes whose environment holds a mark, with their commands."""
    commands = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (folder / "environ").read_bytes():
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                commands[int(folder.name)] = command
        except OSError:
            continue
    return {process: command for process, command in commands.items() if is_running(process)}


def left_over(mark: str, seconds: float, but: str = "") -> dict[int, str]:
    """What is still running that long after the command ended, at most.

    Args:
        mark: what the environment of the command's processes held.
        seconds: how long is waited.
        but: part of the names of processes that do not count.
    """
    deadline = time.monotonic() + seconds
    while True:
        left = {n: line for n, line in marked(mark).items() if not but or but not in line}
        if not left or time.monotonic() >= deadline:
            return left
        time.sleep(0.1)
