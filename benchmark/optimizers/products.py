"""Sums over all weights of all variables together."""

from collections.abc import Sequence

from keras import ops

from benchmark.optimizers.clipping import norm_dtype
from benchmark.optimizers.tensors import State, Tensor


def inner_product(tensors: Sequence[Tensor], others: Sequence[Tensor]) -> Tensor:
    """Return Σ aᵢ bᵢ over all elements of all tensors, at least in float32.

    Example:
        >>> from keras import ops
        >>> a, b = ops.array([1.0, 2.0]), ops.array([3.0])
        >>> float(inner_product([a, b], [a, b]))
        14.0
    """
    dtype = norm_dtype(tensors)
    return ops.sum(_flat(tensors, dtype) * _flat(others, dtype))


def absolute_sum(tensors: Sequence[Tensor]) -> Tensor:
    """Return Σ |aᵢ| over all elements of all tensors, at least in float32.

    Example:
        >>> from keras import ops
        >>> float(absolute_sum([ops.array([1.0, -2.0]), ops.array([3.0])]))
        6.0
    """
    return ops.sum(ops.abs(_flat(tensors, norm_dtype(tensors))))


def in_type_of(tensors: Sequence[Tensor], numbers: State) -> State:
    """Return numbers in the type in which sums over the tensors are taken."""
    dtype = norm_dtype(tensors)
    return {name: ops.cast(value, dtype) for name, value in numbers.items()}


def _flat(tensors: Sequence[Tensor], dtype: str) -> Tensor:
    # As one vector: XLA takes longer to compile one reduction for each tensor.
    return ops.concatenate([ops.reshape(ops.cast(tensor, dtype), (-1,)) for tensor in tensors])
