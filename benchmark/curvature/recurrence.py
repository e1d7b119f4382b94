"""Steps of Lanczos' method as one loop of a compiled program.

To call a compiled product takes longer than the product of a small network, so a basis of single
vectors grows by many steps in one call. The arithmetic is that of
:meth:`benchmark.curvature.lanczos.LanczosBasis.take`: the product in the dtype of the operator, the
orthogonalisation, twice against all vectors, in float64.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops

Array = np.ndarray[Any, np.dtype[np.float64]]
Tensor = Any
ROWS = 48
"""Vectors of a basis come in multiples of this, so that few sizes are compiled."""
MOST_NUMBERS = 2**21
"""Numbers in the basis of one call, at most: 16 MiB, which the call holds three times.

The products of larger models take so long that calling them one by one costs nothing.
"""
NOISE = 10 * float(np.finfo(np.float64).eps)
"""What is left of a product of n entries is rounding below √n times this share of its length."""


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """What some steps have added to a basis of single vectors.

    Args:
        rows: the vectors that follow the first of them, shape (steps, n); the last is zero if
            only rounding was left of its product.
        shares: of each product along the vectors, shape (steps, rows of the basis).
        diagonal: qᵀ H q of each vector, shape (steps,).
        lengths: what was left of each product, shape (steps,).
        norms: of each product, shape (steps,).
    """

    rows: Array
    shares: Array
    diagonal: Array
    lengths: Array
    norms: Array


def padded_rows(vectors: int) -> int:
    """Return the rows of the array in which a basis of some vectors is handed over."""
    return -(-vectors // ROWS) * ROWS


def steps_of(product: Callable[..., Tensor], dtype: str) -> Callable[..., tuple[Tensor, ...]]:
    """Return a pure function that takes steps of Lanczos' method.

    It continues the basis in the rows up to ``first`` until ``last`` products are made, or only
    rounding is left of one. The matrix is D H D with D = diag(scale).

    Args:
        product: ``(parameters, vector, *data) -> H v``, both flat.
        dtype: of the product.

    Returns:
        ``(parameters, rows, scale, first, last, *data) -> (rows, table, end)``. A row of the
        table holds the shares, the diagonal entry, the length and the norm of a step.
    """

    def steps(
        parameters: Any, rows: Tensor, scale: Tensor, first: Tensor, last: Tensor, *data: Any
    ) -> tuple[Tensor, ...]:
        noise = NOISE * float(rows.shape[1]) ** 0.5

        def body(index: Tensor, _: Tensor, rows: Tensor, table: Tensor) -> tuple[Tensor, ...]:
            vector = rows[index]
            image = product(parameters, ops.cast(scale * vector, dtype), *data)
            image = scale * ops.cast(image, "float64")
            rest, shares = image[None], ops.zeros((1, rows.shape[0]), "float64")
            for _ in range(2):
                share = ops.matmul(rest, ops.transpose(rows))
                rest, shares = rest - ops.matmul(share, rows), shares + share
            length, norm = _length(rest), _length(image[None])
            goes_on = length > noise * norm
            following = ops.where(goes_on, rest / length, ops.zeros_like(rest))
            diagonal = ops.matmul(image[None], vector[:, None])
            entry = ops.concatenate([shares, diagonal, length, norm], axis=1)
            return (
                index + 1,
                goes_on[0, 0],
                ops.slice_update(rows, ops.stack([index + 1, 0]), following),
                ops.slice_update(table, ops.stack([index, 0]), entry),
            )

        def is_due(index: Tensor, goes_on: Tensor, *_: Tensor) -> Tensor:
            return ops.logical_and(goes_on, index < last)

        table = ops.zeros((rows.shape[0], rows.shape[0] + 3), "float64")
        end, _, rows, table = ops.while_loop(is_due, body, (first, first >= 0, rows, table))
        return rows, table, end

    return steps


def _length(row: Tensor) -> Tensor:
    """‖v‖ of a row, shape (1, 1); a product of matrices, for XLA adds up a sum one by one."""
    return ops.sqrt(ops.matmul(row, ops.transpose(row)))
