"""The ten largest eigenvalues of the Hessian by PyHessian and by curvlinops, both on PyTorch.

Everyone gets the same network at the same trained weights and all 1078 training rows of digits. In
the clock: from bound weights and data to the eigenvalues. Out of it: imports, the network itself, a
first run, and the choice of the faster number of threads. Both compute in float32.

Sources: the README of PyHessian (Yao et al., 2020); curvlinops' example "Eigenvalues of a linear
operator" (Dangel et al., 2025).
"""

import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from speed.competitors.pytorch import choose_threads, network
from speed.measurement import Measurement, WorkNotDoneError
from speed.proof import (
    HIDDEN,
    LARGEST,
    TOLERANCE,
    relative_error,
    rows,
    trained_weights,
    true_eigenvalues,
)

MOST_ERROR = 1e-2
"""Relative error of eigenvalues from which their seconds are not reported."""
PYHESSIAN_TOLERANCES = (1e-4, 1e-5, 1e-6)
"""The last is about what float32 can tell."""
MOST_ITERATIONS = 1000
"""For one eigenvalue; PyHessian's default of 100 would end before 1e-4 is reached."""


def measure_pyhessian(*, repetitions: int) -> list[Measurement]:
    """Power iteration with deflation, until two estimates differ by less than a tolerance.

    It takes the largest magnitudes, which are the largest values here. Two close estimates are not
    yet right, so it is given, out of the clock, the loosest of some tolerances whose eigenvalues
    are right to 1e-4. It gets all rows as one batch, whose graph it keeps.
    """
    import pyhessian
    import torch

    model, loss, x, y = _problem(torch)

    def eigenvalues(tolerance: float) -> Sequence[float]:
        torch.manual_seed(0)
        hessian = pyhessian.hessian(model, loss, data=(x, y), cuda=False)
        values, _ = hessian.eigenvalues(maxIter=MOST_ITERATIONS, tol=tolerance, top_n=LARGEST)
        return list(values)

    truth = true_eigenvalues(trained_weights())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        right = (
            t for t in PYHESSIAN_TOLERANCES if relative_error(eigenvalues(t), truth) <= TOLERANCE
        )
        chosen = next(right, PYHESSIAN_TOLERANCES[-1])
    title = f"PyHessian, tolerance {chosen:.0e}"
    return measured(torch, "pyhessian", title, lambda: eigenvalues(chosen), repetitions)


def measure_curvlinops(*, repetitions: int) -> list[Measurement]:
    """A SciPy operator of the Hessian for ARPACK, with our tolerance and the same criterion."""
    import torch
    from curvlinops import HessianLinearOperator
    from scipy.sparse.linalg import eigsh

    model, loss, x, y = _problem(torch)
    data = [(x, y)]

    def eigenvalues() -> Sequence[float]:
        # Its check that products are repeatable costs two more, so ours has none either.
        operator = HessianLinearOperator(
            model, loss, list(model.parameters()), data, check_deterministic=False
        )
        options: dict[str, Any] = {"which": "LA", "tol": TOLERANCE, "return_eigenvectors": False}
        return list(eigsh(operator.to_scipy(), LARGEST, **options))

    return measured(torch, "curvlinops", "curvlinops with SciPy eigsh", eigenvalues, repetitions)


def _problem(torch: Any) -> tuple[Any, Any, Any, Any]:
    """The digits MLP at the trained weights, its loss, rows and classes."""
    model, (x, y) = network(torch, HIDDEN), rows()
    with torch.no_grad():
        for parameter, weight in zip(model.parameters(), trained_weights(), strict=True):
            parameter.copy_(torch.from_numpy(weight.T.copy()))
    loss = torch.nn.CrossEntropyLoss()
    return model, loss, torch.from_numpy(x).float(), torch.from_numpy(y)


def measured(
    torch: Any,
    name: str,
    title: str,
    eigenvalues: Callable[[], Sequence[float]],
    repetitions: int,
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
    if not max(errors) <= MOST_ERROR:
        raise WorkNotDoneError(
            f"the eigenvalues of a measured run must be right to {MOST_ERROR:g}. "
            f"Received a relative error of {max(errors):.3g}."
        )
    facts = {"relative_error": max(errors), "threads": threads}
    title = f"{title}, ten largest eigenvalues, float32"
    return [Measurement(f"curvature_{name}", title, seconds, "s", facts)]
