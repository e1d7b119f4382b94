"""Which labels of a study fail from their first trial on, so that no more are trained.

The first trials of a label decide, by their numbers and not by the order in which they end, and
what fails beyond them waits for the decision. So the recorded trials of a label that always fails
are the same for any number of workers.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from benchmark.errors import without_numbers
from benchmark.trial import Report, Status, TrialResult

FIRST = 8
"""How many trials must fail for one reason. Where half of a search space fails, the first eight
all do so in one study of 256."""

Record = tuple[TrialResult, Sequence[Report]]


@dataclass
class _Label:
    """What is known of the first trials of a label.

    ``reasons`` are those of the failed ones. ``works`` once one of them did not fail, or failed
    for another reason.
    """

    reasons: list[str] = field(default_factory=list)
    works: bool = False
    waiting: list[Record] = field(default_factory=list)


class LabelFailures:
    """Decides for each label whether its first trials have all failed for one reason.

    A diverged trial is no failure: other hyperparameters may do better.

    Args:
        position: the position of a trial among those of its label, from its number; the first
            has 0.
    """

    def __init__(self, position: Callable[[int], int]) -> None:
        self._position = position
        self._labels: dict[str, _Label] = {}
        self.stopped: dict[str, str] = {}
        """The reason by label, of those that are to get no more trials."""

    def restore(self, result: TrialResult) -> None:
        """Take note of a trial that an earlier execution has recorded."""
        if self._is_first(result):
            self._note(result)

    def take(self, record: Record) -> list[Record]:
        """Take note of the end of a trial.

        Returns:
            The records to be kept now, in the order of their numbers: this one and those that
            waited for it; none where it has to wait, or where its label is stopped.
        """
        result = record[0]
        label = self._labels.setdefault(result.trial.label, _Label())
        if result.trial.phase != "search" or label.works:
            return [record]
        if result.trial.label in self.stopped:
            return []
        if self._is_first(result):
            self._note(result)
            return [record, *self._released(label)]
        if result.status is Status.FAILED or label.reasons:
            label.waiting.append(record)
            return []
        return [record]

    def _is_first(self, result: TrialResult) -> bool:
        return result.trial.phase == "search" and self._position(result.trial.number) < FIRST

    def _note(self, result: TrialResult) -> None:
        label = self._labels.setdefault(result.trial.label, _Label())
        if result.status is Status.FAILED:
            label.reasons.append(result.reason)
        else:
            label.works = True
        if len(set(map(without_numbers, label.reasons))) > 1:
            label.works = True
        if not label.works and len(label.reasons) == FIRST:
            self.stopped[result.trial.label] = label.reasons[0]
            label.waiting.clear()

    def _released(self, label: _Label) -> list[Record]:
        if not label.works:
            return []
        released = sorted(label.waiting, key=lambda record: record[0].trial.number)
        label.waiting.clear()
        return released
