"""What the command ``study`` does, from its options to its exit code."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from benchmark.catalogue import catalogue
from benchmark.commands.interruption import Interruption
from benchmark.commands.progress import Mode, StudyProgress, duration
from benchmark.engine import EngineChoice
from benchmark.results import find_run
from benchmark.study_changes import changed_study

if TYPE_CHECKING:
    from benchmark.session import Outcome

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
        tracking_uri: the MLflow store, or nothing for no tracking.
        quiet: print only what went wrong.
        as_json: print the summary as JSON, and progress to standard error.
        engine: what trains a new run.
    """

    name: str
    changes: Sequence[str]
    resume: str | None
    results: Path
    run_name: str | None
    storage: str | None
    tracking_uri: str | None
    quiet: bool
    as_json: bool
    engine: EngineChoice


def run_study(request: StudyRequest, select_backend: Callable[[], None]) -> int:
    """Run or resume a study and return the exit code.

    Args:
        request: what the user asked for.
        select_backend: chooses the framework; called once everything is checked that
            can be checked without it, for its import takes seconds.

    Raises:
        UserError: something that the user can mend.
    """
    console = Console(stderr=request.as_json)
    tell = _teller(console, request.quiet)
    new = None if request.resume else changed_study(request.name, request.changes, catalogue())
    path = find_run(request.results, request.resume) if request.resume else None
    tell("Starting: importing the framework takes a few seconds.")
    with Interruption() as interruption:
        select_backend()
        from benchmark.session import Session, SessionSettings

        settings = SessionSettings(
            request.results,
            request.storage,
            request.tracking_uri,
            lambda text: console.print(text, style="yellow", highlight=False, markup=False),
            request.engine,
        )
        if new is not None:
            session = Session.create(new.text, new.study, settings, request.run_name)
        else:
            assert path is not None
            session = Session.resume(path, settings)
        tell(f"Run {session.name}: {session.question}")
        progress = StudyProgress(
            console,
            session.totals(),
            session.search_settings.direction,
            session.search_settings.objective,
            _mode(console, request.quiet),
        )
        with progress:
            progress.restore(session.finished)
            outcome = session.run([progress], lambda: interruption.requested)
    if request.as_json:
        from benchmark.commands.views import print_json

        print_json({**outcome.summary, "path": str(outcome.path), "report": str(outcome.report)})
    return _tell_outcome(outcome, request, console, tell)


def _mode(console: Console, quiet: bool) -> Mode:
    if quiet:
        return "quiet"
    return "live" if console.is_terminal else "plain"


def _teller(console: Console, quiet: bool) -> Callable[[str], None]:
    def tell(text: str) -> None:
        if not quiet:
            console.print(text, soft_wrap=True, highlight=False, markup=False)

    return tell


def _tell_outcome(
    outcome: "Outcome", request: StudyRequest, console: Console, tell: Callable[[str], None]
) -> int:
    """Say where everything is, and how to go on; return the exit code."""
    if outcome.unsent:
        console.print(
            f"{outcome.unsent} trials are not in MLflow yet; they are safe in the run folder. "
            f"Send them with: {command('track', outcome.path)}",
            style="yellow",
            soft_wrap=True,
            highlight=False,
        )
    if not outcome.finished:
        sys.stderr.write(
            f"Interrupted; every finished trial is kept. Go on with:\n"
            f"  {command('study --resume', outcome.path)}\n"
        )
        return INTERRUPTED
    summary = outcome.summary
    if not request.quiet and not request.as_json:
        from benchmark.commands.views import summary_table

        console.print(summary_table(summary))
    total = duration(outcome.elapsed)
    tell(f"{summary['trials']} trials in {total} after the framework's import")
    tell(f"report    {outcome.report}")
    tell(f"results   {outcome.path}")
    if request.tracking_uri:
        tell(f"MLflow    {command('ui', None)}")
    if set(summary["by_status"]) <= {"failed"}:
        sys.stderr.write("Every trial failed; the reasons stand in the report.\n")
        return FAILED
    return DONE


def command(verb: str, path: Path | None) -> str:
    """Return a command line that the user can paste.

    Example:
        >>> command("study --resume", Path("results/quickstart/first"))
        'python -m benchmark.run study --resume results/quickstart/first'
    """
    return f"python -m benchmark.run {verb} {path or ''}".rstrip()
