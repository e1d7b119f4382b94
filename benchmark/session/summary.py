"""What ``summary.json`` of a run holds."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from benchmark.search import Diagnosis, SearchSettings
from benchmark.study.dimension import MODEL_PREFIX
from benchmark.study.model_options import searched_options
from benchmark.study.schema import Study
from benchmark.trial import TrialResult


def summary_of(
    study: Study,
    run: str,
    settings: SearchSettings,
    results: Collection[TrialResult],
    *,
    best: Mapping[str, TrialResult],
    diagnoses: Iterable[Diagnosis],
    stopped: Mapping[str, str],
    spent: Mapping[str, int],
    seconds: Mapping[str, float],
    finished: bool,
) -> dict[str, Any]:
    """Return what a run found, as plain values.

    Args:
        study: of the run.
        run: its name.
        settings: its resolved objective.
        results: of all phases.
        best: the best result of each label.
        diagnoses: the trials that were repeated, and which ones they repeat.
        stopped: the labels whose first trials all failed, with the reason.
        spent: the gradient evaluations of the labels whose search these ended.
        seconds: of the run by clock, in addition to those of the trials.
        finished: whether the whole budget was spent.
    """
    diagnosed: dict[str, dict[str, Any]] = {}
    for diagnosis in diagnoses:
        numbers = {"trial": diagnosis.of, "diagnosis": diagnosis.trial.number}
        diagnosed.setdefault(diagnosis.trial.label, {})[diagnosis.rank] = numbers
    clocks: Counter[str] = Counter()
    for result in results:
        clocks.update(result.seconds)
    clocks.update(seconds)
    return {
        "study": study.name,
        "run": run,
        "question": study.question,
        "finished": finished,
        "trials": len(results),
        "by_status": dict(Counter(result.status.value for result in results)),
        "objective": settings.objective,
        "direction": settings.direction,
        "best": {label: _plain(study, result) for label, result in sorted(best.items())},
        "seconds": {clock: round(value, 3) for clock, value in sorted(clocks.items())},
        **({"diagnosed": diagnosed} if diagnosed else {}),
        **({"stopped": dict(stopped)} if stopped else {}),
        **({"spent_gradient_evaluations": dict(spent)} if spent else {}),
        **_monitoring_cost(results),
        **_diagnosis_cost(results),
    }


def say_spent(spent: Mapping[str, int], notify: Callable[[str], None]) -> None:
    """Tell the user which labels get no more trials.

    Args:
        spent: the gradient evaluations of the labels whose search these ended.
        notify: shows a sentence.
    """
    for label, evaluations in spent.items():
        notify(f"{label} gets no more trials: it has used {evaluations} gradient evaluations.")


def _monitoring_cost(results: Iterable[TrialResult]) -> dict[str, Any]:
    """What monitoring the curvature took, compared with training the same trials."""
    requests = [(result.seconds, result.trial.curvature) for result in results]
    # A trial that was diagnosed too has one clock for both.
    monitored = [
        seconds for seconds, request in requests if request.monitored_epochs and not request.epochs
    ]
    spent = sum(seconds.get("curvature", 0.0) for seconds in monitored)
    trained = sum(seconds.get("train", 0.0) for seconds in monitored)
    if not trained:
        return {}
    return {"monitoring": {"seconds": round(spent, 3), "share_of_training": spent / trained}}


def _diagnosis_cost(results: Iterable[TrialResult]) -> dict[str, Any]:
    """What diagnosing took, compared with training the same trials."""
    diagnosed = [result for result in results if result.trial.curvature.epochs]
    spent = sum(result.seconds.get("curvature", 0.0) for result in diagnosed)
    trained = sum(result.seconds.get("train", 0.0) for result in diagnosed)
    if not spent or not trained:
        return {}
    return {
        "diagnosis": {
            "trials": len(diagnosed),
            "seconds": round(spent, 3),
            "share_of_training": spent / trained,
        }
    }


def _plain(study: Study, result: TrialResult) -> dict[str, Any]:
    names = searched_options(study, result.trial.label)
    options = {name: result.trial.model_options[name.removeprefix(MODEL_PREFIX)] for name in names}
    return {
        "trial": result.trial.number,
        "objective": result.objective,
        "hyperparameters": dict(result.trial.hyperparameters),
        **({"model_options": options} if options else {}),
        "metrics": dict(result.metrics),
    }
