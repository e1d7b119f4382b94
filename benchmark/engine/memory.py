"""How many trials fit into memory: estimated before anything is made.

The factors below are fitted to the peak memory of processes that trained networks of several
shapes on both frameworks; `tests/engine/test_memory_growth.py` holds the estimate against it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import keras
import numpy as np

from benchmark import backend
from benchmark.curvature import exact_plan
from benchmark.curvature.recurrence import MOST_NUMBERS
from benchmark.engine.batches import Layout, whole_lines
from benchmark.engine.evaluation import NOISE_BATCHES
from benchmark.engine.evaluation_program import CHUNK_ROWS
from benchmark.engine.program import TrainingProgram
from benchmark.engine.task import Array
from benchmark.engine.tiles import Shape
from benchmark.trial import CurvatureRequest

SHARE = 0.5
"""The share of the free memory that training may take; the rest is for data and the system."""
COPIES = {"tensorflow": 4, "jax": 3}
"""Of each slot's values: before an epoch, after it, and those that a program works on."""
PASSES = 3
"""Of each layer's output, and of the weights: kept for the gradient, the gradient, a temporary."""
COMPILED_BYTES = {"tensorflow": 120 * 10**6, "jax": 220 * 10**6}
"""What compiling the programs of a structure leaves taken."""
DIAGNOSIS_CHUNK, PRODUCTS_TOGETHER = 2048, 16
"""Rows and vectors that a Hessian product takes at once, see ``HessianProgram``."""
DIAGNOSIS_COMPILED_BYTES = {"tensorflow": 0, "jax": 220 * 10**6}
"""What compiling the products of a diagnosis leaves taken besides."""
MONITORING_BYTES = 220
"""For each parameter, of a measurement on the probe: its directions and products in float32, both
once more in float64, and copies."""
MONITORING_PASSES = 7
"""Of each layer's output over the probe, in a product with the Hessian."""


class TooLargeError(ValueError):
    """A single trial does not fit into the memory that is free."""


@dataclass(frozen=True, slots=True)
class Footprint:
    """What training takes of memory, in bytes.

    Args:
        slot: each slot of a block, taken or not.
        place: each place of a tile that is computed, besides.
        fixed: once, for what is compiled.
        diagnosis: each block that is computed, while a trial of it is diagnosed.
    """

    slot: int
    place: int
    fixed: int = 0
    diagnosis: int = 0

    def total(self, slots: int, shape: Shape, threads: int) -> int:
        """What n trials take, in whole blocks; some of these are computed at a time.

        Args:
            slots: trials at once.
            shape: of a block.
            threads: how many blocks are computed at a time at most.

        Example:
            >>> Footprint(slot=100, place=1000, fixed=5).total(3, Shape(1, 2), threads=2)
            4405
        """
        blocks = -(-slots // shape.slots)
        computed = min(blocks, threads)
        each = shape.width * self.place + self.diagnosis
        return self.fixed + blocks * shape.slots * self.slot + computed * each

    def fitting(
        self, capacity: int, shape_of: Callable[[int], Shape], threads: int, budget: int
    ) -> int:
        """How many slots fit, at least one and at most ``capacity``.

        Args:
            capacity: as many as are wanted.
            shape_of: the shape of blocks, for a number of slots.
            threads: how many blocks are computed at a time at most.
            budget: bytes that they may take.

        Example:
            >>> need = Footprint(slot=100, place=1000)
            >>> need.fitting(64, lambda slots: Shape(1, 2), threads=2, budget=5_000)
            10
        """
        fits, too_many = 1, capacity + 1
        while too_many - fits > 1:
            middle = (fits + too_many) // 2
            if self.total(middle, shape_of(middle), threads) <= budget:
                fits = middle
            else:
                too_many = middle
        return fits


class Room:
    """The memory that training may take.

    Args:
        share: of what is free.
    """

    def __init__(self, share: float) -> None:
        self._share = share

    @cached_property  # asked for once: later our own blocks would count as taken
    def free(self) -> int | None:
        """What is free; nothing where the device does not say."""
        return backend.free_memory()

    @property
    def bytes(self) -> int | None:
        """How much of it may be taken."""
        return None if self.free is None else int(self._share * self.free)

    def check(self, least: int) -> None:
        """Refuse a trial that cannot fit.

        Args:
            least: bytes that it takes alone.

        Raises:
            TooLargeError: they are more than all that is free, or than the part of a worker.
        """
        if self.free is None:
            return
        part = self._share / SHARE  # of a worker, beside which others train as large a trial
        if least <= part * self.free:
            return
        are_free = "are free" if part == 1 else "are free for each worker"
        fewer = "" if part == 1 else " Or take fewer --workers."
        raise TooLargeError(
            f"a trial must fit into memory, of which {part * self.free / 1e9:.2g} GB {are_free}. "
            f"Received one that takes about {least / 1e9:.2g} GB. Take fewer or smaller "
            f"layers, smaller batches, or fewer curvature.lanczos_steps.{fewer}"
        )

    def fitting(self, need: Footprint, capacity: int, shape_of: Callable[[int], Shape]) -> int:
        """How many slots fit into it, at least one and at most ``capacity``.

        Args:
            need: of each.
            capacity: as many as are wanted.
            shape_of: the shape of blocks, for a number of slots.

        Raises:
            TooLargeError: a single trial takes more than all that is free.
        """
        if self.free is None or self.bytes is None:
            return capacity
        threads = backend.computing_threads()
        self.check(need.total(1, shape_of(1), threads))
        return need.fitting(capacity, shape_of, threads, self.bytes)


def footprint(
    program: TrainingProgram, model: keras.Model, rows: int, request: CurvatureRequest
) -> Footprint:
    """Estimate what the trials of a program take.

    Args:
        program: made, not compiled.
        model: what it trains.
        rows: of the training part.
        request: what curvature its trials are asked for.
    """
    framework = backend.name()
    parts = [_bytes(part) for part in program.values]
    parameters = sum(array.size for array in program.weights)
    numbers = _numbers_of_outputs(model)
    item = np.dtype(program.dtype).itemsize
    at_once = max(_rows(program.layout), min(CHUNK_ROWS, whole_lines(rows)))
    place = PASSES * (at_once * numbers * item + parts[0])
    if request.monitored_epochs:
        probe = MONITORING_PASSES * min(request.probe, rows) * numbers * item
        place = max(place, MONITORING_BYTES * parameters + probe)
    fixed = COMPILED_BYTES[framework] + 2 * _bytes([np.asarray(data) for data in program.data])
    diagnosis = 0
    if request.epochs:
        fixed += DIAGNOSIS_COMPILED_BYTES[framework]
        diagnosis = _diagnosis_bytes(request, parameters, numbers, rows)
    return Footprint(COPIES[framework] * sum(parts), place, fixed, diagnosis)


def sequential_bytes(model: keras.Model, rows: int, batch: int, request: CurvatureRequest) -> int:
    """Estimate what a trial takes at least that Keras trains, one at a time.

    The state of its optimizer is not counted, for it is not built yet.

    Args:
        model: what is trained.
        rows: of the training part.
        batch: rows of a mini-batch.
        request: what curvature the trial is asked for.
    """
    parameters = sum(int(np.prod(variable.shape)) for variable in model.trainable_variables)
    weights, numbers = 4 * parameters, _numbers_of_outputs(model)
    at_once = max(batch, min(CHUNK_ROWS, rows))
    least = COPIES[backend.name()] * weights + PASSES * (4 * at_once * numbers + weights)
    return least + (_diagnosis_bytes(request, parameters, numbers, rows) if request.epochs else 0)


def _diagnosis_bytes(request: CurvatureRequest, parameters: int, numbers: int, rows: int) -> int:
    """What a diagnosis holds in float64: vectors of its method, and outputs of a chunk."""
    taken = min(request.samples or rows, rows, DIAGNOSIS_CHUNK)
    limit = max(request.exact_limit, request.lanczos_steps)
    if parameters <= limit:
        vectors, together = exact_plan(parameters).needed_bytes, PRODUCTS_TOGETHER
    else:
        rows, together = request.lanczos_steps + NOISE_BATCHES + 8, 1
        vectors = 8 * parameters * rows + 3 * 8 * min(parameters * rows, MOST_NUMBERS)
    return vectors + 8 * PASSES * taken * numbers * together


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
        # A layer of a model without a graph has no output before it is called.
        outputs = keras.tree.flatten(getattr(layer, "output", []))
        count += sum(int(np.prod([size or 1 for size in output.shape[1:]])) for output in outputs)
    return count
