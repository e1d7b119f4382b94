"""How many trials fit into memory: reckoned before anything is made."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import keras
import numpy as np

from benchmark import backend
from benchmark.engine.batches import Layout
from benchmark.engine.evaluation_program import CHUNK_ROWS
from benchmark.engine.program import TrainingProgram
from benchmark.engine.task import Array
from benchmark.engine.tiles import default_shape

SHARE = 0.5
"""The share of the free memory that slots may take; the rest is for data and the system."""
COPIES = 3
"""Of each slot's values: before an epoch, after it, and one that a program works on."""
PASSES = 4
"""Of each layer's output: kept for the gradient, the gradient itself, and two temporaries."""


@dataclass(frozen=True, slots=True)
class Footprint:
    """What training takes of memory, in bytes.

    Args:
        slot: each slot, taken or not.
        place: each place of a tile, of which one is computed at a time, besides.
    """

    slot: int
    place: int

    def fitting(self, capacity: int, places: Callable[[int], int], budget: int) -> int:
        """How many slots fit, at least one and at most ``capacity``.

        Args:
            capacity: as many as are wanted.
            places: how many places are computed at a time, for a number of slots.
            budget: bytes that they may take.

        Example:
            >>> Footprint(slot=100, place=1000).fitting(64, lambda slots: 4, budget=5_000)
            10
        """
        fits, too_many = 1, capacity + 1
        while too_many - fits > 1:
            middle = (fits + too_many) // 2
            if middle * self.slot + places(middle) * self.place <= budget:
                fits = middle
            else:
                too_many = middle
        return fits


class Room:
    """The memory that slots may take.

    Args:
        share: of what is free.
    """

    def __init__(self, share: float) -> None:
        self._share = share

    @cached_property  # asked for once: later our own blocks would count as taken
    def bytes(self) -> int | None:
        """How much it is; nothing where the device does not say what is free."""
        free = backend.free_memory()
        return None if free is None else int(self._share * free)

    def fitting(self, need: Footprint, capacity: int, width: int) -> int:
        """How many slots fit into it, at least one and at most ``capacity``.

        Args:
            need: of each.
            capacity: as many as are wanted.
            width: most slots of a tile; every thread computes one tile at a time.
        """
        if self.bytes is None:
            return capacity
        threads = backend.computing_threads()
        return need.fitting(
            capacity, lambda slots: threads * default_shape(slots, width).width, self.bytes
        )


def footprint(program: TrainingProgram, model: keras.Model) -> Footprint:
    """Reckon what the trials of a program take.

    Args:
        program: made, not compiled.
        model: what it trains.
    """
    parts = [_bytes(part) for part in program.values]
    rows = max(_rows(program.layout), CHUNK_ROWS)
    outputs = rows * _numbers_of_outputs(model) * np.dtype(program.dtype).itemsize
    return Footprint(COPIES * sum(parts), PASSES * (outputs + parts[0]))


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception means that memory is exhausted, of the device or of the system."""
    text = str(error).lower()
    names = ("resource_exhausted", "resourceexhausted", "out of memory", "failed to allocate")
    return isinstance(error, MemoryError) or any(name in text for name in names)


def _rows(layout: Layout) -> int:
    return max(layout.size, layout.tail)


def _bytes(arrays: Sequence[Array]) -> int:
    return sum(array.nbytes for array in arrays)


def _numbers_of_outputs(model: keras.Model) -> int:
    """The numbers that all layers put out for one example."""
    count = 0
    for layer in model.layers:
        outputs = layer.output if isinstance(layer.output, list) else [layer.output]
        count += sum(int(np.prod([size or 1 for size in one.shape[1:]])) for one in outputs)
    return count
