"""More trials for a run than it was started with."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path

from benchmark.errors import UserError
from benchmark.execution import Engine
from benchmark.results import check_unedited, extend_run, is_extending
from benchmark.results.weights import save_weights, weights_file
from benchmark.search.storage import forget_search, search_names
from benchmark.study.loading import study_of_run, with_trials
from benchmark.study.schema import Study
from benchmark.trial import CurvatureRequest, Trial, TrialResult


def extended_study(path: Path, trials: int | None, extend: int | None) -> str | None:
    """Return the study of a run with the number of trials that is asked for.

    Args:
        path: the run folder.
        trials: search trials of each compared optimizer in all, if that was asked for.
        extend: how many more than before, if that was.

    Returns:
        The text of the study file; nothing where the run has that budget already.

    Raises:
        UserError: the run has a larger budget, or its study was edited.
    """
    if trials is None and extend is None:
        return None
    option = f"--trials {trials}" if extend is None else f"--extend {extend}"
    if is_extending(path):
        raise UserError(
            f"a run must have begun with the trials that were added last. Received {option} for "
            f"{path}. Add them first, with --resume alone."
        )
    check_unedited(path)
    before = study_of_run(path).budget.trials
    total = before + (extend or 0) if trials is None else trials
    if total < before:
        raise UserError(
            f"a run must keep its trials, of which it has {before} for each optimizer. Received "
            f"{option} for {path}. Write --trials {before + 1} or more, or --extend 1 or more."
        )
    return None if total == before else with_trials(path, total)


def complete_extension(path: Path, text: str | None, study: Study, storage: str | None) -> None:
    """Set aside what a run has, before its search begins again with a larger budget.

    Args:
        path: the run folder.
        text: the study with that budget; nothing to complete what a kill interrupted.
        study: of the run, with either budget.
        storage: the URL of its search storage, or nothing for the journal in the run folder.
    """
    forget: Callable[[], None] = lambda: None  # noqa: E731
    if storage is not None:
        forget = partial(forget_search, storage, search_names(study, path.name))
    extend_run(path, text, forget, {"trials": study.budget.trials})


def train_missing_weights(path: Path, best: Iterable[TrialResult], engine: Engine) -> None:
    """Train once more the best trials whose weights were not kept, because others were better.

    Args:
        path: the run folder.
        best: the best result of each label.
        engine: trains them.
    """
    for result in best:
        if weights_file(path, result.trial.number).is_file():
            continue
        # Evaluated at other epochs, it is not a trial that the engine knows already; its weights
        # do not depend on that.
        epochs = (0,) if result.trial.evaluation_epochs != (0,) else ()
        trial = replace(
            result.trial,
            evaluation_epochs=epochs,
            curvature=CurvatureRequest(gradient_norm_epochs=()),
        )
        trained = _trained(engine, trial)
        if trained.weights:
            save_weights(path, trial.number, trained.weights)


def _trained(engine: Engine, trial: Trial) -> TrialResult:
    engine.start(trial)
    while True:
        for report in engine.advance():
            if report.status.is_final:
                return engine.stop(trial.number, report.status, report.reason)
