"""The trials of one structure, and the blocks that train them."""

from benchmark.engine.block import Block
from benchmark.engine.plans import steps_of
from benchmark.engine.program import TrainingProgram
from benchmark.engine.programs import ModelPrograms
from benchmark.engine.rows import Row
from benchmark.engine.slots import Slot
from benchmark.engine.structure import optimizer_numbers
from benchmark.engine.task import starting_state, starting_weights
from benchmark.engine.warming import Warming


class Group:
    """The trials of one structure: a program, and blocks of slots that it trains.

    Args:
        shared: what the structure shares with others of its model.
        program: trains it.
    """

    def __init__(self, shared: ModelPrograms, program: TrainingProgram) -> None:
        self.shared = shared
        self.program = program
        self.blocks: list[Block] = []

    def warm_up(self, slot: Slot, warming: Warming) -> None:
        """Note what must be compiled before a trial can advance."""
        judging, evaluation = self.shared.judging, self.shared.evaluation
        warming.add(id(self.program), self.program.warm_up, slot)
        warming.add(id(judging), judging.warm_up, slot)
        request = slot.trial.curvature
        if request.epochs:
            key = (id(evaluation), request.samples, request.exact_limit)
            warming.add(key, lambda: evaluation.warm_up_curvature(request), slot)
        if request.tracked_epochs:
            tracking = self.shared.tracking(slot.trial)
            warming.add(id(tracking), tracking.warm_up, slot)

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
            free = [Block(self.program, shared)]
            self.blocks += free
        block = min(free, key=lambda one: one.free_slots)
        block.take(row)
        return block

    def merge(self, block: Block) -> list[Row]:
        """Empty a block that is not computing, where all its trials find a place elsewhere.

        Returns:
            Its trials, to be taken again; none where it stays as it is.
        """
        elsewhere = sum(other.free_slots for other in self.blocks if other is not block)
        if not block.count or elsewhere < block.count:
            return []
        rows = block.leave()
        self.blocks.remove(block)  # or it would take them again
        return rows
