"""Roots and bases of matrices against LAPACK's decompositions, and beside any neighbours."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from keras import ops

from benchmark import backend
from benchmark.optimizers.hyperparameter import check_size
from benchmark.optimizers.matrices import (
    inverse_root,
    matrix_shape,
    orthogonalized,
    orthonormal,
    rounding_of,
)

RNG = np.random.default_rng(11)


def definite(size: int, condition: float) -> Any:
    """A symmetric matrix with eigenvalues from 1/κ to 1, no axis its eigenvector."""
    axes = np.linalg.qr(RNG.normal(size=(size, size)))[0]
    return (axes * np.geomspace(1 / condition, 1, size)) @ axes.T


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("order", [2, 4])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_inverse_root_equals_that_of_the_eigenvalues(order: int, dtype: str) -> None:
    scale, condition = 300.0, 1e3
    matrix = scale * definite(7, condition)
    root = inverse_root(ops.convert_to_tensor(matrix, dtype=dtype), order)
    least = rounding_of(root)
    values, vectors = np.linalg.eigh(matrix + least * np.linalg.norm(matrix) * np.eye(7))
    expected = (vectors * values ** (-1 / order)) @ vectors.T
    # The smallest eigenvalue is known to κ roundings, of which 1/p reaches the root.
    tolerance = 4 * condition * float(np.finfo(dtype).eps) / order
    np.testing.assert_allclose(root, expected, atol=tolerance * np.abs(expected).max())


def test_inverse_root_of_a_singular_matrix_is_bounded_by_its_rounding() -> None:
    column = RNG.normal(size=(6, 1)).astype("float32")
    root = np.asarray(inverse_root(ops.convert_to_tensor(column @ column.T), 4), "float64")
    norm = float(np.sum(column**2))
    assert np.isfinite(root).all()
    # The null space gets (δ‖A‖)^(−1/4), but for the rounding of A, an eighth of δ at most.
    assert np.linalg.norm(root, 2) == pytest.approx((2.0**-20 * norm) ** -0.25, rel=0.05)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_orthonormal_equals_the_qr_decomposition(dtype: str) -> None:
    epsilon = float(np.finfo(dtype).eps)
    columns = RNG.normal(size=(6, 6))
    basis = orthonormal(ops.convert_to_tensor(columns, dtype=dtype))
    expected, triangle = np.linalg.qr(columns)
    # Roundings, enlarged by the condition of the columns.
    tolerance = 8 * np.linalg.cond(columns) * epsilon
    np.testing.assert_allclose(basis, expected * np.sign(np.diag(triangle)), atol=tolerance)
    columns[:, 3] = columns[:, 1] + 100 * epsilon * columns[:, 3]  # nearly dependent
    q = np.asarray(orthonormal(ops.convert_to_tensor(columns, dtype=dtype)), "float64")
    np.testing.assert_allclose(q.T @ q, np.eye(6), atol=10 * epsilon)  # six roundings


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("shape", [(3, 5), (5, 3), (4, 1)])
def test_orthogonalized_maps_singular_values_by_the_quintic(shape: tuple[int, int]) -> None:
    matrix = RNG.normal(size=shape)
    mapped = orthogonalized(ops.convert_to_tensor(matrix), (3.4445, -4.775, 2.0315), 5)
    left, s, right = np.linalg.svd(matrix, full_matrices=False)
    s = s / (np.linalg.norm(s) + 1e-7)
    for _ in range(5):
        s = 3.4445 * s - 4.775 * s**3 + 2.0315 * s**5
    # A singular value near zero is enlarged by 3.4445⁵ = 485, and its rounding with it.
    np.testing.assert_allclose(mapped, (left * s) @ right, atol=1e-12)


def _root(matrix: Any) -> Any:
    return inverse_root(matrix + ops.eye(6), 4)


def _basis(matrix: Any) -> Any:
    return orthonormal(matrix + ops.eye(6))


@pytest.mark.parametrize(
    "function",
    [_root, _basis, lambda a: orthogonalized(a, (3.0, -3.0, 1.0), 3)],
    ids=["inverse_root", "orthonormal", "orthogonalized"],
)
def test_no_matrix_feels_its_neighbours(function: Callable[[Any], Any]) -> None:
    mapped = backend.compile(backend.vectorize(function))
    matrices = np.stack([definite(6, 10.0**power) for power in range(4)]).astype("float32")
    usual = np.asarray(mapped(matrices))
    others = matrices * np.array([[[1]], [[0]], [[1e6]], [[np.nan]]], "float32")
    np.testing.assert_array_equal(np.asarray(mapped(others))[0], usual[0])
    np.testing.assert_array_equal(np.asarray(mapped(matrices[::-1].copy()))[::-1], usual)


def test_shapes_and_sizes() -> None:
    assert matrix_shape((2, 3, 4, 5)) == (24, 5)
    assert check_size("max_preconditioner_dim", 4) == 4
    for wrong in (0, 2.5, True):
        with pytest.raises(ValueError, match=r"max_preconditioner_dim must be a whole number >= 1"):
            check_size("max_preconditioner_dim", wrong)
