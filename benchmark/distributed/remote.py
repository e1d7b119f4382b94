"""A worker as the driver sees it: its trials, and what waits for the next call."""

from dataclasses import dataclass, field, replace
from typing import Any

from benchmark.distributed.worker import Reply
from benchmark.engine.slots import Slot
from benchmark.trial import Report, Status, Trial, TrialResult


@dataclass(eq=False)
class Progress:
    """A trial on a worker.

    Args:
        slot: how far it is, by the reports that were handed out.
        seen: reports that were handed out.
        received: reports since the trial was last begun; fewer than ``seen`` while a trial
            whose worker died repeats what is known.
        deaths: workers that died under it since its last new report.
        result: how it ended, where it ended by itself.
    """

    slot: Slot
    seen: int = 0
    received: int = 0
    deaths: int = 0
    result: TrialResult | None = None

    def take(self, report: Report) -> bool:
        """Note a report; false where an earlier worker has given the same one."""
        self.received += 1
        if self.received <= self.seen:
            return False
        self.seen, self.deaths = self.received, 0
        slot = self.slot
        slot.epoch, slot.step, slot.samples = report.epoch, report.step, report.samples
        if report.status is Status.RUNNING:
            slot.metrics = dict(report.metrics)
        return True

    def fail(self, reason: str) -> Report:
        """End the trial, which no worker can train; returns its last report."""
        self.result = self.slot.result(Status.FAILED, reason)
        return self.slot.report({}, Status.FAILED, reason)


@dataclass(eq=False)
class Remote:
    """A worker, the trials that it has a slot for, and the call that is on its way.

    Args:
        index: its place among the workers.
        actor: Ray's handle.
        process: its identifier.
        trials: by number; one that has ended keeps its place until it is stopped.
        labels: of all trials it ever had, whose programs it has compiled.
        starts: trials to be begun with the next call.
        stops: trials to be ended with the next call.
        call: the reply to come, or nothing.
        sent: the trials that the reply is about.
    """

    index: int
    actor: Any
    process: int
    trials: dict[int, Progress] = field(default_factory=dict)
    labels: set[str] = field(default_factory=set)
    starts: list[Trial] = field(default_factory=list)
    stops: list[tuple[int, Status, str]] = field(default_factory=list)
    call: Any = None
    sent: dict[int, Progress] = field(default_factory=dict)

    def add(self, trial: Trial) -> None:
        """Give a trial a slot, from the next call on."""
        self.trials[trial.number] = Progress(Slot(trial))
        self.labels.add(trial.label)
        self.starts.append(trial)

    def remove(self, number: int, status: Status, reason: str) -> Progress:
        """Free the slot of a trial; the worker is told with the next call."""
        progress = self.trials.pop(number)
        waiting = [trial for trial in self.starts if trial.number != number]
        if len(waiting) < len(self.starts):
            self.starts = waiting
        elif progress.result is None:
            self.stops.append((number, status, reason))
        return progress

    def send(self) -> None:
        """Have the worker train, unless it is at it or has nothing to train."""
        running = {n: state for n, state in self.trials.items() if state.result is None}
        if self.call is not None or not running:
            return
        self.call = self.actor.exchange.remote(self.starts, self.stops)
        self.sent, self.starts, self.stops = running, [], []

    def take(self, reply: Reply) -> list[Report]:
        """Take note of a reply; returns the reports that are new."""
        sent, self.sent, self.call = self.sent, {}, None
        reports = []
        for report in reply.reports:
            progress = sent[report.trial_number]
            # Stopped, and perhaps begun again, while the call was on its way.
            if self.trials.get(report.trial_number) is progress and progress.take(report):
                reports.append(report)
        for number, seconds in reply.seconds.items():
            sent[number].slot.seconds = seconds
        for number, result in reply.results.items():
            # What Ray hands out are read-only views of memory that ends with the cluster.
            weights = tuple(array.copy() for array in result.weights)
            sent[number].result = replace(result, weights=weights)
        return reports

    def in_flight(self) -> list[Progress]:
        """The trials of the call on its way that nobody has stopped meanwhile."""
        return [sent for number, sent in self.sent.items() if self.trials.get(number) is sent]

    def replace_with(self, actor: Any, process: int) -> None:
        """Go on with another process, which begins all trials that have not ended anew."""
        self.actor, self.process = actor, process
        self.call, self.sent, self.stops = None, {}, []
        going = [trial for trial in self.trials.values() if trial.result is None]
        for progress in going:
            progress.received = 0
        self.starts = [progress.slot.trial for progress in going]
        self.labels = {start.label for start in self.starts}
