"""Some slots that one call of a compiled program trains together."""

from collections.abc import Sequence

import numpy as np

from benchmark import backend
from benchmark.engine.batches import Steps, steps_of, updates_of
from benchmark.engine.monitoring import rows_seed
from benchmark.engine.program import Tensors, TrainingProgram
from benchmark.engine.programs import ModelPrograms
from benchmark.engine.rates import rates as rates_of
from benchmark.engine.regularization import regularization_of
from benchmark.engine.slots import Clock, Slot
from benchmark.engine.surroundings import step_rule
from benchmark.engine.task import Array
from benchmark.engine.tiles import Row, SlotEpochs, StackedRows
from benchmark.errors import failure_reason
from benchmark.trial import Report, Status


class Block:
    """The trials in the slots of one call of a program, whose rows they are.

    One thread runs :meth:`advance`; another may meanwhile call :meth:`take`, and nothing
    else. Who was taken comes in with :meth:`admit`, so that what an epoch trains does not
    depend on how fast the threads are.

    A trial that has ended rests in its slot until it is stopped. Within the epoch in which
    a trial diverges its non-finite numbers stay in its own row, and are evaluated at the end
    as the sequential engine evaluates them.

    Args:
        program: trains the trials of the structure.
        shared: evaluates them, follows their curvature, and diagnoses it one trial at a time.
    """

    def __init__(self, program: TrainingProgram, shared: ModelPrograms) -> None:
        self._program = program
        self._shared = shared
        self._evaluation_program = shared.evaluation_program
        self._rows = shared.rows
        self._shape = program.shape
        self._stacked = StackedRows.repeated(self._shape, program.values)
        self._slots: dict[int, Slot] = {}
        self._waiting: list[Row] = []
        self._admitted: list[Row] = []
        self._count = 0
        self._over: set[int] = set()
        self._ended: dict[int, tuple[list[Array], dict[str, float]]] = {}
        self.slot_epochs = SlotEpochs()
        """What was computed so far."""

    @property
    def count(self) -> int:
        """How many trials are here."""
        return self._count

    @property
    def free_slots(self) -> int:
        """For how many more there is a place."""
        return self._shape.slots - self._count

    def take(self, row: Row) -> None:
        """Give a trial a slot; it is trained once it is admitted."""
        self._waiting.append(row)
        self._count += 1

    def admit(self) -> None:
        """Let those in who were taken."""
        self._admitted += self._waiting
        self._waiting = []

    def free(self, slot: Slot, *, evaluate: bool) -> tuple[list[Array], dict[str, float]]:
        """Free the slot of a trial.

        Args:
            slot: the trial.
            evaluate: whether its weights and its metrics on the test part are wanted.

        Returns:
            The final weights and the test metrics, or nothing of both.
        """
        self._count -= 1
        for rows in (self._waiting, self._admitted):
            for row in rows:
                if row.slot is slot:
                    rows.remove(row)
                    return [], {}
        index = next(index for index, taken in self._slots.items() if taken is slot)
        if evaluate and index not in self._ended:
            self._end([index])
        ended = self._ended.pop(index, None)
        self._over.discard(index)
        del self._slots[index]
        return ended if evaluate and ended else ([], {})

    def leave(self) -> list[Row]:
        """Let all trials go that have not ended; returns them with their rows."""
        running = self._running()
        rows = [Row(self._slots[index], self._stacked.values(index)) for index in running]
        rows += [*self._admitted, *self._waiting]
        for index in running:
            del self._slots[index]
        self._waiting, self._admitted, self._count = [], [], len(self._slots)
        return rows

    def advance(self) -> list[Report]:
        """Train one epoch; new trials report their starting point first.

        Where anything raises, all is as it was before: an epoch may be tried again.
        """
        before = (self._stacked, self._slots, self._admitted, set(self._over), dict(self._ended))
        trials = [*self._slots.values(), *(row.slot for row in self._admitted)]
        states_of_slots = [(slot, dict(vars(slot))) for slot in trials]
        try:
            return self._advance()
        except BaseException:
            self._stacked, self._slots, self._admitted, self._over, self._ended = before
            for slot, values in states_of_slots:
                vars(slot).update(values)
            raise

    def _advance(self) -> list[Report]:
        self._settle()
        new = [index for index in self._running() if self._slots[index].epoch == 0]
        reports = self._evaluate(new, self._evaluated()) if new else []
        running = self._running()
        if running:
            before = self._evaluated()
            self._train(running)
            evaluated = [index for index in running if self._slots[index].needs_evaluation()]
            reports += self._evaluate(evaluated, before) if evaluated else []
        return sorted(reports, key=lambda report: (report.trial_number, report.epoch))

    def fail(self, reason: str) -> list[Report]:
        """End all running trials, whose epoch could not be computed.

        Args:
            reason: a sentence.
        """
        running = self._running()
        self._over.update(running)
        slots = [self._slots[index] for index in running]
        slots += [row.slot for row in self._admitted]
        return [slot.report({}, Status.FAILED, reason) for slot in slots]

    def _running(self) -> list[int]:
        return [index for index in sorted(self._slots) if index not in self._over]

    def _settle(self) -> None:
        """Put the admitted into slots, and all into as few tiles as there can be.

        Trials with as many updates an epoch come together, for a tile takes as long as the
        longest of its epochs.
        """
        shape, arriving = self._shape, self._admitted
        needed = shape.tiles_of(len(self._slots) + len(arriving))
        if not arriving and needed == self._tiles():
            return
        sources: list[int | Row] = [*sorted(self._slots), *arriving]
        sources.sort(key=lambda source: -self._updates(source))
        with Clock("train", *(row.slot for row in arriving)):
            self._stacked = self._stacked.arranged(sources)
        moves = {source: index for index, source in enumerate(sources) if isinstance(source, int)}
        self._slots = {
            index: source.slot if isinstance(source, Row) else self._slots[source]
            for index, source in enumerate(sources)
        }
        self._over = {moves[index] for index in self._over}
        self._ended = {moves[index]: ended for index, ended in self._ended.items()}
        self._admitted = []

    def _updates(self, source: "int | Row") -> int:
        slot = source.slot if isinstance(source, Row) else self._slots[source]
        return updates_of(slot.trial, self._rows)

    def _train(self, running: list[int]) -> None:
        slots = {index: self._slots[index] for index in running}
        layout, tiles = self._program.layout, self._tiles()
        with Clock("train", *slots.values()):
            steps: dict[int, Steps] = {}
            rates: dict[int, Array] = {}
            for index, slot in slots.items():
                epoch = steps_of(slot.trial, self._rows, slot.epoch + 1, layout.size)
                steps[index] = epoch
                rates[index] = rates_of(slot, self._rows, slot.step, epoch.updates)
            rounds = self._program.rounds(steps, rates)
            trained = self._program.train(self._stacked.parts, tiles, rounds)
            backend.wait_for(trained)  # or the clock of evaluating would show it
        self._stacked = StackedRows(self._shape, *trained)
        for index, slot in slots.items():
            slot.epoch += 1
            slot.step += steps[index].updates
            slot.samples += steps[index].samples
            slot.learning_rate = float(rates[index][-1])
            slot.counted = self._counted(index)
        self.slot_epochs += SlotEpochs(len(running), tiles * self._shape.width)

    def _counted(self, row: int) -> int | None:
        """The evaluations of the objective, where the optimizer counts them."""
        index = self._program.count_index
        if index is None:
            return None
        return int(np.asarray(self._stacked.states[index])[self._shape.place(row)])

    def _evaluate(self, indices: Sequence[int], before: Tensors) -> list[Report]:
        """Report on the trials in some places after an epoch, or at their start."""
        slots = [self._slots[index] for index in indices]
        with Clock("evaluate", *slots):
            weights, states = self._evaluated(), self._stacked.model_states
            metrics = self._evaluation_program.evaluate(weights, states, before, indices)
            due = [p for p in indices if self._slots[p].needs_gradient_norm(metrics[p])]
            if due:
                norms = self._evaluation_program.gradient_norms(weights, states, due)
                for index, norm in norms.items():
                    metrics[index]["gradient_norm"] = norm
        verdicts = {index: self._slots[index].evaluate(metrics[index]) for index in indices}
        monitored = self._monitor(
            [p for p in indices if self._slots[p].needs_monitoring(verdicts[p][0])]
        )
        reports = {
            index: self._report(
                index, metrics[index], *verdicts[index], monitored.get(index, {}), before
            )
            for index in indices
        }
        self._over.update(index for index, report in reports.items() if report.status.is_final)
        self._end([index for index, report in reports.items() if report.status.is_usable])
        return list(reports.values())

    def _monitor(self, indices: Sequence[int]) -> dict[int, dict[str, float]]:
        """Follow the curvature of the trials in some places, side by side."""
        if not indices:
            return {}
        slots = [self._slots[index] for index in indices]
        with Clock("curvature", *slots):
            evaluated, states = (
                [np.asarray(tensor) for tensor in stacked]
                for stacked in (self._evaluated(), self._stacked.model_states)
            )
            at = [self._shape.place(index) for index in indices]
            rows = [([array[p] for array in evaluated], [array[p] for array in states]) for p in at]
            quantities = self._shared.follow(slots, rows)
        return dict(zip(indices, quantities, strict=True))

    def _report(
        self,
        index: int,
        metrics: dict[str, float],
        status: Status,
        reason: str,
        monitored: dict[str, float],
        before: Tensors,
    ) -> Report:
        slot = self._slots[index]
        if not slot.needs_curvature(status):
            return slot.report(metrics, status, reason, monitored=monitored)
        try:
            with Clock("curvature", slot):
                weights, states = self._evaluated_row(index)
                memory = self._program.memory(self._shape.row(self._stacked.states, index))
                curvature = self._shared.evaluation.curvature(
                    weights,
                    slot.trial.curvature,
                    slot.trial.random_seed("initial_weights"),
                    state=states,
                    rule=step_rule(slot, memory),
                    before=self._shape.row(before, index) if slot.epoch else None,
                    regularization=regularization_of(slot.trial),
                    rows_seed=rows_seed(slot.trial),
                )
        except (
            Exception,
            SystemExit,
        ) as error:  # a failed trial is a status, never the end of a study
            return slot.report({}, Status.FAILED, failure_reason(error))
        return slot.report(metrics, status, reason, curvature, monitored)

    def _end(self, indices: Sequence[int]) -> None:
        """Keep the weights of trials that came to their own end, and look at the test part."""
        if not indices:
            return
        with Clock("evaluate", *(self._slots[index] for index in indices)):
            metrics = self._evaluation_program.test(
                self._evaluated(), self._stacked.model_states, indices
            )
        for index in indices:
            weights, states = self._evaluated_row(index)
            final = [*weights, *(state for state in states if state.dtype.kind == "f")]
            self._ended[index] = (final, metrics[index])

    def _evaluated(self) -> Tensors:
        """The weights at which the trials are evaluated, after the last epoch."""
        return self._program.evaluation_weights(self._stacked.parts)

    def _evaluated_row(self, index: int) -> tuple[list[Array], list[Array]]:
        """The same of the trial in a place, and what its model keeps besides."""
        evaluated, states = self._evaluated(), self._stacked.model_states
        return self._shape.row(evaluated, index), self._shape.row(states, index)

    def _tiles(self) -> int:
        """How many tiles from the first have a trial."""
        return self._shape.tiles_of(max(self._slots, default=-1) + 1)
