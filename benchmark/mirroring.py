"""A run in MLflow: what is handed to the tracker at the start and at the end."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from benchmark.data import load_card, prepare
from benchmark.engine import trained_model
from benchmark.results import (
    DamagedWeightsError,
    load_weights,
    read_environment,
    read_records,
    read_run,
    started_study,
)
from benchmark.results.files import refuse_link
from benchmark.study import Study
from benchmark.study_file import parse_study
from benchmark.tracking import LoggedModel, TrackedDataset, Tracker, Unsent
from benchmark.trial import DatasetProblem, Status, Trial, TrialResult, named_seed

CLOSE_SECONDS = 300.0
"""How long the end of a study waits for an MLflow store that makes no progress."""
EXAMPLE_ROWS = 5


def send_run(path: Path, uri: str, notify: Callable[[str], None]) -> Unsent:
    """Send to MLflow what it lacks of a run, from the run folder alone.

    Args:
        path: the run folder.
        uri: the MLflow store.
        notify: shows a sentence to the user.

    Returns:
        What could not be sent.

    Raises:
        LinkError: the run folder holds a link.
    """
    # A file of anywhere would be sent to a store that others read.
    for file in (*path.iterdir(), *(path / "figures").rglob("*")):
        refuse_link(file)
    tables = read_run(path)
    if tables.study_edits:
        notify(f"{path / 'study.toml'} was edited: MLflow gets the study of the start of the run.")
    study = parse_study(tables.study_text, str(path / "study.toml"), path.parent.name)
    tracker = start_tracker(path, study, uri, notify, path)
    numbers = _best_trials(tables.summary)
    best = [result for result, _ in read_records(path) if result.trial.number in numbers]
    report = path / "report.html"
    finish_tracker(tracker, path, best, report if tables.is_finished else None)
    return tracker.close(CLOSE_SECONDS)


def _best_trials(summary: Mapping[str, Any]) -> set[int]:
    """The best trial of each label; a summary that was edited may name fewer."""
    best = summary.get("best")
    entries = list(best.values()) if isinstance(best, dict) else []
    numbers = (entry.get("trial") for entry in entries if isinstance(entry, dict))
    return {number for number in numbers if isinstance(number, int)}


def start_tracker(
    path: Path,
    study: Study,
    uri: str,
    notify: Callable[[str], None],
    resume_from: Path | None,
) -> Tracker:
    """Start mirroring a run; experiment and parent run are named by its folders."""
    # Folders of before there were identities have none.
    identity = str(read_environment(path).get("identity") or path.name)
    tracker = Tracker(uri, path.parent.name, path.name, notify, identity=identity)
    labels = ", ".join(entry.label for entry in study.compare)
    tracker.start(
        study_text=started_study(path),
        # MLflow shows the note as the run's description.
        tags={"mlflow.note.content": study.question, "compare": labels, "seed": str(study.seed)},
        dataset=tracked_dataset(study),
        resume_from=resume_from,
    )
    return tracker


def finish_tracker(
    tracker: Tracker, path: Path, best: Iterable[TrialResult], report: Path | None
) -> None:
    """Hand over what stands at the end: report, figures and the best models.

    Args:
        tracker: a started one.
        path: the run folder.
        best: the best result of each label.
        report: the report; nothing where the run was interrupted.
    """
    if report is None:
        tracker.finish(status=Status.INTERRUPTED)
        return
    files = [
        file
        for file in (report, report.parent / "figures")
        if file.exists() and not any(item.is_symlink() for item in (file, *file.rglob("*")))
    ]
    models = [
        logged_model(result.trial, path)
        for result in best
        if isinstance(result.trial.problem, DatasetProblem)
    ]
    tracker.finish(files, models, Status.COMPLETED)


def tracked_dataset(study: Study) -> TrackedDataset | None:
    """Describe the training part to MLflow; nothing for a closed-form problem."""
    problem = study.problem
    if problem.function:
        return None
    split = problem.split
    data = prepare(
        problem.dataset,
        (split.train, split.validation, split.test),
        problem.preprocessing.scaling,
        named_seed(study.seed, "split"),
    )
    card = load_card(problem.dataset)
    return TrackedDataset(card.name, card.source, data.train.x, data.train.y, card.checksum)


def logged_model(trial: Trial, path: Path) -> LoggedModel:
    """The model of a trial whose weights the run folder keeps, for MLflow."""
    assert isinstance(trial.problem, DatasetProblem), "a closed form has no model to serve"
    problem = trial.problem
    data = prepare(problem.dataset, problem.fractions, problem.scaling, problem.split_seed)
    weights = load_weights(path, trial.number)
    try:
        model = trained_model(trial, weights)
    except ValueError as error:
        raise DamagedWeightsError(
            f"kept weights must fit the model of their trial. Received {error} at trial "
            f"{trial.number} of {path}. Restore its file in weights/."
        ) from None
    return LoggedModel(trial.label, model, data.validation.x[:EXAMPLE_ROWS], trial.number)
