"""The full Hessian and its spectrum, for small models."""

from dataclasses import dataclass

import numpy as np

from benchmark.curvature.operators import Array, SymmetricOperator


@dataclass(frozen=True, slots=True, eq=False)
class ExactSpectrum:
    """All eigenvalues of a symmetric operator.

    Args:
        hessian: the symmetrised matrix ½ (H + Hᵀ), float64, shape (n, n).
        eigenvalues: ascending, float64, shape (n,).
        asymmetry: ½ ‖H − Hᵀ‖ (Frobenius norm) before symmetrising. By Weyl's inequality no
            eigenvalue moves by more for it, so it tells how far products can be trusted.
    """

    hessian: Array
    eigenvalues: Array
    asymmetry: float


def exact_hessian(operator: SymmetricOperator) -> tuple[Array, float]:
    """Form the matrix of a symmetric operator by vectorised products with the unit vectors.

    Args:
        operator: n × n; it costs n products and n² numbers of memory.

    Returns:
        The symmetrised matrix, and the ``asymmetry`` of :class:`ExactSpectrum`.
    """
    matrix = operator.matmat(np.eye(operator.shape[0]))
    return (matrix + matrix.T) / 2, float(np.linalg.norm(matrix - matrix.T) / 2)


def exact_eigenvalues(operator: SymmetricOperator) -> ExactSpectrum:
    """Compute all eigenvalues of a symmetric operator, in float64.

    Args:
        operator: n × n; the eigenvalues cost about 4/3 n³ operations.

    Raises:
        FloatingPointError: the Hessian has entries that are not finite.

    Example:
        >>> from scipy.sparse.linalg import aslinearoperator
        >>> spectrum = exact_eigenvalues(aslinearoperator(np.array([[2.0, 1.0], [1.0, 2.0]])))
        >>> spectrum.eigenvalues.round(12).tolist(), spectrum.asymmetry
        ([1.0, 3.0], 0.0)
    """
    hessian, asymmetry = exact_hessian(operator)
    if not np.isfinite(hessian).all():
        raise FloatingPointError("the Hessian must be finite. Received NaN or infinite entries.")
    eigenvalues = np.asarray(np.linalg.eigvalsh(hessian), np.float64)
    return ExactSpectrum(hessian, eigenvalues, asymmetry)
