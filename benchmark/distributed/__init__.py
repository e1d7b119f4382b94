"""Several engines at once, each in a process of its own, behind the protocol of one.

:class:`DistributedEngine` drives workers that Ray starts: single-threaded processes pinned to
a core each, or processes that hold a GPU each. Importing this package imports neither Ray nor
a framework; :func:`check_ray` says whether Ray is there at all.
"""

from typing import TYPE_CHECKING, Any

from benchmark.distributed.machine import (
    DistributedError,
    available_workers,
    check_ray,
    gpus,
    share_graphics_memory,
)

if TYPE_CHECKING:
    from benchmark.distributed.engine import DistributedEngine

__all__ = [
    "DistributedEngine",
    "DistributedError",
    "available_workers",
    "check_ray",
    "gpus",
    "share_graphics_memory",
]


def __getattr__(name: str) -> Any:
    if name == "DistributedEngine":
        from benchmark.distributed.engine import DistributedEngine

        return DistributedEngine
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
