"""What the command ``study`` does, from its options to its exit code."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rich.console import Console

from benchmark.commands.interruption import Interruption
from benchmark.commands.outcome import (
    DONE,
    INTERRUPTED,
    print_summary,
    tell_failure,
    tell_failures,
    tell_interruption,
    tell_outcome,
    warn_on,
)
from benchmark.commands.progress import DiagnosisForecast, Mode, StudyProgress
from benchmark.commands.requests import StudyRequest
from benchmark.commands.runs import code_of_study, opened_run
from benchmark.commands.terminal import Terminal, command, warn
from benchmark.distributed import available_workers, check_ray, share_graphics_memory
from benchmark.engine import DEFAULT_ENGINE, EngineChoice
from benchmark.errors import UserError
from benchmark.results import (
    best_results,
    check_run_name,
    check_unedited,
    find_run,
    is_extending,
    is_finished,
    is_summary,
    read_environment,
    read_summary,
    recorded_count,
)
from benchmark.study.catalogue import catalogue
from benchmark.study.data import check_data
from benchmark.study.loading import (
    BestOf,
    ChangedStudy,
    changed_study,
    find_study,
    study_of_run,
)
from benchmark.study.starts import BestSetting
from benchmark.tracking import resolve_tracking_uri

if TYPE_CHECKING:
    from benchmark.session.session import Outcome, Session


def run_studies(
    names: Sequence[str], request: StudyRequest, select_backend: Callable[[str], None]
) -> int:
    """Run studies in order and return the exit code, the largest of all.

    All of them are checked before the first is trained, so that a mistake in the last costs
    nothing.

    Args:
        names: study files or names of studies.
        request: what the user asked for, of each of them alike.
        select_backend: as for :func:`run_study`.

    Raises:
        UserError: something that the user can fix.
    """
    if len(names) == 1:
        return run_study(names[0], request, select_backend)
    if request.as_json:
        raise UserError(
            f"--json prints one document. Received {len(names)} studies. Run them one by one."
        )
    _check(names, request, select_backend)
    code = DONE
    for index, name in enumerate(names):
        ended = run_study(name, request, select_backend)
        left = names[index + 1 :]
        if ended == INTERRUPTED:
            if left:
                warn(f"Not begun:\n  {command('study', *left)}")
            return ended
        code = max(code, ended)
    return code


def _check(
    names: Sequence[str], request: StudyRequest, select_backend: Callable[[str], None]
) -> None:
    known = catalogue(before_import=lambda: select_backend(""))
    studies = []
    for name in names:
        with code_of_study(find_study(name), trust=request.trust):
            best_of = best_settings(request.results)
            studies.append(changed_study(name, request.changes, known, best_of).study)
    names = [study.name for study in studies]
    for study in studies:
        check_run_name(request.results, study.name, request.run_name)
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None:
        raise UserError(f"a study must be named once. Received {repeated!r} twice. Leave one out.")
    for study in studies:
        check_data(study, warn)


def run_study(name: str, request: StudyRequest, select_backend: Callable[[str], None]) -> int:
    """Run or resume a study and return the exit code.

    Args:
        name: a study file or the name of a study.
        request: what the user asked for.
        select_backend: chooses the framework, given that of the resumed run or nothing;
            called once everything is checked that can be checked without it, for its
            import takes seconds; earlier only where the study names a class of Keras.

    Raises:
        UserError: something that the user can fix.
    """
    if request.resume is None:
        with code_of_study(find_study(name), trust=request.trust):
            return _run(name, None, request, select_backend)
    with opened_run(request.results, request.resume, trust=request.trust) as path:
        return _run(name, path, request, select_backend)


def _run(
    name: str,
    path: Path | None,
    request: StudyRequest,
    select_backend: Callable[[str], None],
) -> int:
    """Train a new study, or a run that there is."""
    # With --quiet nothing but what went wrong is printed.
    console = Terminal(stderr=request.as_json or request.quiet)
    tell = _teller(console, request.quiet)
    engine_choice(request)  # refused before anything is read
    extended = _extended(path, request) if path else None
    is_over = path and extended is None and not is_extending(path)
    if path and is_over and (summary := _summary_of_trained(path)):
        return _end_trained(path, summary, request, select_backend, console)
    new = None
    if path is None:
        known = catalogue(before_import=lambda: select_backend(""))
        new = changed_study(name, request.changes, known, best_settings(request.results))
    try:
        outcome = train(new, path, request, select_backend, console, extended)
    except HaltedError as halted:
        if isinstance(halted.error, OSError):
            return tell_failure(halted.error, halted.path, request)
        return tell_interruption(halted.path, request)
    tracking_uri = _tracking_uri(request, outcome.path.absolute().parent.parent)
    return tell_outcome(outcome, request, tracking_uri, console, tell)


class HaltedError(Exception):
    """A run that stopped before its end, by a file that cannot be written or a second Ctrl-C.

    Args:
        path: the run folder, which keeps every finished trial.
        error: what stopped it.
    """

    def __init__(self, path: Path, error: BaseException) -> None:
        super().__init__(str(path))
        self.path, self.error = path, error


def train(
    new: ChangedStudy | None,
    path: Path | None,
    request: StudyRequest,
    select_backend: Callable[[str], None],
    console: Console,
    extended: str | None = None,
) -> "Outcome":
    """Train a new study, or go on with a run, while the progress is shown.

    Args:
        new: the study of a new run.
        path: or the folder of the run to go on with.
        request: what the user asked for.
        select_backend: as for :func:`run_study`.
        console: where notices and progress are printed.
        extended: the study of the run with more trials, if they are asked for.

    Raises:
        UserError: something that the user can fix.
        HaltedError: the run stopped before its end.
    """
    tell = _teller(console, request.quiet)
    if new is not None:
        for notice in new.notices:
            warn_on(console, notice)
        check_run_name(request.results, new.study.name, request.run_name)
        study = new.study
    else:
        assert path is not None
        study = study_of_run(path)
    facts = read_environment(path) if path else {}
    choice = _engine_of_run(path, facts) if path else engine_choice(request)
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
        from benchmark.session.session import Session, SessionSettings

        settings = SessionSettings(
            results,
            request.storage,
            tracking_uri,
            lambda text: warn_on(console, text),
            choice,
        )
        if new is not None:
            session = Session.create(new.text, new.study, settings, request.run_name)
        else:
            assert path is not None
            session = Session.resume(path, settings, extended)
        _introduce(session, choice, tell)
        try:
            return _run_visibly(session, console, _mode(console, request.quiet), interruption)
        except (OSError, KeyboardInterrupt) as error:  # the second Ctrl-C
            raise HaltedError(session.path, error) from None


def _extended(path: Path, request: StudyRequest) -> str | None:
    """The study of a run with more trials, where they are asked for."""
    if request.trials is None and request.extend is None:
        return None
    from benchmark.session.extension import extended_study

    return extended_study(path, request.trials, request.extend)


def best_settings(results: Path) -> BestOf:
    """What finds the best settings of another run by its name."""

    def best_of(run: str) -> Mapping[str, BestSetting]:
        return {
            label: BestSetting(
                label,
                result.trial.optimizer,
                result.trial.number,
                result.trial.hyperparameters,
                result.trial.objective,
            )
            for label, result in best_results(find_run(results, run)).items()
        }

    return best_of


def _introduce(session: "Session", choice: EngineChoice, tell: Callable[[str], None]) -> None:
    """Print the question, and what will take time."""
    tell(f"Run {session.name}: {session.question}")
    tell(session.plan)
    if session.curvature_cost:
        tell(session.curvature_cost)
    if choice.workers is not None:
        tell(f"Starting {choice.workers} workers, each of which imports the framework.")


def _summary_of_trained(path: Path) -> Mapping[str, Any]:
    """The summary of a run with a record of every trial.

    A deleted record is made again, and so is a summary that was edited.
    """
    summary = read_summary(path)
    is_whole = is_summary(summary) and summary["trials"] == recorded_count(path)
    return summary if is_whole else {}


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
    check_unedited(path)
    tell = _teller(console, request.quiet)
    if is_finished(path):
        tell(f"The run {path} is finished already: nothing is left to train.")
        if request.as_json:
            print_summary(summary, path)
        return tell_failures(path, summary, console)
    backend = str(read_environment(path).get("backend", ""))
    tell(f"The run {path} is trained. What is missing is made: models, report, MLflow.")
    tracking_uri = _tracking_uri(request, path.absolute().parent.parent)
    select_backend(backend)
    from benchmark.session.finishing import complete_run
    from benchmark.session.session import Outcome

    started = time.perf_counter()
    try:
        products, unsent = complete_run(path, tracking_uri, lambda text: warn_on(console, text))
    except OSError as error:
        return tell_failure(error, path, request)
    except KeyboardInterrupt:
        return tell_interruption(path, request)
    elapsed = time.perf_counter() - started
    outcome = Outcome(path, True, summary, products.report, unsent, elapsed)
    return tell_outcome(outcome, request, tracking_uri, console, tell, is_completion=True)


def _tracking_uri(request: StudyRequest, results: Path) -> str | None:
    if not request.tracking:
        return None
    return resolve_tracking_uri(request.tracking_uri, os.environ, results)


def engine_choice(request: StudyRequest) -> EngineChoice:
    """Return the engine that the options ask for.

    Raises:
        UserError: capacity or workers do not fit the engine.
    """
    try:
        name = request.engine or DEFAULT_ENGINE
        return EngineChoice(str(name), request.capacity, _workers(request.workers))
    except ValueError as error:
        raise UserError(str(error)) from None


def _workers(option: str | None) -> int | Literal["auto"] | None:
    if option is None:
        return None
    if option == "auto":
        return "auto"
    try:
        return int(option)
    except ValueError:
        raise ValueError(
            f"the workers must be >= 1 or auto. Received {option!r} at --workers."
        ) from None


def _mode(console: Console, quiet: bool) -> Mode:
    if quiet:
        return "quiet"
    # In a notebook Rich draws by ipywidgets.
    has_widgets = console.is_jupyter and find_spec("ipywidgets") is not None
    return "live" if console.is_terminal or has_widgets else "plain"


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
        return session.run(
            [progress, forecast],
            lambda: interruption.requested,
            label_stopped=progress.label_stopped,
        )


def _teller(console: Console, quiet: bool) -> Callable[[str], None]:
    def tell(text: str) -> None:
        if not quiet:
            console.print(text, soft_wrap=True, highlight=False)

    return tell
