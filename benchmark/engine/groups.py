"""The trials of each structure, the blocks that train them, and how many may run at once."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from benchmark import backend
from benchmark.engine.batches import layout_of, steps_of
from benchmark.engine.block import Block
from benchmark.engine.memory import Room, footprint
from benchmark.engine.program import TrainingProgram
from benchmark.engine.programs import (
    MOST_PROGRAMS,
    PROGRAMS,
    Compilation,
    ModelPrograms,
    compilations,
    shape_for_large,
)
from benchmark.engine.slots import Slot
from benchmark.engine.structure import optimizer_numbers
from benchmark.engine.task import starting_state, starting_weights
from benchmark.engine.tiles import Row, Shape, default_shape
from benchmark.models.foreign_building import own_training
from benchmark.optimizers import takes_objective
from benchmark.trial import Trial


class Group:
    """The trials of one structure: a program, and blocks of slots that it trains.

    Args:
        shared: what the structure shares with others of its model.
        program: trains it.
        block: the class of its blocks.
    """

    def __init__(
        self, shared: ModelPrograms, program: TrainingProgram, block: type[Block] = Block
    ) -> None:
        self._block = block
        self.shared = shared
        self.program = program
        self.blocks: list[Block] = []

    def warm_up(self, slot: Slot, compilation: Compilation) -> None:
        """Note what must be compiled before a trial can advance."""
        evaluation_program, evaluation = self.shared.evaluation_program, self.shared.evaluation
        compilation.add(id(self.program), self.program.warm_up, slot)
        compilation.add(id(evaluation_program), evaluation_program.warm_up, slot)
        request = slot.trial.curvature
        if request.epochs:
            key = (id(evaluation), request.samples, request.exact_limit)
            compilation.add(key, lambda: self.shared.warm_up_curvature(request), slot)
        if request.monitored_epochs:
            monitoring = self.shared.monitoring_program(slot.trial)
            compilation.add(id(monitoring), monitoring.warm_up, slot)

    def first_row(self, slot: Slot) -> Row:
        """The values that a trial starts from.

        Raises:
            ValueError: a hyperparameter is out of its range.
        """
        task, trial = self.shared.task, slot.trial
        steps_of(trial, self.shared.rows, 1, self.program.layout.size)  # refuses a batch size
        state = self.program.optimizer_state(optimizer_numbers(trial))
        return Row(slot, (starting_weights(task, trial), state, starting_state(task, trial)))

    def take(self, row: Row) -> Block:
        """Put a trial into the fullest block that has a place, or into a new one."""
        free = [block for block in self.blocks if block.free_slots]
        if not free:
            shared = self.shared
            free = [self._block(self.program, shared)]
            self.blocks += free
        block = min(free, key=lambda candidate: candidate.free_slots)
        block.take(row)
        return block

    def merge(self, block: Block) -> list[Row]:
        """Empty a block that is not computing, where all its trials find a place elsewhere.

        Returns:
            Its trials, to be taken again; none where it stays as it is.
        """
        elsewhere = sum(b.free_slots for b in self.blocks if b is not block)
        if not block.count or elsewhere < block.count:
            return []
        rows = block.leave()
        self.blocks.remove(block)  # or it would take them again
        return rows


class Groups:
    """The groups of an engine: made at the first trial of a structure, as memory allows.

    Args:
        capacity: how many trials run at once in all.
        shape: of each block.
        share: of the free memory, that slots may take.
        tell: is called with a sentence where the capacity is lowered.
        block: the class of the blocks.
    """

    def __init__(
        self,
        capacity: int,
        shape: Shape,
        share: float,
        tell: Callable[[str], None],
        block: type[Block] = Block,
    ) -> None:
        self._block = block
        self.capacity = capacity
        """As asked for, or as many as fit into memory."""
        self.shape = shape
        """Of the blocks of further groups."""
        self._room = Room(share)
        self._tell = tell
        self._groups: OrderedDict[int, Group] = OrderedDict()
        self._used: dict[int, tuple[Any, int]] = {}
        self._compiled = 0

    @property
    def compilations(self) -> int:
        """How often a program has been compiled for these groups so far."""
        now = compilations([program for program, _ in self._used.values()])
        return self._compiled + now - sum(before for _, before in self._used.values())

    def of_trial(self, trial: Trial) -> Group:
        """The group of a trial's structure, made at the first trial of it.

        Raises:
            AdaptationError: the steps of the optimizer's class cannot be compiled.
            NotImplementedError: mini-batches must have their own shapes, and random sizes; or the
                model's class has a training step of its own.
        """
        shared = PROGRAMS.model(trial, self.shape)
        method = own_training(shared.task.model)
        if method:
            raise NotImplementedError(
                f"{trial.model} has its own {method}, which only Keras's trainer calls."
            )
        exact = bool(shared.task.model.non_trainable_variables) or takes_objective(trial.optimizer)
        layout = layout_of(trial, shared.rows, large=shared.is_large, exact=exact)
        program = PROGRAMS.training(trial, shared, layout)
        key = id(program)
        if key not in self._groups:
            group = Group(shared, program, self._block)
            if self._fit(group, trial):
                return self.of_trial(trial)  # in blocks of another shape
            for part in (shared, program):
                self._used.setdefault(id(part), (part, part.compilations))
            self._groups[key] = group
        self._groups.move_to_end(key)
        self._forget_idle()
        return self._groups[key]

    def of_block(self, block: Block) -> Group | None:
        """The group that a block belongs to, unless it has left."""
        return next((group for group in self._groups.values() if block in group.blocks), None)

    def halve(self) -> None:
        """Halve the capacity, and forget all groups and programs, so that their memory is free."""
        self.capacity //= 2
        self._groups.clear()
        self._compiled, self._used = self.compilations, {}
        PROGRAMS.clear()
        self.shape = default_shape(self.capacity, self.shape.width)

    def _forget_idle(self) -> None:
        """Drop the groups that train nothing, from the one used longest ago, beyond a number.

        Else programs that ``PROGRAMS`` has dropped would live on here as long as the engine.
        """
        idle = [
            key
            for key, group in self._groups.items()
            if not any(block.count for block in group.blocks)
        ]
        excess = max(0, len(self._groups) - MOST_PROGRAMS)
        # The last is the one just asked for.
        for key in [key for key in idle if key != next(reversed(self._groups))][:excess]:
            del self._groups[key]
        groups = self._groups.values()
        held = {id(program) for group in groups for program in (group.shared, group.program)}
        for key in self._used.keys() - held:
            program, before = self._used.pop(key)
            self._compiled += program.compilations - before

    def _fit(self, group: Group, trial: Trial) -> bool:
        """Lower the capacity where its trials would not fit into memory.

        Returns:
            Whether blocks have another shape now.

        Raises:
            TooLargeError: not even one does.
        """
        if self._room.bytes is None:
            return False
        shared = group.shared
        need = footprint(group.program, shared.task.model, shared.rows, trial.curvature)
        shape_of = self._block_shape(shared.is_large)
        fitting = self._room.fitting(need, self.capacity, shape_of)
        if fitting >= self.capacity:
            return False
        total = need.total(fitting, shape_of(fitting), backend.computing_threads())
        self._tell(
            f"The capacity is lowered from {self.capacity} to {fitting}: "
            f"{'one trial takes' if fitting == 1 else f'{fitting} trials take'} about "
            f"{total / 1e6:.3g} MB, and {self._room.bytes / 1e6:.3g} MB of memory may be taken."
        )
        self.capacity = fitting
        shape, self.shape = self.shape, default_shape(fitting, self.shape.width)
        return self.shape != shape

    def _block_shape(self, is_large: bool) -> Callable[[int], Shape]:
        """The shape that blocks have where n trials run at once."""

        def shape_of(slots: int) -> Shape:
            shape = self.shape
            if slots < self.capacity:
                shape = default_shape(slots, shape.width)
            return shape_for_large(shape) if is_large else shape

        return shape_of
