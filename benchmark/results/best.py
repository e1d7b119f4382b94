"""The best trial of each compared optimizer of a run, from its records."""

from collections.abc import Iterable
from pathlib import Path

from benchmark.results.reader import read_records
from benchmark.trial import TrialResult


def best_results(path: str | Path) -> dict[str, TrialResult]:
    """Return the best trial of the search of each label, of a finished or an unfinished run.

    Args:
        path: the run folder.

    Raises:
        FileNotFoundError: the folder is no run.
        DamagedRecordsError: a line that is not the last is no record.
    """
    return best_of(result for result, _ in read_records(path))


def best_of(results: Iterable[TrialResult]) -> dict[str, TrialResult]:
    """Return the best usable search result of each label.

    Of equal objectives the earlier number is the better one.

    Args:
        results: of any phase and label.
    """
    best: dict[str, TrialResult] = {}
    for result in results:
        if result.trial.phase != "search" or not result.status.is_usable:
            continue
        label = result.trial.label
        if label not in best or _rank(result) < _rank(best[label]):
            best[label] = result
    return best


def _rank(result: TrialResult) -> tuple[float, int]:
    sign = 1 if result.trial.direction == "minimize" else -1
    return sign * result.objective, result.trial.number
