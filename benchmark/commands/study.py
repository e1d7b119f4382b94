"""What the command ``study`` does, from its options to its exit code."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from benchmark.catalogue import catalogue
from benchmark.commands.interruption import Interruption
from benchmark.commands.progress import Mode, StudyProgress, duration
from benchmark.commands.runs import code_of_study, opened_run
from benchmark.commands.terminal import Terminal, command, warn
from benchmark.distributed import available_workers, check_ray, share_graphics_memory
from benchmark.engine import EngineChoice
from benchmark.errors import UserError
from benchmark.results import (
    check_run_name,
    is_finished,
    is_summary,
    model_file,
    read_environment,
    read_run,
    read_summary,
    recorded_count,
    study_edits,
)
from benchmark.study_changes import changed_study
from benchmark.study_data import check_data
from benchmark.study_file import find_study, study_of_run
from benchmark.tracking import resolve_tracking_uri
from benchmark.urls import is_harmless, masked

if TYPE_CHECKING:
    from benchmark.session import Outcome, Session

DONE, FAILED, INTERRUPTED = 0, 1, 130


@dataclass(frozen=True, slots=True)
class StudyRequest:
    """What the user asked for.

    Args:
        name: a study file or the name of a study.
        changes: ``key=value`` changes of it.
        resume: the run to go on with, instead of a new one.
        results: the folder of all results.
        run_name: the new run's name; the time by default.
        storage: an Optuna storage URL, or nothing for the journal in the run folder.
        tracking_uri: the MLflow store, or nothing for the usual one.
        tracking: whether the run is mirrored to MLflow at all.
        quiet: print only what went wrong.
        as_json: print the summary as JSON, and progress to standard error.
        trust: whether whatever class a run names may be imported.
        engine: what trains a new run.
    """

    name: str
    changes: Sequence[str]
    resume: str | None
    results: Path
    run_name: str | None
    storage: str | None
    tracking_uri: str | None
    tracking: bool
    quiet: bool
    as_json: bool
    trust: bool
    engine: EngineChoice


def run_study(request: StudyRequest, select_backend: Callable[[str], None]) -> int:
    """Run or resume a study and return the exit code.

    Args:
        request: what the user asked for.
        select_backend: chooses the framework, given that of the resumed run or nothing;
            called once everything is checked that can be checked without it, for its
            import takes seconds; earlier only where the study names a class of Keras.

    Raises:
        UserError: something that the user can mend.
    """
    if request.resume is None:
        with code_of_study(find_study(request.name), trust=request.trust):
            return _run(None, request, select_backend)
    with opened_run(request.results, request.resume, trust=request.trust) as path:
        return _run(path, request, select_backend)


def _run(path: Path | None, request: StudyRequest, select_backend: Callable[[str], None]) -> int:
    """Train a new study, or a run that there is."""
    # With --quiet nothing but what went wrong is printed.
    console = Terminal(stderr=request.as_json or request.quiet)
    tell = _teller(console, request.quiet)
    if path and (summary := _summary_of_trained(path)):
        return _end_trained(path, summary, request, select_backend, console)
    if path is None:
        known = catalogue(before_import=lambda: select_backend(""))
        new = changed_study(request.name, request.changes, known)
        check_run_name(request.results, new.study.name, request.run_name)
        study = new.study
    else:
        new, study = None, study_of_run(path)
    facts = read_environment(path) if path else {}
    choice = _engine_of_run(path, facts) if path else request.engine
    if choice.workers is not None:
        check_ray()
        share_graphics_memory()
    # A run found by its folder keeps its MLflow store beside it, wherever this is called.
    results = path.absolute().parent.parent if path else request.results
    tracking_uri = _tracking_uri(request, results)
    check_data(study, tell)
    tell("Starting: importing the framework takes a few seconds.")
    with Interruption() as interruption:
        select_backend(str(facts.get("backend", "")))
        if choice.workers == "auto":
            choice = choice.resolved(available_workers())
        from benchmark.session import Session, SessionSettings

        settings = SessionSettings(
            results,
            request.storage,
            tracking_uri,
            lambda text: _warn(console, text),
            choice,
        )
        if new is not None:
            session = Session.create(new.text, new.study, settings, request.run_name)
        else:
            assert path is not None
            session = Session.resume(path, settings)
        tell(f"Run {session.name}: {session.question}")
        if session.curvature_cost:
            tell(session.curvature_cost)
        if choice.workers is not None:
            tell(f"Starting {choice.workers} workers, each of which imports the framework.")
        try:
            outcome = _run_visibly(session, console, _mode(console, request.quiet), interruption)
        except OSError as error:
            return _tell_failure(error, session.path, request)
        except KeyboardInterrupt:  # the second Ctrl-C
            return _tell_interruption(session.path, request)
    return _tell_outcome(outcome, request, tracking_uri, console, tell)


def _summary_of_trained(path: Path) -> Mapping[str, Any]:
    """The summary of a run with a record of every trial.

    A deleted record is made again, and so is a summary that was edited.
    """
    summary = read_summary(path)
    is_whole = is_summary(summary) and summary["trials"] == recorded_count(path)
    return summary if is_whole else {}


def _warn_of_edits(console: Console, path: Path) -> None:
    if study_edits(path):
        _warn(console, f"{path / 'study.toml'} was edited after the run was started.")


def _engine_of_run(path: Path, facts: Mapping[str, Any]) -> EngineChoice:
    try:
        return EngineChoice.of_run(facts)
    except ValueError as error:
        raise UserError(
            f"environment.json must name the engine of the run. Received {error} in {path}. "
            "Restore the file, or begin a new run."
        ) from None


def _end_trained(
    path: Path,
    summary: Mapping[str, Any],
    request: StudyRequest,
    select_backend: Callable[[str], None],
    console: Console,
) -> int:
    """Do what a run lacks that spent its budget; nothing where it is finished."""
    tell = _teller(console, request.quiet)
    _warn_of_edits(console, path)
    if is_finished(path):
        tell(f"The run {path} is finished already: nothing is left to train.")
        if request.as_json:
            _print_summary(summary, path)
        return _tell_failures(path, summary, console)
    backend = str(read_environment(path).get("backend", ""))
    tell(f"The run {path} is trained. What is missing is made: models, report, MLflow.")
    tracking_uri = _tracking_uri(request, path.absolute().parent.parent)
    select_backend(backend)
    from benchmark.finishing import complete_run
    from benchmark.session import Outcome

    started = time.perf_counter()
    try:
        products, unsent = complete_run(path, tracking_uri, lambda text: _warn(console, text))
    except OSError as error:
        return _tell_failure(error, path, request)
    except KeyboardInterrupt:
        return _tell_interruption(path, request)
    elapsed = time.perf_counter() - started
    outcome = Outcome(path, True, summary, products.report, unsent, elapsed)
    return _tell_outcome(outcome, request, tracking_uri, console, tell, is_completion=True)


def _print_summary(summary: Mapping[str, Any], path: Path) -> None:
    """Print a summary as JSON, with the files of the run that exist."""
    from benchmark.commands.views import print_json, verdict_document
    from benchmark.statistics import verdict

    report = path / "report.html"
    models = _saved_models(path, summary)
    print_json(
        {
            **summary,
            "verdict": verdict_document(verdict(read_run(path).trials)),
            "path": str(path),
            "report": str(report) if report.is_file() else None,
            "models": {label: str(file) for label, file in models.items()},
        }
    )


def _saved_models(path: Path, summary: Mapping[str, Any]) -> dict[str, Path]:
    """The models of a run that are there, by label."""
    files = {label: model_file(path, label) for label in summary["best"]}
    return {label: file for label, file in files.items() if file.is_file()}


def _tell_failure(error: OSError, path: Path, request: StudyRequest) -> int:
    """Say that a file could not be written, and how to go on; return the exit code."""
    if isinstance(error, UserError):  # it names its own remedy
        raise error
    warn(
        f"files must be readable and folders writable. Received: {error}. Every finished trial is "
        f"kept. Make room, or give access, and go on with:\n  {_resume(path, request)}"
    )
    return FAILED


def _tracking_uri(request: StudyRequest, results: Path) -> str | None:
    if not request.tracking:
        return None
    return resolve_tracking_uri(request.tracking_uri, os.environ, results)


def _mode(console: Console, quiet: bool) -> Mode:
    if quiet:
        return "quiet"
    return "live" if console.is_terminal else "plain"


def _run_visibly(
    session: "Session", console: Console, mode: Mode, interruption: Interruption
) -> "Outcome":
    """Train while the progress is shown, until the end or until the user interrupts."""
    settings = session.search_settings
    with StudyProgress(
        console, session.totals(), settings.direction, settings.objective, mode
    ) as progress:
        progress.restore(session.finished)
        return session.run(
            [progress], lambda: interruption.requested, label_stopped=progress.label_stopped
        )


def _warn(console: Console, text: str) -> None:
    console.print(text, style="yellow", soft_wrap=True, highlight=False)


def _teller(console: Console, quiet: bool) -> Callable[[str], None]:
    def tell(text: str) -> None:
        if not quiet:
            console.print(text, soft_wrap=True, highlight=False)

    return tell


def _tell_outcome(
    outcome: "Outcome",
    request: StudyRequest,
    tracking_uri: str | None,
    console: Console,
    tell: Callable[[str], None],
    *,
    is_completion: bool = False,
) -> int:
    """Say where everything is, and how to go on; return the exit code."""
    if request.as_json:
        _print_summary(outcome.summary, outcome.path)
    place = _place(request)
    if outcome.unsent:
        _warn(
            console,
            f"Not in MLflow yet: {outcome.unsent}. The run folder keeps it all. "
            f"Send it with: {command('track', outcome.path, *place)}",
        )
    if not outcome.path.is_dir():
        warn(
            f"The run folder {outcome.path} was removed while the study ran, and nothing is kept. "
            "Begin a new run."
        )
        return FAILED
    if not outcome.finished:
        return _tell_interruption(outcome.path, request)
    summary = outcome.summary
    if summary["best"] and not request.quiet and not request.as_json:
        from benchmark.commands.views import summary_table, verdict_view
        from benchmark.statistics import verdict

        console.print(summary_table(summary))
        console.print(verdict_view(verdict(read_run(outcome.path).trials)))
    trials = summary["trials"]
    did = "completed" if is_completion else f"{trials} trial{'s' * (trials != 1)}"
    tell(f"{did} in {duration(outcome.elapsed)} after the framework's import")
    if "tracking" in summary:
        share = summary["tracking"]["share_of_training"]
        tell(f"following the curvature took {share:.0%} of the time of training")
    _tell_files(outcome, request, tracking_uri, tell)
    return _tell_failures(outcome.path, summary, console)


def _tell_failures(path: Path, summary: Mapping[str, Any], console: Console) -> int:
    """Say why trials failed, and return the exit code: of a run in which all did, ``FAILED``."""
    statuses = summary.get("by_status", {})
    if "failed" not in statuses:
        return DONE
    from benchmark.commands.views import failure_lines

    for line in failure_lines(read_run(path)):
        _warn(console, line)
    if set(statuses) != {"failed"}:
        return DONE
    warn("Every trial failed. Correct the cause and begin a new run.")
    return FAILED


def _tell_files(
    outcome: "Outcome",
    request: StudyRequest,
    tracking_uri: str | None,
    tell: Callable[[str], None],
) -> None:
    """Say where report, models and tables are, and how to open MLflow."""
    tell(f"report    {outcome.report}")
    for file in _saved_models(outcome.path, outcome.summary).values():
        tell(f"model     {file}")
    tell(f"results   {outcome.path}")
    if tracking_uri:
        folder = outcome.path.parent.parent
        where = [] if folder == Path("results") else ["--results", str(folder)]
        is_server = tracking_uri.startswith("http")
        shown = masked(tracking_uri) if is_server else command("ui", *where, *_place(request))
        tell(f"MLflow    {shown}")


def _tell_interruption(path: Path, request: StudyRequest) -> int:
    """Say how to go on; return the exit code."""
    warn(f"Interrupted; every finished trial is kept. Go on with:\n  {_resume(path, request)}")
    return INTERRUPTED


def _place(request: StudyRequest) -> list[str]:
    # Without its password, which has no place on a screen; the user fills it in.
    return ["--tracking-uri", masked(request.tracking_uri)] if request.tracking_uri else []


def _resume(path: Path, request: StudyRequest) -> str:
    """The command that goes on with a run."""
    options = [*_place(request), *([] if request.tracking else ["--no-tracking"])]
    # A storage with a password is not recorded: the user has to name it again.
    is_recorded = request.storage is None or is_harmless(request.storage)
    options += [] if is_recorded else ["--storage", masked(request.storage or "")]
    return command("study", "--resume", path, *options)
