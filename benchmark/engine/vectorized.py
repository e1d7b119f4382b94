"""The vectorized engine: many trials advance together, compiled once for a structure."""

from collections import deque
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from benchmark import backend
from benchmark.engine.block import Block
from benchmark.engine.groups import Group, Groups
from benchmark.engine.memory import SHARE, TooLargeError, is_out_of_memory
from benchmark.engine.outcomes import Outcomes
from benchmark.engine.programs import Compilation
from benchmark.engine.replay import ReplayingBlock, ReplayingEngine, known_result
from benchmark.engine.sequential import SequentialEngine, SequentialFallback
from benchmark.engine.slots import Clock, Slot
from benchmark.engine.structure import model_key, structure_of
from benchmark.engine.tiles import Row, Shape, SlotEpochs, default_shape
from benchmark.errors import failure_reason
from benchmark.models.foreign import is_foreign_model
from benchmark.optimizers import AdaptationError
from benchmark.trial import Report, Status, Trial, TrialResult

Executor = Block | SequentialFallback
"""Where a trial is trained."""
ALONE = "Such trials are trained one after the other."


@dataclass(slots=True, eq=False)
class PendingEpoch:
    """An epoch that a thread computes, or has computed.

    Args:
        executor: whose.
        reports: what it will return.
        stopped: the trials that were stopped meanwhile, whose reports nobody wants.
    """

    executor: Executor
    reports: Future[list[Report]]
    stopped: set[int] = field(default_factory=set)

    def wanted(self) -> list[Report]:
        """Wait for the reports; raises what the computation raised."""
        return [
            report for report in self.reports.result() if report.trial_number not in self.stopped
        ]


class VectorizedEngine:
    """Trains many trials at once, an epoch of a block of them in one compiled call.

    Trials of one structure (optimizer class, kind of clipping, model, loss, data, layout of
    mini-batches) share a program that is compiled once in a process; see
    :class:`~benchmark.engine.program.TrainingProgram`. A structure gets as many blocks as its
    running trials need, so ``capacity`` is divided between the structures as the trials
    come, and empty tiles cost nothing. A trial that has ended frees its slot for any other
    of its structure, without compiling.

    Threads compute the blocks, one on each core. :meth:`advance` returns the reports of one of
    them, and while the caller looks at these the threads compute the next: asking, recording
    and writing take no time from training. The blocks take turns in a fixed order, so that
    reports come in the same order in every run.

    A trial's result is bitwise the same in any slot, beside any neighbours, for any number
    of them (on a graphics card at one capacity, on which the width of tiles depends there). It
    equals that of the :class:`~benchmark.engine.sequential.SequentialEngine` but
    for the rounding of sums. What cannot be trained side by side goes through that engine,
    and ``notify`` is told.

    Seconds of a trial are its share of the time of the calls that trained it.

    Args:
        capacity: how many trials run at once, ≥ 1. It is lowered, and ``notify`` told, where
            they would not fit into memory.
        shape: of each block; by default what suits the capacity and the device.
        notify: is called with a sentence that the user should read.
        memory: the share of the free memory that slots may take.
        outcomes: of trials that are known already and take their turns without being trained.

    Raises:
        ValueError: the capacity is below 1.
    """

    def __init__(
        self,
        capacity: int,
        shape: Shape | None = None,
        notify: Callable[[str], None] = lambda _: None,
        memory: float = SHARE,
        outcomes: Outcomes | None = None,
    ) -> None:
        if capacity < 1:
            raise ValueError(f"capacity must be >= 1. Received {capacity}.")
        self._asked = capacity
        self._notify = notify
        self._memory = memory
        self._told: set[str] = set()
        self._outcomes = outcomes or Outcomes()
        block = ReplayingBlock if self._outcomes else Block
        shape = shape or default_shape(capacity)
        self._groups = Groups(capacity, shape, memory, self._tell, block)
        self._fallback: SequentialFallback | None = None
        self._executors: list[Executor] = []
        self._running: dict[int, tuple[Slot, Executor | None]] = {}
        self._parked: deque[Row] = deque()
        self._errors: dict[int, str] = {}
        self._alone: set[Hashable] = set()
        self._compilation = Compilation()
        self._slot_epochs = SlotEpochs()
        self._pool = ThreadPoolExecutor(backend.computing_threads(), "training")
        self._computing: deque[PendingEpoch] = deque()

    @property
    def capacity(self) -> int:
        """How many trials run at once."""
        return self._groups.capacity

    @property
    def compilations(self) -> int:
        """How often a program has been compiled for this engine so far."""
        return self._groups.compilations

    @property
    def slot_epochs(self) -> tuple[int, int]:
        """Epochs of slots so far: those that trained a trial, and all that were computed."""
        counted = self._counted()
        return counted.used, counted.computed

    def start(self, trial: Trial) -> None:
        """Put a trial into a free slot; what fails here is reported by ``advance``.

        Raises:
            RuntimeError: all slots are taken, or the trial is running.
            TooLargeError: not even this trial alone fits into memory.
        """
        # Who asked before the capacity was lowered waits for a place.
        if len(self._running) >= self._asked or trial.number in self._running:
            raise RuntimeError(
                f"a slot must be free and the trial not be running. Received trial "
                f"{trial.number} while {len(self._running)} of {self._asked} slots are taken. "
                "Stop a trial first."
            )
        slot = Slot(trial, outcome=self._outcomes.of(trial))
        self._running[trial.number] = (slot, None)
        try:
            with Clock("compile", slot):
                self._place(slot)
        except TooLargeError:  # known before anything is trained: for the caller to refuse
            del self._running[trial.number]
            raise
        except (
            Exception,
            SystemExit,
        ) as error:  # a failed trial is a status, never the end of a study
            self._errors[trial.number] = failure_reason(error)

    def advance(self) -> list[Report]:
        """Train one epoch of some running trials; a new one also reports its start as epoch 0.

        Returns:
            The reports of one block, in the order of the trials' numbers. Each running trial
            gets its turn.

        Raises:
            TooLargeError: a trial of the sequential engine does not fit into memory.
        """
        try:
            self._unpark()
            self._compile()
            self._compute()
        except (Exception, SystemExit) as error:
            if not is_out_of_memory(error) or self.capacity == 1:
                raise
            return self._shrink()
        if self._errors:
            errors, self._errors = sorted(self._errors.items()), {}
            return [
                self._running[number][0].report({}, Status.FAILED, reason)
                for number, reason in errors
            ]
        if not self._computing:
            return []
        pending = self._computing.popleft()
        try:
            return pending.wanted()
        except TooLargeError:  # of a trial that the sequential engine was to train
            raise
        except (Exception, SystemExit) as error:
            if is_out_of_memory(error) and self.capacity > 1:
                return self._shrink()
            assert isinstance(pending.executor, Block), "the sequential engine reports its failures"
            return pending.executor.fail(failure_reason(error))

    def stop(self, number: int, status: Status, reason: str) -> TrialResult:
        """Free the slot; a usable trial is evaluated on the test part, once.

        Raises:
            KeyError: the trial is not running here.
        """
        if number not in self._running:
            raise KeyError(f"a stopped trial must be running. Received {number}.")
        slot, executor = self._running.pop(number)
        self._errors.pop(number, None)
        for pending in self._computing:
            if pending.executor is executor:
                pending.reports.exception()  # waits: a block is not touched while it is computed
                pending.stopped.add(number)
        if isinstance(executor, SequentialFallback):
            return executor.stop(slot.trial, status, reason)
        if executor is None:
            self._parked = deque(row for row in self._parked if row.slot is not slot)
            return slot.result(status, reason)
        if slot.outcome is not None:
            executor.free(slot, evaluate=False)
            return known_result(slot, status, reason)
        weights, test = executor.free(slot, evaluate=status.is_usable)
        return slot.result(status, reason, weights, test)

    def seconds(self, number: int) -> dict[str, float]:
        """The clocks of a running trial so far."""
        return dict(self._running[number][0].seconds)

    def close(self) -> None:
        """End the computing threads; nothing can be trained afterwards."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    # Where a trial goes.

    def _place(self, slot: Slot) -> None:
        """Give a trial its place, and note what must be compiled for it."""
        trial = slot.trial
        if (model_key(trial), structure_of(trial)) in self._alone:
            self._fall_back(slot)
            return
        try:
            group = self._groups.of_trial(trial)
            row = group.first_row(slot)
        except (NotImplementedError, AdaptationError) as error:
            self._tell(f"{error} {ALONE}")
            self._fall_back(slot)
            return
        if self._placed >= self.capacity:
            self._parked.append(row)
            return
        group.warm_up(slot, self._compilation)
        self._take(group, row)

    def _fall_back(self, slot: Slot) -> None:
        """Hand a trial to the sequential engine."""
        if self._fallback is None:
            engine = ReplayingEngine(SequentialEngine(self._memory), self._outcomes)
            self._fallback = SequentialFallback(engine)
            self._executors.append(self._fallback)
        self._fallback.take(slot.trial)
        self._running[slot.trial.number] = (slot, self._fallback)

    def _unpark(self) -> None:
        """Give places to trials that wait for one since memory was short."""
        while self._parked and self._placed < self.capacity:
            row = self._parked[0]
            try:
                group = self._groups.of_trial(row.slot.trial)
                group.warm_up(row.slot, self._compilation)
                self._take(group, row)
            except (Exception, SystemExit) as error:
                if is_out_of_memory(error) and self.capacity > 1:
                    raise
                self._errors[row.slot.trial.number] = failure_reason(error)
            self._parked.popleft()

    def _take(self, group: Group, row: Row) -> None:
        block = group.take(row)
        if block not in self._executors:
            self._executors.append(block)
        self._running[row.slot.trial.number] = (row.slot, block)

    # Computing.

    def _compile(self) -> None:
        failed = self._compilation.run()
        for error in failed.values():
            if is_out_of_memory(error) and self.capacity > 1:
                raise error
        for number, error in failed.items():
            slot, executor = self._running.get(number, (None, None))
            if slot is not None and isinstance(executor, Block):
                executor.free(slot, evaluate=False)
                self._running[number] = (slot, None)
                if is_foreign_model(slot.trial.model):
                    self._train_alone(slot, failure_reason(error))
                else:
                    self._errors[number] = failure_reason(error)

    def _train_alone(self, slot: Slot, reason: str) -> None:
        """Train the trials of a user's model that cannot be mapped by the sequential engine."""
        trial = slot.trial
        self._alone.add((model_key(trial), structure_of(trial)))
        self._tell(
            f"{trial.model} cannot be compiled for many trials at once: {reason.rstrip('.')}. "
            f"{ALONE}"
        )
        self._fall_back(slot)

    def _compute(self) -> None:
        """Hand every block that has trials and is not computing yet to the threads."""
        computing = {id(pending.executor) for pending in self._computing}
        for executor in [executor for executor in self._executors if id(executor) not in computing]:
            if isinstance(executor, Block):
                self._merge(executor)
                if not executor.count:
                    self._leave(executor)
            if executor.count:
                executor.admit()
                self._computing.append(PendingEpoch(executor, self._pool.submit(executor.advance)))

    @property
    def _placed(self) -> int:
        return sum(executor is not None for _, executor in self._running.values())

    def _merge(self, block: Block) -> None:
        """Let the trials of a block go on in others of its structure, where all have room."""
        group = self._groups.of_block(block)
        if group:
            for row in group.merge(block):
                self._take(group, row)

    def _leave(self, block: Block) -> None:
        """Drop an empty block, so that its memory is free."""
        self._slot_epochs += block.slot_epochs
        self._executors.remove(block)
        group = self._groups.of_block(block)
        if group:
            group.blocks.remove(block)

    def _shrink(self) -> list[Report]:
        """Halve the capacity, and let the trials go on from where they were.

        Returns:
            The reports of blocks that were computed.
        """
        reports: list[Report] = []
        for pending in self._computing:
            if pending.reports.exception() is None:
                reports += pending.wanted()
        self._computing.clear()
        self._groups.halve()
        self._tell(
            f"Memory is exhausted: the capacity is lowered to {self.capacity}. "
            "Trials go on from their last epoch."
        )
        blocks = [executor for executor in self._executors if isinstance(executor, Block)]
        self._slot_epochs = self._counted()
        rows = [row for block in blocks for row in block.leave()]
        self._executors = [
            executor for executor in self._executors if isinstance(executor, SequentialFallback)
        ]
        for row in sorted(rows, key=lambda row: row.slot.trial.number):
            self._running[row.slot.trial.number] = (row.slot, None)
            self._parked.append(row)
        return sorted(reports, key=lambda report: (report.trial_number, report.epoch))

    def _counted(self) -> SlotEpochs:
        blocks = (executor for executor in self._executors if isinstance(executor, Block))
        return sum((block.slot_epochs for block in blocks), start=self._slot_epochs)

    def _tell(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            self._notify(text)
