"""The vectorized engine: many trials advance together, compiled once for a structure."""

from functools import partial
from typing import Any

from benchmark.engine.batches import micro_batch_size, sampling_of, steps_of
from benchmark.engine.block import Block
from benchmark.engine.evaluation import Evaluation
from benchmark.engine.judging import JudgingProgram
from benchmark.engine.program import TrainingProgram
from benchmark.engine.slots import Clock, Slot, clipping_of, model_key, optimizer_numbers, sentence
from benchmark.engine.task import Task, build_task, starting_weights
from benchmark.engine.warming import Warming
from benchmark.trial import Report, Status, Trial, TrialResult

BLOCK_SLOTS = 8


class ModelPrograms:
    """What all structures of one model and one set of data share.

    Args:
        task: model, loss and data.
        slots: of each block.
    """

    def __init__(self, task: Task, slots: int) -> None:
        self.task = task
        self.judging = JudgingProgram(task, slots)
        self.evaluation = Evaluation(task)
        self.rows = len(task.parts["train"].x)


class Group:
    """The trials of one structure: a program, and blocks of slots that it trains.

    Args:
        shared: what the structure shares with others of its model.
        trial: any of the structure.
        slots: of each block.
    """

    def __init__(self, shared: ModelPrograms, trial: Trial, slots: int) -> None:
        self.shared = shared
        self.blocks: list[Block] = []
        size = micro_batch_size(trial, shared.rows)
        self.program = TrainingProgram(
            shared.task, trial.optimizer, clipping_of(trial), slots, size
        )

    def warm_up(self, slot: Slot, warming: Warming) -> None:
        """Note what must be compiled before a trial can advance."""
        judging, evaluation = self.shared.judging, self.shared.evaluation
        warming.add(id(self.program), self.program.warm_up, slot)
        warming.add(id(judging), judging.warm_up, slot)
        request = slot.trial.curvature
        if request.epochs:
            task = partial(evaluation.warm_up_curvature, request)
            warming.add((id(evaluation), request.samples, request.exact_limit), task, slot)

    def take(self, slot: Slot) -> Block:
        """Put a trial into the first free slot; a block is added where all are taken."""
        shared, trial = self.shared, slot.trial
        steps_of(trial, shared.rows, 1, self.program.size)  # refuses a batch size out of range
        start = starting_weights(shared.task, trial)
        state = self.program.optimizer_state(optimizer_numbers(trial))
        free = (block for block in self.blocks if block.is_free)
        block = next(free, None)
        if block is None:
            block = Block(self.program, shared.judging, shared.evaluation, shared.rows)
            self.blocks.append(block)
        block.take(slot, start, state)
        return block


class VectorizedEngine:
    """Trains many trials at once, an epoch of all of them in a few compiled calls.

    Trials of one structure (optimizer class, kind of clipping, model, loss, data) share a
    program that is compiled once, for ``block`` slots; see
    :class:`~benchmark.engine.program.TrainingProgram`. A structure gets as many blocks as its
    running trials need, so ``capacity`` is divided between the structures as the trials
    come, and an empty block costs nothing. A trial that has ended frees its slot for any
    other of its structure, without compiling.

    Since the program's shape depends on ``block`` alone, a trial's result is bitwise the
    same at any capacity, in any slot, beside any neighbours. It equals that of the
    :class:`~benchmark.engine.sequential.SequentialEngine` but for the rounding of sums.

    Seconds of a trial are its share of the time of the calls that trained it.

    Args:
        capacity: how many trials run at once, ≥ 1.
        block: slots of a program, ≥ 1; part of the arithmetic, see above.

    Raises:
        ValueError: a size is below 1.
    """

    def __init__(self, capacity: int, block: int = BLOCK_SLOTS) -> None:
        for name, value in (("capacity", capacity), ("block", block)):
            if value < 1:
                raise ValueError(f"{name} must be >= 1. Received {value}.")
        self.capacity = capacity
        self._block = block
        self._groups: dict[Any, Group] = {}
        self._models: dict[Any, ModelPrograms] = {}
        self._running: dict[int, tuple[Slot, Block | None]] = {}
        self._errors: dict[int, str] = {}
        self._warming = Warming()

    @property
    def compilations(self) -> int:
        """How often a program has been compiled so far."""
        training = sum(group.program.compilations for group in self._groups.values())
        return training + sum(one.judging.compilations for one in self._models.values())

    def start(self, trial: Trial) -> None:
        """Put a trial into a free slot; what fails here is reported by ``advance``.

        Raises:
            RuntimeError: all slots are taken, or the trial is running.
        """
        if len(self._running) >= self.capacity or trial.number in self._running:
            raise RuntimeError(
                f"a slot must be free and the trial not be running. Received trial "
                f"{trial.number} while {len(self._running)} of {self.capacity} slots are taken. "
                "Stop a trial first."
            )
        slot = Slot(trial)
        block = None
        try:
            with Clock("compile", slot):
                group = self._group(trial)
                block = group.take(slot)
            group.warm_up(slot, self._warming)
        except Exception as error:  # a failed trial is a status, never the end of a study
            self._errors[trial.number] = sentence(error)
        self._running[trial.number] = (slot, block)

    def advance(self) -> list[Report]:
        """Train one epoch of every running trial; a new one also reports its start as epoch 0.

        Returns:
            The reports in the order of the trials' numbers.
        """
        self._compile()
        reports = [
            self._running[number][0].report({}, Status.FAILED, reason)
            for number, reason in self._errors.items()
        ]
        for group in self._groups.values():
            for block in group.blocks:
                reports += _advance(block)
        # Not the order of the slots, which depends on what ran before.
        return sorted(reports, key=lambda report: report.trial_number)

    def stop(self, number: int, status: Status, reason: str) -> TrialResult:
        """Free the slot; a usable trial is judged on the test part, once.

        Raises:
            KeyError: the trial is not running here.
        """
        if number not in self._running:
            raise KeyError(f"a stopped trial must be running. Received {number}.")
        slot, block = self._running.pop(number)
        self._errors.pop(number, None)
        if block is None:
            return slot.result(status, reason)
        weights, test = block.free(slot, judge=status.is_usable)
        return slot.result(status, reason, weights, test)

    def _compile(self) -> None:
        for number, reason in self._warming.run().items():
            slot, block = self._running.get(number, (None, None))
            if slot is not None and block is not None:
                block.free(slot, judge=False)
                self._running[number] = (slot, None)
                self._errors[number] = reason

    def _group(self, trial: Trial) -> Group:
        """The group of a trial's structure, compiled at the first trial of it."""
        is_full_batch = sampling_of(trial) == "full_batch"
        key = (*model_key(trial), trial.optimizer, tuple(clipping_of(trial)), is_full_batch)
        if key not in self._groups:
            self._groups[key] = Group(self._model(trial), trial, self._block)
        return self._groups[key]

    def _model(self, trial: Trial) -> ModelPrograms:
        key = model_key(trial)
        if key not in self._models:
            self._models[key] = ModelPrograms(build_task(trial), self._block)
        return self._models[key]


def _advance(block: Block) -> list[Report]:
    try:
        return block.advance()
    except Exception as error:  # out of memory, for instance: the study goes on
        return block.fail(sentence(error))
