"""Runs of trials that are still trained, so that people can follow a long one."""

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from benchmark.tracking.batches import send_points, send_tags
from benchmark.tracking.child import ChildRun, Point, running_child
from benchmark.trial import Report, Trial

if TYPE_CHECKING:
    from mlflow import MlflowClient


@dataclass(slots=True)
class _Sent:
    """A run in the store, how many reports it has, and which values."""

    run_id: str
    reports: int = 0
    values: set[tuple[str, int]] = field(default_factory=set)

    def missing(self, points: Sequence[Point]) -> list[Point]:
        return [point for point in points if (point.key, point.step) not in self.values]

    def add(self, points: Sequence[Point]) -> None:
        self.values |= {(point.key, point.step) for point in points}


class RunningTrials:
    """Creates a run for each, appends to its curves, and turns it into that of the finished trial.

    Args:
        client: the store.
        create: creates a child run with its tags and parameters, and returns its identifier.
        logarithmic: hyperparameters whose logarithm is a parameter too.
    """

    def __init__(
        self,
        client: "MlflowClient",
        create: Callable[[ChildRun], str],
        logarithmic: Collection[str],
    ) -> None:
        self._client = client
        self._create = create
        self._logarithmic = logarithmic
        self._sent: dict[int, _Sent] = {}

    def __contains__(self, number: int) -> bool:
        return number in self._sent

    def show(self, trial: Trial, reports: Sequence[Report]) -> None:
        """Write what is new of a trial.

        Args:
            trial: the trial.
            reports: its reports until now.
        """
        now = int(1000 * time.time())
        if trial.number not in self._sent:
            settings = running_child(trial, (), now, self._logarithmic)
            self._sent[trial.number] = _Sent(self._create(settings))
        sent = self._sent[trial.number]
        # Only the new ones: a trial may have a hundred thousand epochs.
        child = running_child(trial, reports[sent.reports :], now, self._logarithmic)
        send_points(self._client, sent.run_id, child.points)
        sent.add(child.points)
        sent.reports = len(reports)

    def complete(self, number: int, child: ChildRun) -> str:
        """Write the end of a trial whose run is there, and return the run's identifier.

        Args:
            number: of the trial.
            child: the finished trial.
        """
        sent = self._sent[number]
        send_points(self._client, sent.run_id, sent.missing(child.points), child.end_time)
        send_tags(self._client, sent.run_id, child.tags)
        self._client.update_run(sent.run_id, name=child.name)
        self._client.set_terminated(sent.run_id, child.status, child.end_time)
        del self._sent[number]
        return sent.run_id

    def drop(self) -> None:
        """Delete the runs of trials that did not end: they will be trained again from the start."""
        for number, sent in list(self._sent.items()):
            self._client.delete_run(sent.run_id)
            del self._sent[number]
