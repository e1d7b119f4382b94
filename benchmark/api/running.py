"""Running studies from Python: as the command does, with exceptions in place of exit codes."""

from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from benchmark.api.run import Run, load_run
from benchmark.api.studies import resolved_study
from benchmark.commands import study as command
from benchmark.commands.backends import Backend, select_backend
from benchmark.commands.options import RESULTS
from benchmark.commands.outcome import INTERRUPTED, tell_failures, warn_on
from benchmark.commands.requests import Engine, StudyRequest
from benchmark.commands.runs import code_of_study
from benchmark.commands.terminal import Terminal
from benchmark.errors import UserError
from benchmark.study.loading import find_study
from benchmark.study.schema import Study


def run_study(
    study: str | Path | Mapping[str, Any] | Study,
    *,
    results: str | Path = RESULTS,
    name: str | None = None,
    track: bool = False,
    tracking_uri: str | None = None,
    backend: str | None = None,
    engine: str | None = None,
    capacity: int | None = None,
    workers: int | str | None = None,
    storage: str | None = None,
    quiet: bool = False,
) -> Run:
    """Run a study: search, train, record and report.

    Progress is shown in a terminal and in a notebook, there as bars if ipywidgets is installed.
    Ctrl-C (in a notebook: interrupt) ends the run after the current epoch; :func:`resume_run`
    goes on with it.

    Args:
        study: of :func:`benchmark.load_study`, or anything that it takes.
        results: the folder of all results.
        name: of the run; by default the current time.
        track: whether to copy the run to MLflow.
        tracking_uri: the MLflow store; by default ``MLFLOW_TRACKING_URI``, or else a SQLite file
            in the results folder.
        backend: ``"tensorflow"`` or ``"jax"``; by default ``KERAS_BACKEND``, or else tensorflow.
        engine: ``"vectorized"`` (the default) or ``"sequential"``.
        capacity: how many trials are trained at once.
        workers: train in this many processes, or ``"auto"``; needs the extra ``ray``.
        storage: an Optuna storage URL, to keep the search in.
        quiet: whether to print only problems.

    Raises:
        UserError: a mistake in the study, the data or an argument, before anything is trained.
        KeyboardInterrupt: the run was interrupted; every finished trial is kept.
    """
    request = _request(
        results=Path(results),
        run_name=name,
        tracking=track,
        tracking_uri=tracking_uri,
        backend=backend,
        engine=engine,
        capacity=capacity,
        workers=None if workers is None else str(workers),
        storage=storage,
        quiet=quiet,
    )
    console = Terminal(stderr=quiet)

    def select(recorded: str) -> None:
        select_backend(request.backend, recorded)

    is_named = isinstance(study, str | Path)
    code = code_of_study(find_study(str(study)), trust=False) if is_named else nullcontext()
    with code:
        command.engine_choice(request)  # refused before anything is read
        new = resolved_study(
            study, (), "study", lambda: select(""), command.best_settings(request.results)
        )
        try:
            outcome = command.train(new, None, request, select, console)
        except command.HaltedError as halted:
            if isinstance(halted.error, KeyboardInterrupt):
                raise _interruption(halted.path) from None
            raise halted.error from None
    if not outcome.finished:
        raise _interruption(outcome.path)
    if outcome.unsent:
        warn_on(console, f"Not in MLflow yet: {outcome.unsent}. The run folder keeps it all.")
    tell_failures(outcome.path, outcome.summary, console)
    return Run(outcome.path)


def resume_run(
    run: Run | str | Path,
    *,
    results: str | Path = RESULTS,
    track: bool = False,
    tracking_uri: str | None = None,
    quiet: bool = False,
    trust: bool = False,
) -> Run:
    """Go on with an interrupted run, on its own backend and engine, and return it.

    Args:
        run: the run, or its name as for :func:`benchmark.load_run`.
        results: the folder of all results, where ``run`` is a name.
        track: whether to copy the run to MLflow.
        tracking_uri: as for :func:`run_study`.
        quiet: whether to print only problems.
        trust: as for :func:`benchmark.load_run`.

    Raises:
        UserError: there is no such run, or it cannot be resumed.
        KeyboardInterrupt: the run was interrupted again.
    """
    run = run if isinstance(run, Run) else load_run(run, results=results, trust=trust)
    request = _request(
        resume=str(run.path.absolute()),
        tracking=track,
        tracking_uri=tracking_uri,
        quiet=quiet,
        trust=run.trust or trust,
    )
    code = command.run_study("", request, lambda recorded: select_backend(None, recorded))
    if code == INTERRUPTED:
        raise _interruption(run.path)
    return Run(run.path, trust=run.trust)


def _request(**options: Any) -> StudyRequest:
    """What the command would be asked; a wrong word is refused as there."""
    for name, words in (("backend", Backend), ("engine", Engine)):
        value = options.get(name)
        if value is not None:
            known = [word.value for word in words]
            if value not in known:
                raise UserError(
                    f"{name} must be {' or '.join(known)}. Received {value!r}. Take one of them."
                )
            options[name] = words(value)
    return StudyRequest(**options)


def _interruption(path: Path) -> KeyboardInterrupt:
    return KeyboardInterrupt(
        f"interrupted; every finished trial is kept. Go on with: resume_run({str(path)!r})"
    )
