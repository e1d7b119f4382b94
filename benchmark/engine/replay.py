"""Known outcomes in the place of training: the same reports, in the same order, at no cost.

A trial whose outcome is known takes a slot and its turns like any other, so that a search that is
repeated with a larger budget meets the same events at the same instants, and asks the same of its
sampler and its pruner. Where such a trial now goes on beyond the epoch where it was stopped, it is
trained from its start at once.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

from benchmark.engine.block import Block
from benchmark.engine.outcomes import OneAtATime, Outcomes
from benchmark.engine.program import Tensors
from benchmark.engine.slots import Slot
from benchmark.trial import Report, Status, Trial, TrialResult


def next_report(slot: Slot) -> Report | None:
    """Let a slot stand as it stood after the epoch that it has reached.

    Args:
        slot: with an outcome.

    Returns:
        The report of that epoch; nothing where none is due.
    """
    assert slot.outcome is not None
    report = slot.outcome.report(slot.trial.number, slot.epoch)
    if report is None:
        return None
    slot.step, slot.samples = report.step, report.samples
    slot.counted = report.gradient_evaluations
    slot.learning_rate = report.metrics.get("learning_rate", math.nan)
    if report.status is not Status.DIVERGED:
        slot.metrics = {k: v for k, v in report.metrics.items() if k != "learning_rate"}
    return report


def is_used_up(slot: Slot) -> bool:
    """Whether a slot goes on where its outcome ends."""
    return slot.outcome is not None and slot.epoch >= slot.outcome.result.epochs


def known_result(slot: Slot, status: Status, reason: str) -> TrialResult:
    """Say how a trial ended whose outcome is known.

    Args:
        slot: with an outcome.
        status: how it ends now.
        reason: a sentence.
    """
    assert slot.outcome is not None
    known = slot.outcome.result
    if (status, slot.epoch) == (known.status, known.epochs):
        return replace(known, trial=slot.trial)
    share = slot.epoch / max(known.epochs, 1)
    slot.seconds = {clock: share * seconds for clock, seconds in known.seconds.items()}
    return slot.result(status, reason)


class ReplayingBlock(Block):
    """A block among whose trials are some with a known outcome."""

    def _advance(self) -> list[Report]:
        self._settle()
        for index in self._running():
            if is_used_up(self._slots[index]):
                self._catch_up(index)
        return super()._advance()

    def _train(self, running: list[int]) -> None:
        trained = [index for index in running if self._slots[index].outcome is None]
        if trained:
            super()._train(trained)
        for index in set(running).difference(trained):
            self._slots[index].epoch += 1

    def _evaluate(self, indices: Sequence[int], before: Tensors) -> list[Report]:
        trained = [index for index in indices if self._slots[index].outcome is None]
        reports = super()._evaluate(trained, before) if trained else []
        for index in set(indices).difference(trained):
            report = next_report(self._slots[index])
            assert report is not None, "an epoch at which a trial is evaluated was reported"
            if report.status.is_final:
                self._over.add(index)
            reports.append(report)
        return reports

    def _catch_up(self, index: int) -> None:
        """Train a trial from its start to the epoch that it has reached."""
        slot = self._slots[index]
        epoch = slot.epoch
        vars(slot).update(vars(Slot(slot.trial)))
        self._evaluate([index], self._evaluated())
        while slot.epoch < epoch:
            before = self._evaluated()
            self._train([index])
            if slot.needs_evaluation():
                self._evaluate([index], before)


class ReplayingEngine:
    """A sequential engine that trains only trials without a known outcome.

    Args:
        engine: trains the others.
        outcomes: what is known.
    """

    capacity = 1

    def __init__(self, engine: OneAtATime, outcomes: Outcomes) -> None:
        self._engine = engine
        self._outcomes = outcomes
        self._slot: Slot | None = None

    def start(self, trial: Trial) -> None:
        """Take a trial into the only slot."""
        outcome = self._outcomes.of(trial)
        if outcome is None:
            self._engine.start(trial)
        else:
            self._slot = Slot(trial, outcome=outcome)

    def advance(self) -> list[Report]:
        """Train one epoch, or say again what came of it."""
        slot = self._slot
        if slot is None:
            return self._engine.advance()
        if is_used_up(slot):
            self._slot = None
            self._engine.start(slot.trial)
            for _ in range(slot.epoch):
                self._engine.advance()
            return self._engine.advance()
        reports = [next_report(slot)] if slot.epoch == 0 else []
        if not any(report and report.status.is_final for report in reports):
            slot.epoch += 1
            reports.append(next_report(slot))
        return [report for report in reports if report is not None]

    def stop(self, number: int, status: Status, reason: str) -> TrialResult:
        """Free the slot.

        Raises:
            KeyError: the trial is not running here.
        """
        slot = self._slot
        if slot is None or slot.trial.number != number:
            return self._engine.stop(number, status, reason)
        self._slot = None
        return known_result(slot, status, reason)

    def close(self) -> None:
        """End the engine that trains."""
        self._engine.close()
