"""The compiled programs of a process: made once for a structure, several at the same time."""

import gc
import os
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Generic, TypeVar

import keras

from benchmark import backend
from benchmark.engine.batches import Layout
from benchmark.engine.evaluation import Evaluation
from benchmark.engine.evaluation_program import EvaluationProgram
from benchmark.engine.monitoring import MonitoredPoint, MonitoringProgram, probe_seed
from benchmark.engine.program import TrainingProgram
from benchmark.engine.regularization import regularization_of
from benchmark.engine.slots import Clock, Slot
from benchmark.engine.structure import model_key, optimizer_of, structure_key, structure_of
from benchmark.engine.task import Array, Task, build_task
from benchmark.engine.tiles import Shape
from benchmark.trial import CurvatureRequest, Trial

Value = TypeVar("Value")
MOST_MODELS = 16
"""Models whose programs are kept, of evaluating and of curvature."""


class LruCache(Generic[Value]):
    """A mapping that keeps the most recently used entries.

    Args:
        most: how many.

    Example:
        >>> cache = LruCache(2)
        >>> [cache.get(key, lambda key=key: key.upper()) for key in "abac"]
        ['A', 'B', 'A', 'C']
        >>> cache.get("b", lambda: "made anew")     # the oldest was dropped
        'made anew'
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._entries: OrderedDict[Hashable, Value] = OrderedDict()

    def __iter__(self) -> Iterator[Hashable]:
        """The keys, from the one used longest ago."""
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """Return the entry of a key, made where there is none."""
        if key not in self._entries:
            self._entries[key] = make()
        self._entries.move_to_end(key)
        if len(self._entries) > self._most:
            self._entries.popitem(last=False)
            # The parts of a model refer to each other, and are rarely looked for among much else.
            gc.collect()
        return self._entries[key]

    def clear(self) -> None:
        """Drop all entries."""
        self._entries.clear()


LARGE = 100_000
"""Parameters above which the calls of a program last long enough to make one for each tile.

Tiles follow each other anyway; several in one call only save the time of calling, for
memory that empty ones take.
"""
LARGE_WIDTH = 2
"""Trials of a large model side by side on a processor, at most.

Of the network 64-512-512-10 (JAX, one core) 16, 32 and 128 rows a batch took 1.77, 1.04 and
1.12 times as long a trial with four side by side.
"""
MOST_PROGRAMS = 128
"""Programs that are kept; a study of many optimizers and batch sizes has some dozens."""


class ModelPrograms:
    """What all structures of one model and one set of data share.

    Args:
        key: what selects it.
        task: model, loss and data.
        shape: of each block; of large models a block is one tile, see ``LARGE``.
    """

    def __init__(self, key: Hashable, task: Task, shape: Shape) -> None:
        self.key = key
        self.task = task
        self.is_large = task.model.count_params() > LARGE
        self.shape = shape_for_large(shape) if self.is_large else shape
        with backend.kept_as(self.name):
            self.evaluation_program = EvaluationProgram(task, self.shape)
        self.evaluation = Evaluation(task)
        self.rows = len(task.parts["train"].x)
        self._monitoring: dict[tuple[int, int], MonitoringProgram] = {}

    @property
    def name(self) -> str:
        """Names the programs for other processes, or nothing where nothing can."""
        return repr((self.task.key, self.shape)) if self.task.key else ""

    def warm_up_curvature(self, request: CurvatureRequest) -> None:
        """Compile what a diagnosis needs."""
        with backend.kept_as(self.name):
            self.evaluation.warm_up_curvature(request)

    @property
    def compilations(self) -> int:
        """How often the programs of evaluating and monitoring have been compiled so far."""
        monitoring = sum(program.compilations for program in self._monitoring.values())
        return self.evaluation_program.compilations + monitoring

    def follow(
        self, slots: Sequence[Slot], rows: Sequence[tuple[list[Array], list[Array]]]
    ) -> list[dict[str, float]]:
        """Measure the curvature of some trials on their probes, and note where to go on.

        Args:
            slots: as many as a block has at most.
            rows: the weights of each at which it is evaluated, and its model's state.
        """
        quantities: dict[int, dict[str, float]] = {}
        programs = [self.monitoring_program(slot.trial) for slot in slots]
        for program in dict.fromkeys(programs):
            indices = [index for index, candidate in enumerate(programs) if candidate is program]
            trials = [
                MonitoredPoint(
                    *rows[index], slots[index].direction, regularization_of(slots[index].trial)
                )
                for index in indices
            ]
            for index, (numbers, direction) in zip(indices, program.measure(trials), strict=True):
                slots[index].direction = direction
                quantities[index] = slots[index].monitor(numbers)
        return [quantities[index] for index in range(len(slots))]

    def monitoring_program(self, trial: Trial) -> MonitoringProgram:
        """What follows the curvature on the probe of a trial; made at the first one."""
        key = (trial.curvature.probe, probe_seed(trial))
        if key not in self._monitoring:
            with backend.kept_as(self.name):
                self._monitoring[key] = MonitoringProgram(self.task, self.shape, *key)
        return self._monitoring[key]


def shape_for_large(shape: Shape) -> Shape:
    """The shape for models whose weights and optimizer state fill a core's cache.

    Args:
        shape: that of small ones.
    """
    if backend.devices()[0].startswith("cpu"):
        return Shape(tiles=1, width=min(shape.width, LARGE_WIDTH))
    return replace(shape, tiles=1)


class Programs:
    """Programs by structure; the least recently used are dropped beyond a number of them."""

    def __init__(self) -> None:
        self._models: LruCache[ModelPrograms] = LruCache(MOST_MODELS)
        self._training: LruCache[TrainingProgram] = LruCache(MOST_PROGRAMS)

    def model(self, trial: Trial, shape: Shape) -> ModelPrograms:
        """What evaluates trials of a model; built at the first one."""
        key = (*model_key(trial), keras.config.floatx(), shape)
        return self._models.get(key, lambda: ModelPrograms(key, build_task(trial), shape))

    def training(self, trial: Trial, model: ModelPrograms, layout: Layout) -> TrainingProgram:
        """What trains trials of a structure; built at the first one.

        Raises:
            AdaptationError: the steps of the optimizer's class cannot be compiled.
        """

        def make() -> TrainingProgram:
            name, optimizer = structure_key(trial), optimizer_of(trial)
            with backend.kept_as(name and model.name and f"{model.name} {name} {layout}"):
                return TrainingProgram(model.task, optimizer, model.shape, layout)

        return self._training.get((model.key, structure_of(trial), layout), make)

    def clear(self) -> None:
        """Forget all, so that their memory is free."""
        self._models.clear()
        self._training.clear()


PROGRAMS = Programs()
"""Those of this process. They hold no trial, so any number of engines may share them."""


def compilations(programs: list[Any]) -> int:
    """How often some programs have been compiled in all."""
    return sum(program.compilations for program in programs)


class Compilation:
    """What must be compiled before some trials can advance.

    XLA compiles one program on one core, without Python's lock, so programs of several
    structures are compiled in threads.
    """

    def __init__(self) -> None:
        self._tasks: dict[Hashable, tuple[Callable[[], None], list[Slot]]] = {}

    def add(self, key: Hashable, task: Callable[[], None], slot: Slot) -> None:
        """Note what a trial needs.

        Args:
            key: names the task, which is run once however many trials need it.
            task: compiles something, or returns at once where that is done.
            slot: the trial.
        """
        self._tasks.setdefault(key, (task, []))[1].append(slot)

    def run(self) -> dict[int, BaseException]:
        """Compile all that was noted.

        Returns:
            What was raised, by the number of each trial whose program could not be compiled.
        """
        tasks, self._tasks = list(self._tasks.values()), {}
        slots = {id(slot): slot for _, waiting in tasks for slot in waiting}
        failed: dict[int, BaseException] = {}
        with Clock("compile", *slots.values()), ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            futures = [(pool.submit(task), waiting) for task, waiting in tasks]
        for future, waiting in futures:
            error = future.exception()
            if isinstance(error, Exception | SystemExit):
                failed.update({slot.trial.number: error for slot in waiting})
            elif error is not None:
                raise error
        return failed
