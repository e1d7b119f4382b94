"""Lists of tensors, one for each variable, as vectors of one space."""

from collections.abc import Sequence
from typing import Any

from keras import ops

Tensor = Any
Vector = list[Tensor]
"""A tensor for each variable."""


def dot(first: Sequence[Tensor], second: Sequence[Tensor]) -> Tensor:
    """Return the scalar product over all variables together.

    Example:
        >>> import numpy as np
        >>> float(dot([np.ones(2), np.ones(())], [np.full(2, 3.0), np.array(4.0)]))
        10.0
    """
    return sum(ops.sum(a * b) for a, b in zip(first, second, strict=True))


def norm(vector: Sequence[Tensor]) -> Tensor:
    """Return the Euclidean norm over all variables together.

    Squares are taken of shares of the largest element, so that none overflows or vanishes.

    Example:
        >>> import numpy as np
        >>> vector = [np.array([3e30], "float32"), np.array([4e30], "float32")]
        >>> round(float(norm(vector)) / 1e30, 6)
        5.0
    """
    largest = ops.max(ops.stack([ops.max(ops.abs(a)) for a in vector]))
    unit = ops.where(largest > 0, largest, ops.ones_like(largest))
    shares = [a / unit for a in vector]
    return unit * ops.sqrt(dot(shares, shares))


def scaled(factor: Tensor, vector: Sequence[Tensor]) -> Vector:
    """Return factor · vector.

    Example:
        >>> [float(part) for part in scaled(2.0, [1.0, 3.0])]
        [2.0, 6.0]
    """
    return [factor * a for a in vector]


def moved(start: Sequence[Tensor], length: Tensor, direction: Sequence[Tensor]) -> Vector:
    """Return start + length · direction.

    Example:
        >>> [float(part) for part in moved([1.0, 1.0], 2.0, [1.0, 3.0])]
        [3.0, 7.0]
    """
    return [a + length * b for a, b in zip(start, direction, strict=True)]


def chosen(condition: Tensor, first: Sequence[Tensor], second: Sequence[Tensor]) -> Vector:
    """Return the first vector where the condition holds, else the second.

    Never a product with the condition: 0 · ∞ is NaN.
    """
    return [ops.where(condition, a, b) for a, b in zip(first, second, strict=True)]


def zeros_like(vector: Sequence[Tensor]) -> Vector:
    """Return zeros of the same shapes."""
    return [ops.zeros_like(a) for a in vector]


def ratio(numerator: Tensor, denominator: Tensor) -> Tensor:
    """Return numerator / denominator, and 0 where the denominator is 0.

    Example:
        >>> from keras import ops
        >>> ops.convert_to_numpy(ratio(ops.array([3.0, 3.0]), ops.array([2.0, 0.0]))).tolist()
        [1.5, 0.0]
    """
    is_zero = ops.equal(denominator, 0)
    safe = ops.where(is_zero, ops.ones_like(denominator), denominator)
    return ops.where(is_zero, ops.zeros_like(numerator), numerator / safe)
