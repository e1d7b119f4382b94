"""The trials that follow a search: the best trained again, and those repeated for a diagnosis."""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from benchmark.search.trials import SearchSettings, build_trial
from benchmark.study.schema import Rank, Study
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


def replicates(
    study: Study, settings: SearchSettings, best: Mapping[str, TrialResult]
) -> list[Trial]:
    """Return the trials that train the best setting of each label again.

    Their numbers follow those of the whole search budget, so they do not depend on how many
    trials were run.

    Args:
        study: the study.
        settings: its resolved objective, loss and metric.
        best: the best usable search result of each label; labels without one get none.
    """
    labels = [entry.label for entry in study.compare]
    trials = []
    for replicate in range(1, study.budget.replicates + 1):
        row = study.budget.trials + replicate - 1
        for index, label in enumerate(labels):
            if label in best:
                number, same = row * len(labels) + index, best[label].trial.hyperparameters
                trials.append(
                    build_trial(
                        study,
                        settings,
                        label,
                        number,
                        same,
                        phase="replicate",
                        replicate=replicate,
                    )
                )
    return trials


def diagnoses(
    study: Study, settings: SearchSettings, results: Collection[TrialResult]
) -> list[Diagnosis]:
    """Return the trials that repeat the best, median and worst one of each label.

    So no weights but the best need be kept: a result depends on its trial's value alone, and the
    repetition, the same to the last bit, is measured on its way too. Their numbers follow
    those of the replicates.

    Args:
        study: the study, which says which ranks are diagnosed.
        settings: its resolved objective, loss and metric.
        results: of the whole search.
    """
    labels = [entry.label for entry in study.compare]
    found = []
    for index, label in enumerate(labels):
        for rank, result in ranked(results, label, study.curvature.diagnosed).items():
            row = study.budget.trials + study.budget.replicates + RANKS.index(rank)
            number, same = row * len(labels) + index, result.trial.hyperparameters
            trial = build_trial(study, settings, label, number, same, phase="diagnosis")
            found.append(Diagnosis(trial, rank, result.trial.number))
    return found
