"""Trials whose outcome is known, because an earlier execution of the same study trained them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from benchmark.trial import Report, Status, Trial, TrialResult


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """How a trial went.

    Args:
        result: how it ended.
        reports: what was reported of it, by epoch.
    """

    result: TrialResult
    reports: dict[int, Report] = field(default_factory=dict)

    def report(self, number: int, epoch: int) -> Report | None:
        """Return what was reported after an epoch, under the number that the trial has now.

        Args:
            number: of the trial now.
            epoch: trained epochs; 0 is the start.
        """
        report = self.reports.get(epoch)
        return None if report is None else replace(report, trial_number=number)


class Outcomes:
    """The outcomes by trial; the number of a trial does not matter, for it changes no result.

    Trials that failed are not among them: they are trained again.

    Args:
        records: results of trials with their reports. Of several of one trial the last is taken.

    Example:
        >>> from benchmark.trial import DatasetProblem, Settings
        >>> none = Settings()
        >>> trial = Trial(3, "search", DatasetProblem("iris"), "linear", none, "sgd", "sgd",
        ...     Settings(learning_rate=0.1), none, epochs=1, seed=0)
        >>> result = TrialResult(trial, Status.COMPLETED, "", 0.5, 1, 9, 9, 9, none, none)
        >>> outcomes = Outcomes([(result, [Report(3, 1, 9, 9, 9, none)])])
        >>> outcomes.of(replace(trial, number=8)).report(8, epoch=1).trial_number
        8
        >>> outcomes.of(replace(trial, epochs=2)) is None
        True
    """

    def __init__(self, records: Iterable[tuple[TrialResult, Sequence[Report]]] = ()) -> None:
        self._by_trial = {
            _key(result.trial): Outcome(result, {report.epoch: report for report in reports})
            for result, reports in records
            if result.status is not Status.FAILED
        }

    def __len__(self) -> int:
        return len(self._by_trial)

    def of(self, trial: Trial) -> Outcome | None:
        """Return the outcome of a trial, if it is known.

        Args:
            trial: under any number.
        """
        return self._by_trial.get(_key(trial)) if self._by_trial else None


def _key(trial: Trial) -> Trial:
    return replace(trial, number=0)


class OneAtATime(Protocol):
    """The sequential engine, or one that replays known outcomes in front of it."""

    def start(self, trial: Trial) -> None:
        """Take a trial into the only slot."""

    def advance(self) -> list[Report]:
        """Train one epoch."""

    def stop(self, number: int, status: Status, reason: str) -> TrialResult:
        """Free the slot."""

    def close(self) -> None:
        """End what computes."""
