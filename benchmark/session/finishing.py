"""What makes a trained run a finished one: its best models, its report, MLflow and the mark.

All of it is made from the run folder alone, so a run that was killed on the way is completed
without training: by ``study --resume`` and by ``track``.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmark.engine import ExportedModel, exported_model
from benchmark.errors import UserError
from benchmark.results import (
    RunWriter,
    best_numbers,
    is_finished,
    is_trained,
    load_weights,
    model_file,
    read_records,
    read_summary,
    started_study,
    study_edits,
    write_atomically,
)
from benchmark.results.files import refuse_link
from benchmark.session.mirroring import CLOSE_SECONDS, finish_tracker, start_tracker
from benchmark.study.loading import parse_study
from benchmark.tracking import LoggedModel, Tracker, Unsent
from benchmark.trial import DatasetProblem, TrialResult

Notify = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Products:
    """What a run has to show at its end.

    Args:
        report: its report.
        models: the best model of each label, as MLflow takes it.
        files: the report and the files of the models.
    """

    report: Path
    models: tuple[LoggedModel, ...] = ()
    files: tuple[Path, ...] = ()


def make_products(path: Path, best: Iterable[TrialResult], notify: Notify) -> Products:
    """Save the best models of a trained run, and then write its report, which names them.

    Args:
        path: the run folder, with tables and summary.
        best: the best result of each label.
        notify: shows a sentence to the user.
    """
    from benchmark.report import write_report

    models, files = [], []
    for result, exported in _exported(path, best, notify):
        if exported.notice:
            notify(exported.notice)
        files.append(model_file(path, result.trial.label))
        _save(exported, files[-1])
        models.append(_logged(result, exported))
    report = write_report(path)
    return Products(report, tuple(models), (report, *files))


def complete_run(path: Path, uri: str | None, notify: Notify) -> tuple[Products, Unsent]:
    """Do what a trained run lacks to be finished, without training.

    Args:
        path: a run folder with a summary.
        uri: the MLflow store, or nothing for no tracking.
        notify: shows a sentence to the user.

    Returns:
        What was made, and what MLflow did not receive.

    Raises:
        RunLockedError: another process writes this run.
    """
    with RunWriter.reopen(path) as writer:
        writer.finish(read_summary(path))  # a table may be missing or damaged
        tracker = None if uri is None else _resumed_tracker(path, uri, notify)
        products, unsent = None, Unsent()
        try:
            products = make_products(path, _best(path), notify)
        finally:
            if tracker is not None:
                unsent = close_tracker(tracker, products, notify)
        writer.mark_finished(products.files)
    return products, unsent


def send_run(path: Path, uri: str, notify: Notify) -> Unsent:
    """Send to MLflow what it lacks of a run, from the run folder alone.

    A run that spent its budget and is not finished is completed on the way.

    Args:
        path: the run folder.
        uri: the MLflow store.
        notify: shows a sentence to the user.

    Returns:
        What could not be sent.
    """
    if not is_finished(path) and is_trained(path) and read_summary(path):
        return complete_run(path, uri, notify)[1]
    tracker = _resumed_tracker(path, uri, notify)
    products = None
    report = path / "report.html"
    if is_finished(path) and report.is_file():
        models = tuple(
            _logged(result, exported) for result, exported in _exported(path, _best(path), notify)
        )
        products = Products(report, models)
    return close_tracker(tracker, products)


def close_tracker(
    tracker: Tracker, products: Products | None, tell: Notify = lambda _: None
) -> Unsent:
    """Hand over what was made at the end of a run, if anything, and wait for MLflow.

    Args:
        tracker: a started one.
        products: what was made; nothing where the run was interrupted.
        tell: is called with a sentence where the wait takes more than a moment.
    """
    if products is None:
        finish_tracker(tracker, None)
    else:
        finish_tracker(tracker, products.report, products.models)
    return tracker.close(CLOSE_SECONDS, tell)


def _resumed_tracker(path: Path, uri: str, notify: Notify) -> Tracker:
    # A linked file of anywhere would be sent to a store that others read.
    for file in (*path.iterdir(), *(path / "figures").rglob("*"), *(path / "best").rglob("*")):
        refuse_link(file)
    if study_edits(path):
        notify(f"{path / 'study.toml'} was edited: MLflow gets the study of the start of the run.")
    study = parse_study(started_study(path), str(path / "study.toml"), path.parent.name)
    return start_tracker(path, study, uri, notify, path)


def _best(path: Path) -> list[TrialResult]:
    numbers = set(best_numbers(read_summary(path)).values())
    return [result for result, _ in read_records(path) if result.trial.number in numbers]


def _exported(
    path: Path, best: Iterable[TrialResult], notify: Notify
) -> Iterator[tuple[TrialResult, ExportedModel]]:
    """The models of the best trials on a dataset; a closed form has none.

    They are always made from the weights, never read from ``best/``: a Keras file that somebody
    else put there could run code.
    """
    for result in best:
        trial = result.trial
        if not isinstance(trial.problem, DatasetProblem):
            continue
        try:
            exported = exported_model(trial, load_weights(path, trial.number))
        except (FileNotFoundError, UserError, ValueError) as error:  # gone, damaged, or of another
            notify(f"No model of {trial.label} can be saved: {error}")
            continue
        yield result, exported


def _save(exported: ExportedModel, file: Path) -> None:
    """Write a ``.keras`` file atomically."""
    refuse_link(file.parent)
    file.parent.mkdir(exist_ok=True)

    def write(target: Path) -> None:
        staged = target.with_suffix(".keras")  # Keras takes no other ending
        try:
            exported.model.save(staged)
            staged.replace(target)
        finally:
            staged.unlink(missing_ok=True)

    write_atomically(file, write)


def _logged(result: TrialResult, exported: ExportedModel) -> LoggedModel:
    trial = result.trial
    return LoggedModel(
        trial.label,
        exported.model,
        exported.example,
        trial.number,
        features=exported.features,
        outputs=exported.outputs,
    )
