"""What this machine offers to workers, asked before Ray is imported, and its error."""

import os
from importlib.util import find_spec

from benchmark import backend
from benchmark.errors import UserError


class DistributedError(UserError):
    """Ray or its workers cannot be had; the sentence says why and what helps."""


def check_ray() -> None:
    """Refuse at once what would fail only after the framework's import.

    Raises:
        DistributedError: Ray is not installed.
    """
    if find_spec("ray") is None:
        raise DistributedError(
            "Ray must be installed to train in several processes. Received --workers, or a run "
            "that was started with it, while it is not installed. "
            "Install it with: pip install 'kappabench[ray]'"
        )


def share_graphics_memory() -> None:
    """Keep this process from taking the memory of the GPUs that its workers will hold.

    It must be called before the framework is imported. A value that the user has set stays.
    """
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")


def gpus() -> int:
    """How many accelerators the selected framework sees on this machine."""
    return sum(not name.startswith("cpu") for name in backend.devices())


def available_workers() -> int:
    """What ``--workers auto`` means: a worker for each GPU, or else for each core.

    Raises:
        DistributedError: ``RAY_ADDRESS`` names a cluster, whose share for this run is not
            ours to choose.
    """
    if address := os.environ.get("RAY_ADDRESS"):
        raise DistributedError(
            f"--workers must be a number where RAY_ADDRESS names a cluster ({address}). "
            "Received auto. Say how many of its cores or GPUs the run may take."
        )
    return gpus() or len(cores())


def cores() -> list[int]:
    """The cores that this process may use, which a container may have fewer of."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))
