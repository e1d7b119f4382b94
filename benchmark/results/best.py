"""The best trial of each compared optimizer of a run, from its records."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

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

    Args:
        results: of any phase and label.
    """
    best: dict[str, TrialResult] = {}
    for result in results:
        label = result.trial.label
        if result.is_candidate and (label not in best or result.rank < best[label].rank):
            best[label] = result
    return best


def best_numbers(summary: Mapping[str, Any]) -> dict[str, int]:
    """Return the number of each label's best trial; a summary that was edited may name fewer.

    Args:
        summary: what ``summary.json`` holds.

    Example:
        >>> best_numbers({"best": {"adam": {"trial": 3}, "sgd": "edited"}})
        {'adam': 3}
    """
    best = summary.get("best")
    entries = best.items() if isinstance(best, dict) else ()
    numbers = {label: entry.get("trial") for label, entry in entries if isinstance(entry, dict)}
    return {label: number for label, number in numbers.items() if isinstance(number, int)}
