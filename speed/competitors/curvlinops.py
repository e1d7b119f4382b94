"""curvlinops makes a SciPy operator of the Hessian, and ARPACK finds its eigenvalues.

``scipy.sparse.linalg.eigsh`` is given the tolerance that ours is given, for it has the same
criterion.

Source: curvlinops' example "Eigenvalues of a linear operator" (Dangel et al., 2025).
"""

from collections.abc import Sequence
from typing import Any

from speed.competitors.eigenvalues import measured, problem
from speed.competitors.pytorch import import_torch
from speed.measurement import Measurement, NotAvailableError
from speed.proof import LARGEST, TOLERANCE


def measure(*, repetitions: int) -> list[Measurement]:
    """Measure the seconds of the ten largest eigenvalues."""
    torch = import_torch()
    try:
        from curvlinops import HessianLinearOperator
    except ModuleNotFoundError as error:
        raise NotAvailableError(
            f"not installed: pip install curvlinops-for-pytorch ({error})"
        ) from None
    from scipy.sparse.linalg import eigsh

    model, loss, x, y = problem(torch)
    parameters = list(model.parameters())

    def eigenvalues() -> Sequence[float]:
        # Its check that products are repeatable costs two more, so ours has none either.
        operator = HessianLinearOperator(
            model, loss, parameters, [(x, y)], check_deterministic=False
        ).to_scipy()
        options: dict[str, Any] = {
            "k": LARGEST,
            "which": "LA",
            "tol": TOLERANCE,
            "return_eigenvectors": False,
        }
        return list(eigsh(operator, **options))

    return measured(torch, "curvlinops", "curvlinops with SciPy eigsh", eigenvalues, repetitions)
