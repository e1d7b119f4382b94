"""The machine: what it is, and the rate at which it multiplies matrices."""

import os
import platform
import time
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

from speed.measurement import Measurement

OTHERS = ("keras-tuner", "torch", "matplotlib")
"""Distributions that only this command uses; the others stand in a run's environment."""


def cores() -> int:
    """The cores this process may use.

    Example:
        >>> cores() >= 1
        True
    """
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def machine() -> dict[str, Any]:
    """Say where and with which versions something is measured; nothing personal.

    To be called before the measuring: it notes what else keeps the machine busy.

    Example:
        >>> found = machine()
        >>> found["cores"] >= 1 and "numpy" in found["versions"]
        True
    """
    from benchmark.results import environment

    facts = environment()
    versions = dict(facts["versions"])
    for name in OTHERS:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    changed = " and changes" if facts.get("git_changed") else ""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": facts.get("git_commit", "unknown") + changed,
        "processor": facts["processor"],
        "cores": facts["cores"],
        "memory_gibibytes": facts["memory_gibibytes"],
        "load": _load(),
        "platform": facts["platform"],
        "python": platform.python_version(),
        "versions": versions,
    }


def _load() -> float | None:
    """How many processes wanted a core in the last minute; unknown on some systems."""
    try:
        return round(os.getloadavg()[0], 1)
    except (AttributeError, OSError):
        return None


def measure_matrix_product(*, size: int = 3072, repetitions: int = 7) -> list[Measurement]:
    """Measure the rate of a large float32 matrix product: the ceiling of all training here.

    C = A B with n × n matrices takes 2 n³ floating-point operations. NumPy's BLAS uses all
    cores; the first products, which start its threads and warm the caches, are not counted.

    Args:
        size: n.
        repetitions: how often the product is measured.
    """
    import numpy as np

    generator = np.random.default_rng(0)
    a, b = (generator.standard_normal((size, size), dtype=np.float32) for _ in range(2))
    out = np.empty_like(a)
    rates = []
    for repetition in range(repetitions + 2):
        start = time.perf_counter()
        np.matmul(a, b, out=out)
        seconds = time.perf_counter() - start
        if repetition >= 2:
            rates.append(2 * size**3 / seconds / 1e9)
    return [
        Measurement(
            "matrix_product",
            f"float32 matrix product {size} × {size}, NumPy, all {cores()} cores",
            tuple(rates),
            unit="GFLOP/s",
            facts={"repetitions": repetitions},
        )
    ]
