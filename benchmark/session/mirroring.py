"""A run in MLflow: what is handed to the tracker at the start and at the end."""

from collections.abc import Callable, Sequence
from pathlib import Path

from benchmark.data import prepare_problem
from benchmark.results import read_environment, started_study
from benchmark.session.overview import run_overview, tracked_study
from benchmark.session.resolution import search_settings
from benchmark.study.data import dataset_problem
from benchmark.study.schema import Study
from benchmark.tracking import LoggedModel, TrackedDataset, Tracker
from benchmark.trial import Status

CLOSE_SECONDS = 300.0
"""How long the end of a study waits for an MLflow store that makes no progress."""


def start_tracker(
    path: Path,
    study: Study,
    uri: str,
    notify: Callable[[str], None],
    resume_from: Path | None,
) -> Tracker:
    """Start mirroring a run; experiment and parent run are named by its folders."""
    # Runs of earlier releases have no identity.
    identity = str(read_environment(path).get("identity") or path.name)
    tracker = Tracker(uri, path.parent.name, path.name, notify, identity=identity)
    labels = ", ".join(entry.label for entry in study.compare)
    tracker.start(
        study_text=started_study(path),
        # MLflow shows the note as the run's description.
        tags={"mlflow.note.content": study.question, "compare": labels, "seed": str(study.seed)},
        dataset=tracked_dataset(study),
        resume_from=resume_from,
        study=tracked_study(study, search_settings(study)),
    )
    return tracker


def finish_tracker(
    tracker: Tracker, report: Path | None, models: Sequence[LoggedModel] = ()
) -> None:
    """Hand over what a finished run has: what it found, report, figures and the best models.

    Args:
        tracker: a started one.
        report: the report; nothing where the run was interrupted.
        models: the best model of each label.
    """
    if report is None:
        tracker.finish(status=Status.INTERRUPTED)
        return
    files = [
        file
        for file in (report, report.parent / "figures")
        if file.exists() and not any(item.is_symlink() for item in (file, *file.rglob("*")))
    ]
    tracker.finish(files, models, Status.COMPLETED, run_overview(report.parent))


def tracked_dataset(study: Study) -> TrackedDataset | None:
    """Describe the training part to MLflow; nothing for a closed-form problem."""
    problem = study.problem
    if problem.function:
        return None
    data = prepare_problem(dataset_problem(study))
    card = data.card
    return TrackedDataset(card.name, card.source, data.train.x, data.train.y, card.checksum)
