"""From a study to the trials it asks for: pure functions, without Optuna."""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, assert_never

from benchmark.metrics import direction_of
from benchmark.problems.theory import extreme_eigenvalues, theory_settings
from benchmark.study.curvature_section import Rank
from benchmark.study.data import dataset_problem
from benchmark.study.dimension import MODEL_PREFIX, model_value
from benchmark.study.model_options import searched_options
from benchmark.study.schema import Study
from benchmark.trial import (
    ClosedFormProblem,
    CurvatureRequest,
    Direction,
    Phase,
    Problem,
    Settings,
    Trial,
    TrialResult,
)


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """What a study file may leave open and its catalogue settles.

    Args:
        objective: the reported metric that is optimized, for instance ``validation_loss``.
        direction: ``"minimize"`` or ``"maximize"``.
        loss: the Keras loss; empty for closed-form problems.
        metric: the Keras metric besides the loss; empty for closed-form problems.
        integers: names of the hyperparameters that are whole numbers.
        problem_options: all options of a closed-form problem; those that stand among the
            hyperparameters of a trial replace them.
    """

    objective: str
    direction: Direction
    loss: str = ""
    metric: str = ""
    integers: frozenset[str] = frozenset({"batch_size"})
    problem_options: Settings = field(default_factory=Settings)


def settings_of(
    study: Study,
    loss: str = "",
    metric: str = "",
    integers: frozenset[str] = frozenset({"batch_size"}),
    problem_options: Mapping[str, float | int | str] | None = None,
) -> SearchSettings:
    """Return the settings of a study's search; the objective defaults to a loss.

    The default objective is ``validation_loss`` for a dataset and ``train_loss``
    for a closed-form problem, which has no other part.

    Args:
        study: the study.
        loss: the Keras loss of its problem.
        metric: the Keras metric of its problem.
        integers: names of the hyperparameters that are whole numbers.
        problem_options: all options of its closed-form problem.

    Raises:
        ValueError: it is not known whether the objective is better small or large.

    Example:
        >>> study = Study.model_validate(
        ...     {"question": "?", "compare": ["sgd"], "problem": {"dataset": "iris"}}
        ... )
        >>> settings_of(study).objective
        'validation_loss'
    """
    default = "train_loss" if study.problem.function else "validation_loss"
    objective = study.problem.objective or default
    return SearchSettings(
        objective, direction_of(objective), loss, metric, integers, Settings(problem_options)
    )


def build_trial(
    study: Study,
    settings: SearchSettings,
    label: str,
    number: int,
    hyperparameters: Mapping[str, Any],
    *,
    phase: Phase = "search",
    replicate: int = 0,
) -> Trial:
    """Build the trial that trains one setting of one compared optimizer.

    Args:
        study: the study.
        settings: its resolved objective, loss and metric.
        label: the compared entry.
        number: the trial's number, unique in its run.
        hyperparameters: all numbers by name, searched and fixed, and the searched options of the
            model; numbers that theory gives are added.
        phase: ``"search"`` or ``"replicate"``.
        replicate: index of the initial weights and batch order, ≥ 0.

    Raises:
        KeyError: the study compares nothing of that label.

    Example:
        >>> study = Study.model_validate(
        ...     {"question": "?", "compare": ["sgd"], "problem": {"dataset": "iris"}}
        ... )
        >>> trial = build_trial(study, settings_of(study), "sgd", 7, {"learning_rate": 0.1})
        >>> trial.number, trial.problem.name, trial.hyperparameters
        (7, 'iris', Settings({'learning_rate': 0.1}))
    """
    optimizer = {entry.label: entry.optimizer for entry in study.compare}[label]
    is_closed_form = bool(study.problem.function)
    model = study.problem.model
    swept = {k: v for k, v in hyperparameters.items() if k in settings.problem_options}
    numbers = {k: v for k, v in hyperparameters.items() if not k.startswith(MODEL_PREFIX)}
    options = {
        name.removeprefix(MODEL_PREFIX): model_value(value)
        for name, value in hyperparameters.items()
        if name.startswith(MODEL_PREFIX)
    }
    return Trial(
        number=number,
        phase=phase,
        problem=_problem(study, settings, label, swept),
        model="" if is_closed_form else model.name,
        model_options=Settings() if is_closed_form else Settings({**model.options, **options}),
        label=label,
        optimizer=optimizer,
        hyperparameters=Settings(numbers, **_of_theory(study, settings, label, optimizer, swept)),
        options=Settings(
            study.options(label),
            sampling=study.training.batch_sampling,
            schedule=study.schedule(label),
        ),
        epochs=study.training.epochs,
        seed=study.seed,
        replicate=replicate,
        curvature=_curvature(study, phase),
        evaluation_epochs=_evaluation_epochs(study),
        patience=study.training.patience or 0,
        min_delta=float(study.training.min_delta),
        objective=settings.objective,
        direction=settings.direction,
    )


def _settings(study: Study, trial: Trial) -> dict[str, Any]:
    """All that :func:`build_trial` needs to make the same trial again."""
    names = searched_options(study, trial.label)
    options = {name: trial.model_options[name.removeprefix(MODEL_PREFIX)] for name in names}
    return {**trial.hyperparameters, **options}


def _of_theory(
    study: Study,
    settings: SearchSettings,
    label: str,
    optimizer: str,
    swept: Mapping[str, float | int],
) -> dict[str, float]:
    """The numbers that theory gives for the problem of one trial."""
    tunings = study.theory(label)
    if not tunings:
        return {}
    extremes = extreme_eigenvalues({**settings.problem_options, **swept})
    return {
        name: theory_settings(optimizer, *extremes, tuning)[name]
        for name, tuning in tunings.items()
    }


def _problem(
    study: Study, settings: SearchSettings, label: str, swept: Mapping[str, float | int]
) -> Problem:
    section = study.problem
    if section.function:
        return ClosedFormProblem(section.function, Settings(section.options, **swept))
    return replace(dataset_problem(study, label), loss=settings.loss, metric=settings.metric)


def _curvature(study: Study, phase: Phase) -> CurvatureRequest:
    section = study.curvature
    norms = _gradient_norm_epochs(study)
    request = CurvatureRequest(gradient_norm_epochs=norms)
    if phase == "diagnosis" or section.trials in (phase, "all"):
        # Start and end bound the path: what the optimizer met first and where it settled.
        default = [0, study.training.epochs]
        request = CurvatureRequest(
            epochs=tuple(default if section.epochs is None else section.epochs),
            exact_limit=section.exact_limit,
            lanczos_steps=section.lanczos_steps,
            samples=section.samples,
            gradient_norm_epochs=norms,
        )
    if phase != "search" or not section.is_monitored:
        return request
    return replace(request, monitored_epochs=_monitored_epochs(study), probe=section.probe)


def _evaluation_epochs(study: Study) -> tuple[int, ...] | None:
    given = study.training.evaluation_epochs
    return None if given is None else tuple(given)


def _monitored_epochs(study: Study) -> tuple[int, ...]:
    given = study.curvature.monitor_epochs
    return log_spaced(study.training.epochs) if given is None else tuple(given)


def _gradient_norm_epochs(study: Study) -> tuple[int, ...] | None:
    chosen = study.curvature.gradient_norm_taken
    match chosen:
        case "every_epoch":
            return None
        case "monitor_epochs":
            return _monitored_epochs(study)
        case "never":
            return ()
    assert_never(chosen)


def log_spaced(last: int) -> tuple[int, ...]:
    """The start, powers of two or of four, and the last epoch: one epoch in eight at most.

    Curvature changes most in the first epochs. A measurement takes as long as some ten to
    fifteen steps of a small network, so a short training is measured at fewer epochs.

    Args:
        last: ≥ 1.

    Example:
        >>> log_spaced(100)
        (0, 1, 2, 4, 8, 16, 32, 64, 100)
        >>> log_spaced(15), log_spaced(1)
        ((0, 1, 4, 15), (0, 1))
    """
    powers = [2**power for power in range((last - 1).bit_length())]
    epochs = (0, *powers, last)
    return epochs if 8 * len(epochs) <= last else (0, *powers[::2], last)


# The trials that follow a search: the best trained again, and those repeated for a diagnosis.

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
        result
        for result in results
        if result.trial.phase == "search"
        and result.trial.label == label
        and result.status.is_usable
        and math.isfinite(result.objective)
    ]
    if not usable:
        return {}
    sign = 1 if usable[0].trial.direction == "minimize" else -1
    usable.sort(key=lambda result: (sign * result.objective, result.trial.number))
    positions: dict[Rank, int] = {"best": 0, "worst": len(usable) - 1}
    positions["median"] = (len(usable) - 1) // 2
    trials: dict[Rank, TrialResult] = {}
    for rank, position in positions.items():
        if rank in ranks and usable[position] not in trials.values():
            trials[rank] = usable[position]
    return trials


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
                number, same = row * len(labels) + index, _settings(study, best[label].trial)
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
    repetitions = []
    for index, label in enumerate(labels):
        for rank, result in ranked(results, label, study.curvature.diagnosed).items():
            row = study.budget.trials + study.budget.replicates + RANKS.index(rank)
            number, same = row * len(labels) + index, _settings(study, result.trial)
            trial = build_trial(study, settings, label, number, same, phase="diagnosis")
            repetitions.append(Diagnosis(trial, rank, result.trial.number))
    return repetitions
