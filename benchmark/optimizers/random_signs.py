"""Random signs that depend on numbers alone, alike on every backend and in every engine."""

from collections.abc import Sequence

from keras import ops

from benchmark.optimizers.vectors import Tensor, Vector

_GOLDEN_RATIO = 0x9E3779B9  # 2³² over the golden ratio: neighbours come far apart
_MULTIPLIERS = (0x7FEB352D, 0x846CA68B)


def random_signs(seed: Tensor, step: Tensor, like: Sequence[Tensor]) -> Vector:
    """Return a vector of −1 and 1, each with probability one half (Rademacher's distribution).

    A hash of seed, step and place, no generator with a state: it can be mapped over trials,
    and gives the same everywhere.

    Args:
        seed: a scalar, a whole number from 0 to 2²⁴.
        step: likewise.
        like: tensors of the shapes and type wanted.

    Example:
        >>> [signs] = random_signs(ops.array(1.0), ops.array(1.0), [ops.zeros(6)])
        >>> sorted(set(ops.convert_to_numpy(signs).tolist()))
        [-1.0, 1.0]

    References:
        The mixing function is that of Wellons, Prospecting for hash functions, 2018, there
        "lowbias32".
    """
    key = _mixed(_mixed(_whole(seed)) + _whole(step))
    found, offset = [], 0
    for tensor in like:
        size = 1
        for length in tensor.shape:
            size *= int(length)
        places = ops.cast(ops.arange(offset, offset + size, dtype="int32"), "uint32")
        bits = _mixed(ops.bitwise_xor(_mixed(places * _constant(_GOLDEN_RATIO)), key))
        top = ops.cast(ops.right_shift(bits, _constant(31)), tensor.dtype)
        found.append(ops.reshape(1 - 2 * top, tensor.shape))
        offset += size
    return found


def _mixed(bits: Tensor) -> Tensor:
    for multiplier, shift in zip(_MULTIPLIERS, (16, 15), strict=True):
        bits = ops.bitwise_xor(bits, ops.right_shift(bits, _constant(shift)))
        bits = bits * _constant(multiplier)
    return ops.bitwise_xor(bits, ops.right_shift(bits, _constant(16)))


def _whole(number: Tensor) -> Tensor:
    return ops.cast(ops.cast(number, "int32"), "uint32")


def _constant(value: int) -> Tensor:
    return ops.convert_to_tensor(value, dtype="uint32")
