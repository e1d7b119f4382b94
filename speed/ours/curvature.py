"""What this project's curvature costs: ``python -m speed curvature``.

In the clock: from bound weights and data to the eigenvalues, the first gradient among it. Out of
it: imports, the network itself and a first run, which compiles. How wrong the eigenvalues are
stands beside, against a reference in float64 that shares no code with ours.
"""

import resource
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from speed import proof
from speed.measurement import Measurement

CALLS_A_VALUE = 10
"""Calls of a few milliseconds in one clock, so that the clock itself weighs nothing."""


def measure_eigenvalues(*, repetitions: int, dtype: str) -> list[Measurement]:
    """Measure the seconds of the ten largest eigenvalues, each time from another random start."""
    from benchmark.curvature import extreme_eigenvalues

    weights, (x, y) = proof.trained_weights(), proof.rows()
    program, facts = _program(proof.HIDDEN, dtype, weights, "matvec")
    truth = proof.true_eigenvalues(weights)
    seconds, errors, products = [], [], []
    for seed in range(repetitions):
        start = time.perf_counter()
        operator = program.at(weights, x, y)
        pairs = extreme_eigenvalues(operator, proof.LARGEST, tolerance=proof.TOLERANCE, seed=seed)
        seconds.append(time.perf_counter() - start)
        errors.append(proof.relative_error(list(pairs.eigenvalues), truth))
        products.append(pairs.products)
    facts |= {"relative_error": max(errors), "products": max(products)}
    return [_measurement("eigenvalues", "ten largest eigenvalues", dtype, seconds, facts)]


def measure_product(*, repetitions: int, dtype: str) -> list[Measurement]:
    """Measure the seconds of a gradient and of a Hessian-vector product, both compiled."""
    import numpy as np

    weights, (x, y) = proof.trained_weights(), proof.rows()
    program, facts = _program(proof.HIDDEN, dtype, weights, "matvec")
    vector = np.random.default_rng(0).standard_normal(program.at(weights, x, y).shape[0])
    calls: dict[str, Callable[[Any], object]] = {
        "gradient": lambda operator: operator.gradient(),
        "Hessian-vector product": lambda operator: operator.matvec(vector),
    }
    seconds: dict[str, list[float]] = {title: [] for title in calls}
    for _ in range(repetitions):
        # An operator keeps its gradient.
        operators = [program.at(weights, x, y) for _ in range(CALLS_A_VALUE)]
        for title, call in calls.items():
            start = time.perf_counter()
            for operator in operators:
                call(operator)
            seconds[title].append((time.perf_counter() - start) / CALLS_A_VALUE)
    facts["ratios"] = [b / a for a, b in zip(*seconds.values(), strict=True)]
    return [
        _measurement(title.split()[-1], f"one {title}", dtype, values, dict(facts))
        for title, values in seconds.items()
    ]


def measure_exact(*, repetitions: int, dtype: str, hidden: Sequence[int]) -> list[Measurement]:
    """Measure the seconds of the full Hessian, and of its eigenvalues beside, in float64."""
    import numpy as np

    from benchmark.curvature import exact_hessian

    weights, (x, y) = proof.initial_weights(hidden), proof.rows()
    program, facts = _program(hidden, dtype, weights, "matmat")
    formed, solved, before = [], [], _peak_bytes()
    for _ in range(repetitions):
        start = time.perf_counter()
        matrix, _ = exact_hessian(program.at(weights, x, y))
        middle = time.perf_counter()
        np.linalg.eigvalsh(matrix)
        formed.append(middle - start)
        solved.append(time.perf_counter() - middle)
    size = len(matrix)
    facts |= {"products": size, "eigenvalue_seconds": min(solved), **_memory(before)}
    return [_measurement("exact", f"full Hessian of {size} parameters", dtype, formed, facts)]


def measure_large(
    *, products: int, dtype: str, hidden: Sequence[int], chunk_size: int
) -> list[Measurement]:
    """Measure eigenvalues of a large network by some products: seconds and peak of memory."""
    from benchmark.curvature import extreme_eigenvalues

    weights, (x, y) = proof.initial_weights(hidden), proof.rows()
    before = _peak_bytes()
    program, facts = _program(hidden, dtype, weights, "matvec", chunk_size)
    start = time.perf_counter()
    # A tolerance that is out of reach: all products are spent, and the basis is refilled.
    pairs = extreme_eigenvalues(
        program.at(weights, x, y), proof.LARGEST, tolerance=1e-15, max_products=products
    )
    seconds, size = time.perf_counter() - start, sum(weight.size for weight in weights)
    facts |= {"products": pairs.products, **_memory(before)}
    title = f"ten largest eigenvalues of {size} parameters by {pairs.products} products"
    return [_measurement("large", title, dtype, [seconds], facts)]


def _program(
    hidden: Sequence[int], dtype: str, weights: list[Any], use: str, chunk_size: int = 2048
) -> tuple[Any, dict[str, Any]]:
    """A compiled program of the network, and the seconds of its first use as a fact."""
    import keras
    import numpy as np

    from benchmark.curvature import HessianProgram, model_loss
    from benchmark.models import build_model

    model = build_model("multilayer_perceptron", (64,), 10, {"hidden": tuple(hidden)})
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    program = HessianProgram(model_loss(model, loss, dtype), dtype=dtype, chunk_size=chunk_size)
    start = time.perf_counter()
    operator = program.at(weights, *proof.rows())
    operator.gradient()
    shape = (operator.shape[0],) if use == "matvec" else (operator.shape[0], 1)
    getattr(operator, use)(np.zeros(shape))
    return program, {"compile_seconds": time.perf_counter() - start}


def _measurement(
    kind: str, title: str, dtype: str, values: Sequence[float], facts: dict[str, Any]
) -> Measurement:
    from benchmark import backend

    name = f"curvature_{kind}/{backend.name()}/{dtype}"
    return Measurement(name, f"ours, {backend.name()}, {title}, {dtype}", values, "s", facts)


def _peak_bytes() -> int:
    """The most memory that this process has held so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def _memory(before: int) -> dict[str, float]:
    peak = _peak_bytes()
    return {"peak_gigabytes": peak / 1e9, "peak_growth_gigabytes": (peak - before) / 1e9}
