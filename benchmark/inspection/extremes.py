"""The extreme eigenvalues that are shown, with the vectors of the plane."""

import numpy as np

from benchmark.curvature import (
    Curvature,
    Eigenpairs,
    SymmetricOperator,
    exact_hessian,
    extreme_eigenvalues,
)
from benchmark.curvature.exact import top_eigenpairs
from benchmark.curvature.operators import epsilon_of
from benchmark.inspection.settings import Settings
from benchmark.report.portrait import Extreme

TOLERANCE, MOST_PRODUCTS = 1e-6, 600
"""Relative; after these products what did not converge says so."""
BLOCK = 2
"""Vectors multiplied at once: from a single one, values may converge before the second copy of an
eigenvalue that occurs twice, as the symmetries of a network make them; a third one still may."""


def extreme_pairs(
    operator: SymmetricOperator, settings: Settings, *, is_exact: bool
) -> Eigenpairs | None:
    """Return extreme eigenvalues with vectors; nothing where there is one parameter only.

    Args:
        operator: n × n.
        settings: how many are asked for.
        is_exact: whether the matrix is formed anyway; then those of the plane are enough.
    """
    if is_exact:
        return _from_matrix(operator)
    size = operator.shape[0]
    largest = min(settings.eigenvalues, size)
    return extreme_eigenvalues(
        operator,
        largest,
        min(settings.eigenvalues // 2, size - largest),
        tolerance=TOLERANCE,
        max_products=MOST_PRODUCTS,
        block_size=BLOCK,
        vectors=True,
        seed=settings.seed,
    )


def _from_matrix(operator: SymmetricOperator) -> Eigenpairs | None:
    """The two sharpest directions of a matrix that is formed anyway."""
    size = operator.shape[0]
    if size < 2:
        return None
    matrix, _ = exact_hessian(operator)
    scale = float(np.linalg.norm(matrix))  # at least max |λ|
    values, vectors = top_eigenpairs(matrix, 2)
    return Eigenpairs(
        eigenvalues=values,
        residuals=np.zeros(2),
        joint_residual=0.0,
        rounding=size * epsilon_of(operator) * scale,
        converged=np.ones(2, bool),
        vectors=vectors,
        products=size,
        restarts=0,
    )


def shown_extremes(
    found: Curvature, pairs: Eigenpairs | None, settings: Settings, *, is_exact: bool
) -> list[Extreme]:
    """Return the largest, descending, then the smallest, ascending, each with its bound.

    Args:
        found: the diagnosis, with all eigenvalues where they are exact.
        pairs: of :func:`extreme_pairs`.
        settings: how many are asked for.
        is_exact: whether the diagnosis has all eigenvalues.
    """
    count = settings.eigenvalues
    if is_exact:
        values = found.eigenvalues
        bound = found.quantities["tolerance"] + found.quantities.get("asymmetry", 0.0)
        upper = values[::-1][:count]
        lower = values[: max(0, min(count // 2, values.size - upper.size))]
        return [Extreme(float(value), float(bound)) for value in (*upper, *lower)]
    assert pairs is not None, "a large matrix has pairs"
    rows = list(zip(pairs.eigenvalues, pairs.bounds, pairs.converged, strict=True))
    upper_rows = rows[-count:][::-1]
    lower_rows = rows[: len(rows) - len(upper_rows)]
    return [Extreme(float(a), float(b), bool(c)) for a, b, c in (*upper_rows, *lower_rows)]
