"""The ten largest eigenvalues by PyHessian, and by curvlinops with SciPy, as their pages show.

PyHessian's ``eigenvalues`` is power iteration with deflation, until two estimates differ by
less than a tolerance; it takes the largest magnitudes, which are the largest values here. Two
close estimates are not yet right, so it is given, out of the clock, the loosest of some
tolerances whose eigenvalues are right to 1e-4. It gets all rows as one batch, whose graph it
keeps. curvlinops makes a SciPy operator of the Hessian,
and ARPACK (``scipy.sparse.linalg.eigsh``) finds the eigenvalues to the tolerance that ours is
given, for it has the same criterion. Both compute in float32, PyTorch's default.

Sources: the README of PyHessian (Yao et al., 2020); curvlinops' example "Eigenvalues of a linear
operator" (Dangel et al., 2025).
"""

import time
import warnings
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from speed.competitors.proof import WorkNotDoneError
from speed.curvature import work
from speed.measurement import Measurement, NotAvailableError

TOLERANCES = (1e-4, 1e-5, 1e-6)
"""Of PyHessian; the last is about what float32 can tell."""
MOST_ERROR = 1e-2
"""Relative error of eigenvalues from which their seconds are not reported: a hundred times what
is asked for."""
MOST_ITERATIONS = 1000
"""Of PyHessian for one eigenvalue; its default of 100 would end before 1e-4 is reached."""


def measure_pyhessian(*, repetitions: int) -> list[Measurement]:
    """Measure the seconds of the ten largest eigenvalues by PyHessian.

    Args:
        repetitions: how often they are found.

    Raises:
        NotAvailableError: PyHessian or PyTorch is not installed.
    """
    torch = _torch()
    try:
        from pyhessian import hessian
    except ModuleNotFoundError as error:
        raise NotAvailableError(f"not installed: pip install pyhessian ({error})") from None
    model, loss, x, y = _network(torch)

    def found(tolerance: float) -> Sequence[float]:
        torch.manual_seed(0)
        values, _ = hessian(model, loss, data=(x, y), cuda=False).eigenvalues(
            maxIter=MOST_ITERATIONS, tol=tolerance, top_n=work.LARGEST
        )
        return values

    truth = work.true_eigenvalues(work.trained_weights())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        chosen = next(
            (one for one in TOLERANCES if work.relative_error(found(one), truth) <= work.TOLERANCE),
            TOLERANCES[-1],
        )
    title = f"PyHessian, tolerance {chosen:.0e}"
    return [_measured(torch, "pyhessian", title, lambda: found(chosen), repetitions)]


def measure_curvlinops(*, repetitions: int) -> list[Measurement]:
    """Measure the seconds of the ten largest eigenvalues by curvlinops and ``eigsh``.

    Args:
        repetitions: how often they are found.

    Raises:
        NotAvailableError: curvlinops or PyTorch is not installed.
    """
    torch = _torch()
    try:
        from curvlinops import HessianLinearOperator
    except ModuleNotFoundError as error:
        raise NotAvailableError(
            f"not installed: pip install curvlinops-for-pytorch ({error})"
        ) from None
    from scipy.sparse.linalg import eigsh

    model, loss, x, y = _network(torch)
    parameters = list(model.parameters())

    def found() -> Sequence[float]:
        # Its check that products are repeatable costs two more, so ours has none either.
        operator = HessianLinearOperator(
            model, loss, parameters, [(x, y)], check_deterministic=False
        )
        values = eigsh(
            operator.to_scipy(),
            k=work.LARGEST,
            which="LA",
            tol=work.TOLERANCE,
            return_eigenvectors=False,
        )
        return list(values)

    return [_measured(torch, "curvlinops", "curvlinops with SciPy eigsh", found, repetitions)]


def _torch() -> Any:
    try:
        import torch
    except ModuleNotFoundError:
        raise NotAvailableError("not installed: pip install torch") from None
    return torch


def _network(torch: Any) -> tuple[Any, Any, Any, Any]:
    """The digits MLP in PyTorch at the trained weights, its loss and all rows."""
    weights, (x, y) = work.trained_weights(), work.rows()
    layers: list[Any] = []
    for inputs, outputs in pairwise((64, *work.HIDDEN, 10)):
        layers += [torch.nn.Linear(inputs, outputs), torch.nn.ReLU()]
    model = torch.nn.Sequential(*layers[:-1])
    with torch.no_grad():
        for parameter, weight in zip(model.parameters(), weights, strict=True):
            parameter.copy_(torch.from_numpy(weight.T.copy()))
    x, y = torch.from_numpy(x).float(), torch.from_numpy(y)
    return model, torch.nn.CrossEntropyLoss(), x, y


def _measured(
    torch: Any, name: str, title: str, found: Callable[[], Sequence[float]], repetitions: int
) -> Measurement:
    truth = work.true_eigenvalues(work.trained_weights())
    with warnings.catch_warnings():
        # Both keep a graph on purpose, of which PyTorch warns.
        warnings.simplefilter("ignore")
        tried = {}
        for threads in (torch.get_num_threads(), 1):
            torch.set_num_threads(threads)
            found()
            tried[threads] = _timed(found)[0]
        best = min(tried, key=lambda threads: tried[threads])
        torch.set_num_threads(best)
        runs = [_timed(found) for _ in range(repetitions)]
    error = max(work.relative_error(values, truth) for _, values in runs)
    if not error <= MOST_ERROR:
        raise WorkNotDoneError(
            f"the eigenvalues of a measured run must be right to {MOST_ERROR:g}. "
            f"Received a relative error of {error:.3g}."
        )
    return Measurement(
        f"curvature_{name}",
        f"{title}, ten largest eigenvalues, float32",
        tuple(seconds for seconds, _ in runs),
        "s",
        {
            "relative_error": error,
            "threads": best,
        },
    )


def _timed(found: Callable[[], Sequence[float]]) -> tuple[float, Sequence[float]]:
    start = time.perf_counter()
    values = found()
    return time.perf_counter() - start, values
