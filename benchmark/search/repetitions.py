"""The trials that follow a search: its best ones trained again, some repeated for a diagnosis."""

from collections.abc import Collection, Mapping

from benchmark.search.ranks import RANKS, Diagnosis, ranked
from benchmark.search.trials import SearchSettings, build_trial
from benchmark.study import Study
from benchmark.trial import Trial, TrialResult


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
