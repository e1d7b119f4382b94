"""How much memory the system can still give to this process."""

from pathlib import Path

MEMINFO = Path("/proc/meminfo")
CONTROL_GROUP = Path("/sys/fs/cgroup")


def free_system_memory(meminfo: Path = MEMINFO, control_group: Path = CONTROL_GROUP) -> int | None:
    """Return the bytes that are free, or nothing where the system does not tell.

    On Linux: what programs can take without swapping, or what the limit of the control
    group (a container's) leaves, whichever is less.

    Args:
        meminfo: the file in which the kernel tells it.
        control_group: the folder of the control group, version 2.
    """
    try:
        lines = dict(line.split(":", 1) for line in meminfo.read_text().splitlines())
        free = 1024 * int(lines["MemAvailable"].split()[0])
    except (OSError, KeyError, ValueError):
        return None
    try:
        limit = int((control_group / "memory.max").read_text())
        used = int((control_group / "memory.current").read_text())
        lines = dict(
            line.split() for line in (control_group / "memory.stat").read_text().splitlines()
        )
        used -= int(lines.get("inactive_file", 0))  # a cache of files, given back when needed
    except (OSError, ValueError):  # no control group, or one without a limit ("max")
        return free
    return max(0, min(free, limit - used))
