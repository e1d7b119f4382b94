"""The machine: what it is, how busy it is, and the rate at which it multiplies matrices."""

import contextlib
import os
import time
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

from speed.measurement import Measurement

OTHERS = ("keras-tuner", "torch", "pyhessian", "curvlinops-for-pytorch")
"""Distributions that only this program uses; the others stand in a run's environment."""


def cores() -> int:
    """The cores that this process may use."""
    is_known = hasattr(os, "sched_getaffinity")
    return len(os.sched_getaffinity(0)) if is_known else os.cpu_count() or 1


def load() -> float | None:
    """How many processes wanted a core in the last minute; unknown on some systems."""
    try:
        return round(os.getloadavg()[0], 1)
    except (AttributeError, OSError):
        return None


def machine() -> dict[str, Any]:
    """Where, with which versions and beside how much other work something is measured."""
    from benchmark.results import environment

    facts, versions = environment(), {}
    for name in OTHERS:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    changed = " and changes" if facts.get("git_changed") else ""
    names = ("python", "processor", "cores", "memory_gibibytes", "platform")
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": facts.get("git_commit", "unknown") + changed,
        "load": load(),
        "versions": {**facts["versions"], **versions},
        **{name: facts[name] for name in names},
    }


def busy(facts: dict[str, Any]) -> str:
    """How busy the machine is, where other programs have half of its cores or more."""
    if facts["load"] is None or facts["load"] < facts["cores"] / 2:
        return ""
    return f"a load of {facts['load']} on {facts['cores']} cores before the first measurement"


def measure_matrix_product(*, size: int = 3072, repetitions: int = 7) -> list[Measurement]:
    """Measure the rate of a large float32 matrix product: the ceiling of all training here.

    C = A B with n × n matrices takes 2 n³ floating-point operations. NumPy's BLAS uses all cores;
    the first two products, which start its threads and warm the caches, are not counted.
    """
    import numpy as np

    generator = np.random.default_rng(0)
    a, b = (generator.standard_normal((size, size), dtype=np.float32) for _ in range(2))
    out = np.empty_like(a)
    rates = []
    for _ in range(repetitions + 2):
        start = time.perf_counter()
        np.matmul(a, b, out=out)
        rates.append(2 * size**3 / (time.perf_counter() - start) / 1e9)
    title = f"float32 matrix product {size} × {size}, NumPy, all {cores()} cores"
    return [Measurement("matrix_product", title, rates[2:], "GFLOP/s")]
