"""Some slots that one call of a compiled program trains together."""

import numpy as np

from benchmark.engine.batches import Steps, steps_of, together
from benchmark.engine.evaluation import Evaluation
from benchmark.engine.judging import JudgingProgram
from benchmark.engine.program import Tensors, TrainingProgram
from benchmark.engine.slots import Clock, Slot, sentence
from benchmark.engine.task import Array
from benchmark.trial import Report, Status


class Block:
    """The trials in the slots of one call of a program, whose rows they are.

    A trial that has ended rests in its slot until it is stopped: idle steps leave its
    row as it is. Within the epoch in which a trial diverges its non-finite numbers stay
    in its own row, and are judged at the end as the sequential engine judges them.

    Args:
        program: trains the trials of the structure.
        judging: judges them.
        evaluation: measures curvature, one trial at a time.
        rows: of the training part.
    """

    def __init__(
        self, program: TrainingProgram, judging: JudgingProgram, evaluation: Evaluation, rows: int
    ) -> None:
        self._program = program
        self._judging = judging
        self._evaluation = evaluation
        self._rows = rows
        self._weights, self._states = program.empty()
        self._slots: dict[int, Slot] = {}
        self._new: dict[int, tuple[list[Array], list[Array]]] = {}
        self._ended: set[int] = set()
        self._tests: dict[int, dict[str, float]] = {}

    @property
    def is_free(self) -> bool:
        """Whether one more trial has a place."""
        return len(self._slots) < self._program.slots

    def take(self, slot: Slot, weights: list[Array], state: list[Array]) -> None:
        """Put a trial into the first free slot.

        Args:
            slot: the trial.
            weights: those it starts from.
            state: the optimizer's variables before the first step.
        """
        place = next(i for i in range(self._program.slots) if i not in self._slots)
        self._slots[place] = slot
        self._new[place] = (weights, state)

    def free(self, slot: Slot, *, judge: bool) -> tuple[list[Array], dict[str, float]]:
        """Free the slot of a trial.

        Args:
            slot: the trial.
            judge: whether its weights and its metrics on the test part are wanted.

        Returns:
            The final weights and the test metrics, or nothing of both.
        """
        place = next(i for i, one in self._slots.items() if one is slot)
        weights: list[Array] = []
        test: dict[str, float] = {}
        if judge:
            self._load()
            weights = self._row(place)
            if place not in self._tests:
                self._test([place])
            test = self._tests[place]
        del self._slots[place]
        self._new.pop(place, None)
        self._tests.pop(place, None)
        self._ended.discard(place)
        return weights, test

    def advance(self) -> list[Report]:
        """Train one epoch; new trials report their starting point first."""
        reports: list[Report] = []
        new = sorted(self._new)
        self._load()
        if new:
            reports += self._judge(new, self._weights)
        running = [place for place in sorted(self._slots) if place not in self._ended]
        if running:
            before = self._weights
            self._train(running)
            reports += self._judge(running, before)
        return reports

    def fail(self, reason: str) -> list[Report]:
        """End all running trials, whose epoch could not be computed.

        Args:
            reason: a sentence.
        """
        running = [place for place in sorted(self._slots) if place not in self._ended]
        self._ended.update(running)
        return [self._slots[place].report({}, Status.FAILED, reason) for place in running]

    def _load(self) -> None:
        if self._new:
            with Clock("train", *(self._slots[place] for place in self._new)):
                self._weights, self._states = self._program.load(
                    self._weights, self._states, self._new
                )
            self._new = {}

    def _train(self, running: list[int]) -> None:
        slots = {place: self._slots[place] for place in running}
        size = self._program.size
        with Clock("train", *slots.values()):
            steps: dict[int, Steps] = {}
            for place, slot in slots.items():
                slot.epoch += 1
                steps[place] = steps_of(slot.trial, self._rows, slot.epoch, size)
            chunks = list(together(steps, self._program.slots, size, self._program.length))
            self._weights, self._states = self._program.train(self._weights, self._states, chunks)
        for place, slot in slots.items():
            slot.step += steps[place].updates
            slot.samples += steps[place].samples

    def _judge(self, places: list[int], before: Tensors) -> list[Report]:
        """Report on the trials in some places after an epoch, or at their start."""
        slots = [self._slots[place] for place in places]
        with Clock("evaluate", *slots):
            found = self._judging.evaluate(self._weights, before)
        reports = [self._report(place, found[place]) for place in places]
        ended = [p for p, report in zip(places, reports, strict=True) if report.status.is_final]
        self._ended.update(ended)
        usable = [p for p, report in zip(places, reports, strict=True) if report.status.is_usable]
        if usable:
            self._test(usable)
        return reports

    def _report(self, place: int, metrics: dict[str, float]) -> Report:
        slot = self._slots[place]
        status, reason = slot.judge(metrics)
        if not slot.needs_curvature(status):
            return slot.report(metrics, status, reason)
        try:
            with Clock("curvature", slot):
                found = self._evaluation.curvature(
                    self._row(place),
                    slot.trial.curvature,
                    slot.trial.random_seed("initial_weights"),
                )
        except Exception as error:  # a failed trial is a status, never the end of a study
            return slot.report({}, Status.FAILED, sentence(error))
        return slot.report(metrics, status, reason, found)

    def _test(self, places: list[int]) -> None:
        """Look at the test part once, for the trials that have come to their own end."""
        with Clock("evaluate", *(self._slots[place] for place in places)):
            found = self._judging.test(self._weights)
        self._tests.update({place: found[place] for place in places})

    def _row(self, place: int) -> list[Array]:
        return [np.asarray(stacked)[place].copy() for stacked in self._weights]
