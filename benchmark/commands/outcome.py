"""How the command ``study`` ends: what it prints, and its exit code."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from benchmark.commands.progress import duration
from benchmark.commands.requests import StudyRequest
from benchmark.commands.terminal import command, warn
from benchmark.errors import UserError
from benchmark.results import (
    model_file,
    read_run,
)
from benchmark.urls import is_harmless, masked

if TYPE_CHECKING:
    from benchmark.session.session import Outcome

DONE, FAILED, INTERRUPTED = 0, 1, 130


def print_summary(summary: Mapping[str, Any], path: Path) -> None:
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


def tell_failure(error: OSError, path: Path, request: StudyRequest) -> int:
    """Say that a file could not be written, and how to go on; return the exit code."""
    if isinstance(error, UserError):  # it names its own remedy
        raise error
    warn(
        f"files must be readable and folders writable. Received: {error}. Every finished trial is "
        f"kept. Make room, or give access, and go on with:\n  {_resume(path, request)}"
    )
    return FAILED


def warn_on(console: Console, text: str) -> None:
    """Print a warning on the console of the study, above its progress."""
    console.print(text, style="yellow", soft_wrap=True, highlight=False)


def tell_outcome(
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
        print_summary(outcome.summary, outcome.path)
    store = _store_options(request)
    if outcome.unsent:
        warn_on(
            console,
            f"Not in MLflow yet: {outcome.unsent}. The run folder keeps it all. "
            f"Send it with: {command('track', outcome.path, *store)}",
        )
    if not outcome.path.is_dir():
        warn(
            f"The run folder {outcome.path} was removed while the study ran, and nothing is kept. "
            "Begin a new run."
        )
        return FAILED
    if not outcome.finished:
        return tell_interruption(outcome.path, request)
    summary = outcome.summary
    if summary["best"] and not request.quiet and not request.as_json:
        from benchmark.commands.views import outcome_view

        console.print(outcome_view(read_run(outcome.path), summary))
    trials = summary["trials"]
    did = "completed" if is_completion else f"{trials} trial{'s' * (trials != 1)}"
    tell(f"{did} in {duration(outcome.elapsed)} without the import of the framework")
    for sentence in curvature_sentences(summary):
        tell(sentence)
    _tell_files(outcome, request, tracking_uri, tell)
    return tell_failures(outcome.path, summary, console)


def tell_failures(path: Path, summary: Mapping[str, Any], console: Console) -> int:
    """Say why trials failed, and return the exit code: of a run in which all did, ``FAILED``."""
    statuses = summary.get("by_status", {})
    if "failed" not in statuses:
        return DONE
    from benchmark.commands.views import failure_lines

    for line in failure_lines(read_run(path)):
        warn_on(console, line)
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
        shown = (
            masked(tracking_uri) if is_server else command("ui", *where, *_store_options(request))
        )
        tell(f"MLflow    {shown}")


def tell_interruption(path: Path, request: StudyRequest) -> int:
    """Say how to go on; return the exit code."""
    warn(f"Interrupted; every finished trial is kept. Go on with:\n  {_resume(path, request)}")
    return INTERRUPTED


def curvature_sentences(summary: Mapping[str, Any]) -> list[str]:
    """Say how long monitoring and diagnosing took, compared with training the same trials.

    Example:
        >>> curvature_sentences({"diagnosis": {"trials": 3, "seconds": 90.0,
        ...                                    "share_of_training": 30.0}})
        ['diagnosing 3 trials took 1 min 30 s, 30 × the time of training them']
    """
    sentences = []
    if "monitoring" in summary:
        share = summary["monitoring"]["share_of_training"]
        sentences.append(f"monitoring the curvature took {share:.0%} of the time of training")
    if cost := summary.get("diagnosis"):
        share = cost["share_of_training"]
        shown = f"{share:.0%} of" if share < 2 else f"{share:.3g} ×"
        noun = "trial" if cost["trials"] == 1 else "trials"
        sentences.append(
            f"diagnosing {cost['trials']} {noun} took {duration(cost['seconds'])}, "
            f"{shown} the time of training them"
        )
    return sentences


def _store_options(request: StudyRequest) -> list[str]:
    # Without its password, which must not be shown on a screen; the user fills it in.
    return ["--tracking-uri", masked(request.tracking_uri)] if request.tracking_uri else []


def _resume(path: Path, request: StudyRequest) -> str:
    """The command that goes on with a run."""
    options = [*_store_options(request), *([] if request.tracking else ["--no-tracking"])]
    # A storage with a password is not recorded: the user has to name it again.
    is_recorded = request.storage is None or is_harmless(request.storage)
    options += [] if is_recorded else ["--storage", masked(request.storage or "")]
    return command("study", "--resume", path, *options)
