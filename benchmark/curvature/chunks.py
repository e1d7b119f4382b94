"""A dataset in chunks, so that the memory of a product does not grow with the data."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

Tensor = Any
RESIDENT_BYTES = 2**28
"""Data of no more than this stay on the device; larger ones are copied there chunk by chunk."""


class Chunks:
    """Examples and targets, cut into chunks that are copied to the device.

    Args:
        x: the examples, shape (examples, …); any array, a memory map too.
        y: their targets, shape (examples, …).
        rest: tensors that each chunk is followed by.
        size: examples of a chunk, ≥ 1; the last one has what is left.
        to_tensor: copies an array to the device.
        item_bytes: of a number there.
        resident_bytes: up to this size all chunks stay on the device between passes.

    Example:
        >>> chunks = Chunks(np.arange(5.0), np.zeros(5), [], 2, np.asarray)
        >>> [(weight, x.tolist()) for weight, (x, y) in chunks]
        [(0.4, [0.0, 1.0]), (0.4, [2.0, 3.0]), (0.2, [4.0])]
    """

    def __init__(
        self,
        x: Any,
        y: Any,
        rest: Sequence[Any],
        size: int,
        to_tensor: Callable[[Any], Tensor],
        item_bytes: int = 8,
        resident_bytes: int = RESIDENT_BYTES,
    ) -> None:
        self._data, self._rest, self._size = (x, y), list(rest), size
        self._to_tensor = to_tensor
        numbers = sum(int(np.prod(np.shape(part))) for part in self._data)
        self._kept: list[tuple[float, list[Tensor]]] | None = None
        if numbers * item_bytes <= resident_bytes:
            self._kept = list(self._made())

    def __iter__(self) -> Iterator[tuple[float, list[Tensor]]]:
        """Each chunk: its share of the examples, and x, y and the rest as tensors."""
        return iter(self._kept) if self._kept is not None else self._made()

    def _made(self) -> Iterator[tuple[float, list[Tensor]]]:
        count = len(self._data[0])
        for first in range(0, count, self._size):
            last = min(first + self._size, count)
            parts = [self._to_tensor(part[first:last]) for part in self._data]
            yield (last - first) / count, [*parts, *self._rest]
