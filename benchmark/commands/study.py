"""What the command ``study`` does, from its options to its exit code."""

import os
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from benchmark.catalogue import catalogue
from benchmark.commands.interruption import Interruption
from benchmark.commands.progress import DiagnosisForecast, Mode, StudyProgress, duration
from benchmark.distributed import available_workers, check_ray, share_graphics_memory
from benchmark.engine import EngineChoice
from benchmark.results import check_run_name, find_run, read_environment, read_summary
from benchmark.study_changes import changed_study
from benchmark.tracking import public_uri, resolve_tracking_uri

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
    # With --quiet nothing but what went wrong is printed.
    console = Console(stderr=request.as_json or request.quiet)
    tell = _teller(console, request.quiet)
    path = None if request.resume is None else find_run(request.results, request.resume)
    if path and (summary := read_summary(path)):
        tell(f"The run {path} is finished already: nothing is left to train.")
        if request.as_json:
            _print_summary(summary, path, path / "report.html")
        return DONE
    new = None
    if path is None:
        known = catalogue(before_import=lambda: select_backend(""))
        new = changed_study(request.name, request.changes, known)
        check_run_name(request.results, new.study.name, request.run_name)
    facts = read_environment(path) if path else {}
    choice = EngineChoice.of_run(facts) if path else request.engine
    if choice.workers is not None:
        check_ray()
        share_graphics_memory()
    # A run found by its folder keeps its MLflow store beside it, wherever this is called.
    results = path.absolute().parent.parent if path else request.results
    tracking_uri = _tracking_uri(request, results)
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
        outcome = _run_visibly(session, console, _mode(console, request.quiet), interruption)
    if request.as_json:
        _print_summary(outcome.summary, outcome.path, outcome.report)
    return _tell_outcome(outcome, request, tracking_uri, console, tell)


def _print_summary(summary: Mapping[str, Any], path: Path, report: Path | None) -> None:
    from benchmark.commands.views import print_json

    print_json({**summary, "path": str(path), "report": str(report) if report else None})


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
    forecast = DiagnosisForecast(session.diagnoses_left, _teller(console, mode == "quiet"))
    with StudyProgress(
        console, session.totals(), settings.direction, settings.objective, mode
    ) as progress:
        progress.restore(session.finished)
        return session.run([progress, forecast], lambda: interruption.requested)


def _warn(console: Console, text: str) -> None:
    console.print(text, style="yellow", soft_wrap=True, highlight=False, markup=False)


def _teller(console: Console, quiet: bool) -> Callable[[str], None]:
    def tell(text: str) -> None:
        if not quiet:
            console.print(text, soft_wrap=True, highlight=False, markup=False)

    return tell


def _tell_outcome(
    outcome: "Outcome",
    request: StudyRequest,
    tracking_uri: str | None,
    console: Console,
    tell: Callable[[str], None],
) -> int:
    """Say where everything is, and how to go on; return the exit code."""
    # Without its password, which has no place on a screen.
    place = ["--tracking-uri", public_uri(request.tracking_uri)] if request.tracking_uri else []
    if outcome.unsent:
        _warn(
            console,
            f"Not in MLflow yet: {outcome.unsent}. The run folder keeps it all. "
            f"Send it with: {command('track', outcome.path, *place)}",
        )
    if not outcome.finished:
        options = [*place, *([] if request.tracking else ["--no-tracking"])]
        # A storage with a password is not recorded, and not printed either.
        options += ["--storage", "URL"] if request.storage and "@" in request.storage else []
        sys.stderr.write(
            f"Interrupted; every finished trial is kept. Go on with:\n"
            f"  {command('study', '--resume', outcome.path, *options)}\n"
        )
        return INTERRUPTED
    summary = outcome.summary
    if not request.quiet and not request.as_json:
        from benchmark.commands.views import summary_table

        console.print(summary_table(summary))
    tell(f"{summary['trials']} trials in {duration(outcome.elapsed)} after the framework's import")
    for sentence in curvature_sentences(summary):
        tell(sentence)
    tell(f"report    {outcome.report}")
    tell(f"results   {outcome.path}")
    if tracking_uri:
        folder = outcome.path.parent.parent
        where = [] if folder == Path("results") else ["--results", str(folder)]
        is_server = tracking_uri.startswith("http")
        tell(
            f"MLflow    {public_uri(tracking_uri) if is_server else command('ui', *where, *place)}"
        )
    if summary["by_status"] and set(summary["by_status"]) <= {"failed"}:
        sys.stderr.write("Every trial failed; the reasons stand in the report.\n")
        return FAILED
    return DONE


def curvature_sentences(summary: Mapping[str, Any]) -> list[str]:
    """Say what curvature took, followed and diagnosed apart, beside the training of its trials.

    Example:
        >>> curvature_sentences({"diagnosis": {"trials": 3, "seconds": 90.0,
        ...                                    "share_of_training": 30.0}})
        ['diagnosing 3 trials took 1 min 30 s, 30 × the time of training them']
    """
    sentences = []
    if "tracking" in summary:
        share = summary["tracking"]["share_of_training"]
        sentences.append(f"following the curvature took {share:.0%} of the time of training")
    if cost := summary.get("diagnosis"):
        share = cost["share_of_training"]
        shown = f"{share:.0%} of" if share < 2 else f"{share:.3g} ×"
        noun = "trial" if cost["trials"] == 1 else "trials"
        sentences.append(
            f"diagnosing {cost['trials']} {noun} took {duration(cost['seconds'])}, "
            f"{shown} the time of training them"
        )
    return sentences


def command(*words: str | Path) -> str:
    """Return a command line that the user can paste.

    Example:
        >>> command("study", "--resume", Path("results/quickstart/first"))
        'python -m benchmark.run study --resume results/quickstart/first'
    """
    return shlex.join(["python", "-m", "benchmark.run", *map(str, words)])
