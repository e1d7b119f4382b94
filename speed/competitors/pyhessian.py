"""PyHessian: power iteration with deflation, until two estimates differ by less than a tolerance.

It takes the largest magnitudes, which are the largest values here. Two close estimates are not
yet right, so it is given, out of the clock, the loosest of some tolerances whose eigenvalues are
right to 1e-4. It gets all rows as one batch, whose graph it keeps.

Source: the README of PyHessian (Yao et al., 2020).
"""

import warnings
from collections.abc import Sequence

from speed.competitors.eigenvalues import measured, problem
from speed.competitors.pytorch import import_torch
from speed.measurement import Measurement, NotAvailableError
from speed.proof import LARGEST, TOLERANCE, relative_error, trained_weights, true_eigenvalues

TOLERANCES = (1e-4, 1e-5, 1e-6)
"""The last is about what float32 can tell."""
MOST_ITERATIONS = 1000
"""For one eigenvalue; the default of 100 would end before 1e-4 is reached."""


def measure(*, repetitions: int) -> list[Measurement]:
    """Measure the seconds of the ten largest eigenvalues."""
    torch = import_torch()
    try:
        from pyhessian import hessian
    except ModuleNotFoundError as error:
        raise NotAvailableError(f"not installed: pip install pyhessian ({error})") from None
    model, loss, x, y = problem(torch)

    def eigenvalues(tolerance: float) -> Sequence[float]:
        torch.manual_seed(0)
        values, _ = hessian(model, loss, data=(x, y), cuda=False).eigenvalues(
            maxIter=MOST_ITERATIONS, tol=tolerance, top_n=LARGEST
        )
        return values

    truth = true_eigenvalues(trained_weights())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        right = (t for t in TOLERANCES if relative_error(eigenvalues(t), truth) <= TOLERANCE)
        chosen = next(right, TOLERANCES[-1])
    title = f"PyHessian, tolerance {chosen:.0e}"
    return measured(torch, "pyhessian", title, lambda: eigenvalues(chosen), repetitions)
