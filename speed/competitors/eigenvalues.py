"""The ten largest eigenvalues of the Hessian by PyTorch: how PyHessian and curvlinops are clocked.

Everyone gets the same network at the same trained weights and all 1078 training rows of
digits. In the clock: from bound weights and data to the eigenvalues. Out of it: imports, the
network itself, a first run, and the choice of the faster number of threads. Both compute in
float32, PyTorch's default.
"""

import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from speed.competitors.pytorch import choose_threads, network
from speed.measurement import Measurement
from speed.proof import (
    HIDDEN,
    check_eigenvalues,
    relative_error,
    rows,
    trained_weights,
    true_eigenvalues,
)

Eigenvalues = Callable[[], Sequence[float]]


def problem(torch: Any) -> tuple[Any, Any, Any, Any]:
    """The digits MLP at the trained weights, its loss, rows and classes."""
    model, (x, y) = network(torch, HIDDEN), rows()
    with torch.no_grad():
        for parameter, weight in zip(model.parameters(), trained_weights(), strict=True):
            parameter.copy_(torch.from_numpy(weight.T.copy()))
    loss = torch.nn.CrossEntropyLoss()
    return model, loss, torch.from_numpy(x).float(), torch.from_numpy(y)


def measured(
    torch: Any, name: str, title: str, eigenvalues: Eigenvalues, repetitions: int
) -> list[Measurement]:
    """Measure the seconds of the eigenvalues, and refuse those that are wrong."""
    truth = true_eigenvalues(trained_weights())
    seconds, errors = [], []
    with warnings.catch_warnings():
        # Both keep a graph on purpose, of which PyTorch warns.
        warnings.simplefilter("ignore")
        eigenvalues()
        threads = choose_threads(torch, eigenvalues)
        for _ in range(repetitions):
            start = time.perf_counter()
            values = eigenvalues()
            seconds.append(time.perf_counter() - start)
            errors.append(relative_error(values, truth))
    check_eigenvalues(max(errors))
    facts = {"relative_error": max(errors), "threads": threads}
    title = f"{title}, ten largest eigenvalues, float32"
    return [Measurement(f"curvature_{name}", title, tuple(seconds), "s", facts)]
