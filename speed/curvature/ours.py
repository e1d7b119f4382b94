"""What this project's curvature costs."""

import resource
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from speed.curvature import work
from speed.measurement import Measurement

GRADIENTS_A_VALUE = 10
"""Calls of a few milliseconds in one clock, so that the clock itself weighs nothing."""


def measure_eigenvalues(*, repetitions: int, dtype: str) -> list[Measurement]:
    """Measure the seconds of the ten largest eigenvalues.

    Args:
        repetitions: how often they are found, from another random start each time.
        dtype: the arithmetic.
    """
    from benchmark.curvature import extreme_eigenvalues

    weights, (x, y) = work.trained_weights(), work.rows()
    program, compile_seconds = _program(work.HIDDEN, dtype, weights, "matvec")
    truth = work.true_eigenvalues(weights)
    seconds, errors, products = [], [], []
    for seed in range(repetitions):
        start = time.perf_counter()
        operator = program.at(weights, x, y)
        found = extreme_eigenvalues(operator, work.LARGEST, tolerance=work.TOLERANCE, seed=seed)
        seconds.append(time.perf_counter() - start)
        errors.append(work.relative_error(list(found.eigenvalues), truth))
        products.append(found.products)
    facts = {
        "relative_error": max(errors),
        "products": max(products),
        "compile_seconds": compile_seconds,
    }
    return [_measurement("eigenvalues", f"ten largest eigenvalues, {dtype}", dtype, seconds, facts)]


def measure_product(*, repetitions: int, dtype: str) -> list[Measurement]:
    """Measure the seconds of a gradient and of a Hessian-vector product, both compiled.

    Args:
        repetitions: values of each, of some calls.
        dtype: the arithmetic.
    """
    import numpy as np

    weights, (x, y) = work.trained_weights(), work.rows()
    program, compile_seconds = _program(work.HIDDEN, dtype, weights, "matvec")
    vector = np.random.default_rng(0).standard_normal(program.at(weights, x, y).shape[0])
    gradients, products = [], []
    for _ in range(repetitions):
        # An operator keeps its gradient.
        operators = [program.at(weights, x, y) for _ in range(GRADIENTS_A_VALUE)]
        gradients.append(_seconds(lambda: [one.gradient() for one in operators]))  # noqa: B023
        products.append(_seconds(lambda: [one.matvec(vector) for one in operators]))  # noqa: B023
    facts = {"compile_seconds": compile_seconds}
    return [
        _measurement(
            f"{kind}",
            f"one {title}, {dtype}",
            dtype,
            [value / GRADIENTS_A_VALUE for value in values],
            facts,
            unit=f"s/{kind}",
        )
        for kind, title, values in (
            ("gradient", "gradient", gradients),
            ("product", "Hessian-vector product", products),
        )
    ]


def measure_exact(*, repetitions: int, dtype: str, hidden: Sequence[int]) -> list[Measurement]:
    """Measure the seconds of the full Hessian, and of its eigenvalues beside.

    Args:
        repetitions: how often.
        dtype: the arithmetic of the products; eigenvalues are float64.
        hidden: units of the hidden layer.
    """
    import numpy as np

    from benchmark.curvature import exact_hessian

    weights, (x, y) = work.initial_weights(hidden), work.rows()
    program, compile_seconds = _program(hidden, dtype, weights, "matmat")
    formed, solved, before = [], [], _peak_bytes()
    for _ in range(repetitions):
        start = time.perf_counter()
        matrix, _ = exact_hessian(program.at(weights, x, y))
        middle = time.perf_counter()
        np.linalg.eigvalsh(matrix)
        formed.append(middle - start)
        solved.append(time.perf_counter() - middle)
    size = len(matrix)
    facts = {"compile_seconds": compile_seconds, "products": size, **_memory(before)}
    titles = f"full Hessian of {size} parameters, {dtype}", f"all {size} eigenvalues, float64"
    return [
        _measurement("exact", titles[0], dtype, formed, facts),
        _measurement("exact_eigenvalues", titles[1], dtype, solved, {}),
    ]


def measure_large(
    *, products: int, dtype: str, hidden: Sequence[int], chunk_size: int
) -> list[Measurement]:
    """Measure eigenvalues of a large network by some products: seconds and peak of memory.

    Args:
        products: to spend.
        dtype: the arithmetic.
        hidden: units of the hidden layers.
        chunk_size: examples that pass through the network at once.
    """
    from benchmark.curvature import extreme_eigenvalues

    weights, (x, y) = work.initial_weights(hidden), work.rows()
    before = _peak_bytes()
    program, compile_seconds = _program(hidden, dtype, weights, "matvec", chunk_size)
    start = time.perf_counter()
    # A tolerance that is out of reach: all products are spent, and the basis is refilled.
    found = extreme_eigenvalues(
        program.at(weights, x, y), work.LARGEST, tolerance=1e-15, max_products=products
    )
    seconds = time.perf_counter() - start
    size = sum(w.size for w in weights)
    facts = {
        "compile_seconds": compile_seconds,
        "products": found.products,
        "largest_residual": float((found.residuals / found.eigenvalues).max()),
        **_memory(before),
    }
    title = f"ten largest eigenvalues of {size} parameters by {found.products} products, {dtype}"
    return [_measurement("large", title, dtype, [seconds], facts)]


def _program(
    hidden: Sequence[int], dtype: str, weights: list[Any], use: str, chunk_size: int = 2048
) -> tuple[Any, float]:
    """A compiled program of the network, and the seconds of its first use."""
    import keras
    import numpy as np

    from benchmark.curvature import HessianProgram, model_loss
    from benchmark.models import build_model

    model = build_model("multilayer_perceptron", (64,), 10, {"hidden": tuple(hidden)})
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    program = HessianProgram(model_loss(model, loss, dtype), dtype=dtype, chunk_size=chunk_size)
    start = time.perf_counter()
    operator = program.at(weights, *work.rows())
    operator.gradient()
    shape = (operator.shape[0],) if use == "matvec" else (operator.shape[0], 1)
    getattr(operator, use)(np.zeros(shape))
    return program, time.perf_counter() - start


def _measurement(
    kind: str,
    title: str,
    dtype: str,
    values: Sequence[float],
    facts: dict[str, Any],
    unit: str = "s",
) -> Measurement:
    from benchmark import backend

    name = f"curvature_{kind}/{backend.name()}/{dtype}"
    return Measurement(name, f"ours, {backend.name()}, {title}", tuple(values), unit, facts)


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _peak_bytes() -> int:
    """The most memory that this process has held so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def _memory(before: int) -> dict[str, float]:
    peak = _peak_bytes()
    return {"peak_gigabytes": peak / 1e9, "peak_growth_gigabytes": (peak - before) / 1e9}
