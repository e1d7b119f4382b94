"""The command line: ``python -m benchmark.run study`` and its companions.

Nothing heavy is imported at the top: ``--help`` must answer at once.
"""

import os
import sys

# `python -m` puts the current folder in front of all others, an installed command does not. A
# folder of results may hold somebody's `typer.py`, so what is installed goes first.
if __name__ == "__main__" and sys.path[:1] == [os.getcwd()]:  # noqa: PTH109 - as in sys.path
    sys.path.append(sys.path.pop(0))

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from benchmark.commands.backends import backend_name, select_backend
from benchmark.commands.check_optimizer_options import check_optimizer
from benchmark.commands.curvature_options import curvature
from benchmark.commands.options import (
    RESULTS,
    BackendOption,
    JsonOption,
    ResultsOption,
    RunArgument,
    TrackingOption,
    TrustOption,
)
from benchmark.commands.study_options import study
from benchmark.commands.terminal import (
    BAD_INPUT,
    Program,
    bad_input,
    guard_streams,
    say,
    terminal,
    user_errors,
    warn,
)

app = typer.Typer(
    name="kappabench",
    cls=Program,
    help="Which optimizer, with which settings, trains a problem best, and why?",
    epilog="Start with:  python -m benchmark.run study",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


class Kind(StrEnum):
    """What ``list`` can list."""

    STUDIES = "studies"
    DATASETS = "datasets"
    MODELS = "models"
    OPTIMIZERS = "optimizers"
    SCHEDULES = "schedules"
    PROBLEMS = "problems"
    SAMPLERS = "samplers"
    PRUNERS = "pruners"
    RUNS = "runs"


app.command(
    epilog="Examples:  study  |  study quickstart --seed 3  |  study --resume latest  |  "
    "study optimizers_digits optimizers_quadratic"
)(study)


@app.command(epilog="Example:  validate studies/quickstart.toml")
def validate(
    paths: Annotated[list[str], typer.Argument(help="Study files or names of studies.")],
    trust: TrustOption = False,
    as_json: JsonOption = False,
) -> None:
    """Check study files and the data that they train on, without running them."""
    from benchmark.commands.listing import default_spaces
    from benchmark.commands.runs import code_of_study
    from benchmark.errors import UserError
    from benchmark.study.catalogue import catalogue
    from benchmark.study.data import check_data
    from benchmark.study.loading import find_study, load_study, old_names

    found: dict[str, list[str]] = {}
    notes: dict[str, list[str]] = {}
    with user_errors():
        facts = catalogue()
        for path in paths:
            try:
                file = find_study(path)
                with code_of_study(file, trust=trust):
                    study = load_study(file, facts)
                check_data(study, warn)
                notes[path] = [*old_names(file), *default_spaces(study, facts)]
                found[path] = []
            except UserError as error:
                found[path] = str(error).splitlines()
    if as_json:
        from benchmark.commands.views import print_json

        print_json(found)
    for path, lines in found.items():
        if not lines and not as_json:
            say("\n".join([f"{path}: good", *notes[path]]))
        for line in lines:
            warn(line)
    if any(found.values()):
        raise typer.Exit(BAD_INPUT)


@app.command("list", epilog="Examples:  list  |  list optimizers  |  list studies --json")
def list_kinds(
    kind: Annotated[Kind | None, typer.Argument(help="What to list; everything if left out.")] = (
        None
    ),
    results: ResultsOption = RESULTS,
    as_json: JsonOption = False,
) -> None:
    """List studies, datasets, models, optimizers, problems, samplers, pruners or runs."""
    from benchmark.commands.listing import NOTES, listing

    with user_errors():
        kinds = [kind] if kind else list(Kind)
        found = {one.value: listing(one.value, results) for one in kinds}
    from benchmark.commands.views import listing_table, print_json

    if as_json:
        print_json(found)
        return
    console = terminal()
    for title, rows in found.items():
        console.print(listing_table(title, rows))
        if title in NOTES:
            console.print(NOTES[title], highlight=False)


@app.command(epilog="Examples:  show latest  |  show quickstart --trial 12")
def show(
    run: RunArgument = "latest",
    trial: Annotated[int | None, typer.Option(help="Show one trial of it.")] = None,
    results: ResultsOption = RESULTS,
    trust: TrustOption = False,
    as_json: JsonOption = False,
) -> None:
    """Show the results of a run in the terminal."""
    from benchmark.commands.runs import opened_run
    from benchmark.commands.views import (
        print_json,
        run_document,
        run_view,
        trial_document,
        trial_view,
    )
    from benchmark.results import read_run

    with user_errors(), opened_run(results, run, trust=trust) as path:
        tables = read_run(path)
        if trial is not None and trial not in set(tables.trials["number"]):
            bad_input(
                f"--trial must be a finished trial of the run. Received {trial}. "
                f"`show {run}` shows the best ones."
            )
        if as_json:
            print_json(run_document(tables) if trial is None else trial_document(tables, trial))
        else:
            terminal().print(run_view(tables) if trial is None else trial_view(tables, trial))


@app.command(epilog="Example:  report latest")
def report(
    run: RunArgument = "latest", results: ResultsOption = RESULTS, trust: TrustOption = False
) -> None:
    """Make the report of a run anew, from its folder alone."""
    from benchmark.commands.runs import opened_run
    from benchmark.commands.views import completeness
    from benchmark.report import write_report

    with user_errors(), opened_run(results, run, trust=trust) as path:
        say(write_report(path))
        if lacking := completeness(path):
            warn(f"The run {path} is {lacking}")


@app.command(epilog="Example:  track latest --tracking-uri http://127.0.0.1:5000")
def track(
    run: RunArgument = "latest",
    results: ResultsOption = RESULTS,
    tracking_uri: TrackingOption = None,
    trust: TrustOption = False,
) -> None:
    """Send the trials of a run that MLflow does not have yet, from its folder alone."""
    from benchmark.commands.runs import opened_run
    from benchmark.commands.views import completeness

    with user_errors(), opened_run(results, run, trust=trust) as path:
        select_backend(None)  # the best models are rebuilt to be logged
        from benchmark.session.finishing import send_run
        from benchmark.urls import masked

        uri = _tracking_uri(tracking_uri, results)
        unsent = send_run(path, uri, warn)
        name, place = f"{path.parent.name}/{path.name}", masked(uri)
    if unsent:
        warn(
            f"MLflow at {place} did not receive all of {name}. Not sent: {unsent}. "
            "Try again when it answers."
        )
        raise typer.Exit(1)
    say(f"all trials of {name} are in MLflow at {place}")
    if lacking := completeness(path):
        say(f"the run is {lacking}")


@app.command(epilog="Example:  ui --port 5001")
def ui(
    port: Annotated[int, typer.Option(min=1, max=65535, help="The TCP port.")] = 5000,
    results: ResultsOption = RESULTS,
    tracking_uri: TrackingOption = None,
) -> None:
    """Open the MLflow user interface on the store of the results, on loopback."""
    from benchmark.commands.serving import serve
    from benchmark.tracking import check_database, ui_command, ui_environment

    with user_errors():
        uri = _tracking_uri(tracking_uri, results)
        command = ui_command(uri, port=port)
        check_database(uri)
        results.mkdir(parents=True, exist_ok=True)
        # Without the parameter MLflow opens its pages on language models.
        page = f"http://127.0.0.1:{port}/#/experiments?workflowType=machine_learning"
        say(f"MLflow on {page} (Ctrl-C ends it)")
        code = serve(command, ui_environment(os.environ, uri))
    raise typer.Exit(code)


@app.command(epilog="Example:  doctor --backend jax")
def doctor(
    results: ResultsOption = RESULTS,
    backend: BackendOption = None,
    storage: Annotated[str | None, typer.Option(metavar="URL", help="An Optuna storage.")] = None,
    tracking_uri: TrackingOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check the installation: versions, backend, devices, storage and tracking."""
    from benchmark.commands.doctor import examine
    from benchmark.commands.views import doctor_table, print_json

    with user_errors():
        from benchmark.backend import select

        found = examine(
            backend_name(backend),
            results,
            storage,
            lambda: _tracking_uri(tracking_uri, results),
            select,
        )
    if as_json:
        print_json({check.name: {"good": check.good, "found": check.found} for check in found})
    else:
        terminal().print(doctor_table(found))
    raise typer.Exit(0 if all(check.good for check in found) else 1)


app.command(
    epilog="Examples:  curvature latest  |  curvature quickstart --trial 12 --samples 500  |  "
    "curvature --model model.keras --dataset digits --matrix gauss_newton"
)(curvature)
app.command(
    "check-optimizer",
    epilog="Examples:  check-optimizer adam keras:Adam  |  check-optimizer my_module:MyOptimizer "
    "--backend jax  |  check-optimizer --all --output docs/optimizers.md",
)(check_optimizer)


def main() -> None:
    """Run the command line."""
    guard_streams()
    app()


def _tracking_uri(option: str | None, results: Path) -> str:
    from benchmark.tracking import resolve_tracking_uri

    return resolve_tracking_uri(option, os.environ, results)


if __name__ == "__main__":
    main()
