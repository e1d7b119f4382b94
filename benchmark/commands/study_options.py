"""The options of the command ``study``."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated

import typer

from benchmark.commands.backends import select_backend
from benchmark.commands.engine_options import engine_choice
from benchmark.commands.options import (
    RESULTS,
    BackendOption,
    JsonOption,
    ResultsOption,
    TrackingOption,
    TrustOption,
)
from benchmark.commands.terminal import bad_input, user_errors

DEFAULT_STUDY = "quickstart"


class Engine(StrEnum):
    """What trains the trials of a study."""

    SEQUENTIAL = "sequential"
    VECTORIZED = "vectorized"


def study(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME]...", help="Study files or names of studies, run one after the other."
        ),
    ] = None,
    resume: Annotated[
        str | None, typer.Option(help="Go on with an interrupted run.", metavar="RUN")
    ] = None,
    results: ResultsOption = RESULTS,
    run_name: Annotated[str | None, typer.Option(help="The run's name; the time by default.")] = (
        None
    ),
    seed: Annotated[int | None, typer.Option(help="Another seed than the study's.")] = None,
    trials: Annotated[int | None, typer.Option(help="Another number of trials.")] = None,
    override: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Change a key, e.g. training.epochs=5; repeatable."
        ),
    ] = None,
    backend: BackendOption = None,
    engine: Annotated[
        Engine | None,
        typer.Option(
            help="vectorized: many trials together, in one compiled program for each optimizer; "
            "the default. sequential: one at a time, by the public Keras API."
        ),
    ] = None,
    capacity: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="How many trials the vectorized engine runs at once; 16, or 8 a worker where "
            "that is more.",
        ),
    ] = None,
    workers: Annotated[
        str | None,
        typer.Option(
            metavar="N|auto",
            help="Train in N processes, each on a core or a GPU of its own; auto: as many as "
            "there are. Needs kappabench\\[ray]; this process alone by default.",
        ),
    ] = None,
    storage: Annotated[
        str | None, typer.Option(metavar="URL", help="An Optuna storage instead of the journal.")
    ] = None,
    tracking_uri: TrackingOption = None,
    tracking: Annotated[
        bool, typer.Option("--tracking/--no-tracking", help="Mirror the run to MLflow.")
    ] = True,
    trust: TrustOption = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only what went wrong.")] = (
        False
    ),
    as_json: JsonOption = False,
) -> None:
    """Run a study: search, train, record, report. Without NAME, the quickstart."""
    from benchmark.commands.outcome import StudyRequest
    from benchmark.commands.studies import run_studies

    changes = _changes(override, seed, trials)
    if resume is not None:
        _check_resumed(
            is_changed=bool(names or changes or run_name is not None),
            is_moved=bool(engine or capacity or workers),
        )
    request = StudyRequest(
        name="",
        changes=changes,
        resume=resume,
        results=results,
        run_name=run_name,
        storage=storage,
        tracking_uri=tracking_uri,
        tracking=tracking,
        quiet=quiet,
        as_json=as_json,
        trust=trust,
        engine=engine_choice(engine.value if engine else None, capacity, workers),
    )
    with user_errors():
        code = run_studies(
            names or [DEFAULT_STUDY], request, lambda recorded: select_backend(backend, recorded)
        )
    raise typer.Exit(code)


def _changes(override: Sequence[str] | None, seed: int | None, trials: int | None) -> list[str]:
    """All changes of the study as ``key=value``."""
    changes = [*(override or [])]
    changes += [f"seed={seed}"] if seed is not None else []
    changes += [f"budget.trials={trials}"] if trials is not None else []
    return changes


def _check_resumed(*, is_changed: bool, is_moved: bool) -> None:
    """Refuse what would make another run of the one that is resumed."""
    if is_changed:
        bad_input("--resume goes on with the study of that run. Leave out NAME and all changes.")
    if is_moved:
        bad_input(
            "--resume goes on with the engine of that run. "
            "Leave out --engine, --capacity and --workers."
        )
