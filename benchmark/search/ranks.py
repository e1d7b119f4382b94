"""Which trials of a search stand for the others: the best, the median and the worst."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benchmark.study import Rank
from benchmark.trial import Trial, TrialResult

RANKS: tuple[Rank, ...] = ("best", "median", "worst")


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A trial that is run to look at the curvature of another.

    Args:
        trial: repeats it.
        rank: of the other among the finished trials of its label.
        of: the number of the other.
    """

    trial: Trial
    rank: Rank
    of: int


def ranked(
    results: Iterable[TrialResult], label: str, ranks: Sequence[Rank]
) -> dict[Rank, TrialResult]:
    """Return some trials of a label by their place among those that came to their own end.

    Pruned and diverged trials are left out: they have no end that could be compared. Of equal
    objectives the earlier number is the better one, whatever order trials finished in.

    Args:
        results: of any phase and label.
        label: the compared entry.
        ranks: which are wanted.

    Returns:
        A trial for each rank, none twice: ``worst`` is left out where it is the best, and
        ``median`` (the better of two in the middle) where it is either of them.
    """
    usable = [
        one
        for one in results
        if one.trial.phase == "search"
        and one.trial.label == label
        and one.status.is_usable
        and math.isfinite(one.objective)
    ]
    if not usable:
        return {}
    sign = 1 if usable[0].trial.direction == "minimize" else -1
    usable.sort(key=lambda one: (sign * one.objective, one.trial.number))
    places: dict[Rank, int] = {"best": 0, "worst": len(usable) - 1}
    places["median"] = (len(usable) - 1) // 2
    found: dict[Rank, TrialResult] = {}
    for rank, place in places.items():
        if rank in ranks and usable[place] not in found.values():
            found[rank] = usable[place]
    return found
