"""The command line: ``python -m benchmark.run study`` and its companions.

Nothing heavy is imported at the top: ``--help`` must answer at once.
"""

import atexit
import gc
import os
import sys

# `python -m` puts the current folder in front of all others, an installed command does not. A
# folder of results may hold somebody's `typer.py`, so what is installed goes first.
if __name__ == "__main__" and sys.path[:1] == [os.getcwd()]:  # noqa: PTH109 - as in sys.path
    sys.path.append(sys.path.pop(0))

from pathlib import Path

import typer

from benchmark.commands.backends import backend_name, select_backend
from benchmark.commands.check_requests import CheckModelRequest, CheckRequest
from benchmark.commands.file_requests import (
    DescribeRequest,
    ExportRequest,
    InitRequest,
    PredictRequest,
)
from benchmark.commands.options import takes
from benchmark.commands.requests import (
    DEFAULT_STUDY,
    CurvatureRequest,
    DoctorRequest,
    Kind,
    ListRequest,
    ReportRequest,
    ShowRequest,
    StudyRequest,
    TrackRequest,
    UiRequest,
    ValidateRequest,
)
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
datasets = typer.Typer(help="Look at a file of rows.", no_args_is_help=True)
app.add_typer(datasets, name="dataset")


@app.command(
    epilog="Examples:  study  |  study quickstart --seed 3  |  study --resume latest  |  "
    "study optimizers_digits optimizers_quadratic"
)
@takes(StudyRequest)
def study(request: StudyRequest) -> None:
    """Run a study: search, train, record and report."""
    if request.resume is not None:
        if request.names or request.changes or request.run_name is not None:
            bad_input("--resume continues the study of that run. Leave out NAME and all changes.")
        if request.engine or request.capacity or request.workers:
            bad_input(
                "--resume continues with the engine of that run. "
                "Leave out --engine, --capacity and --workers."
            )
        if request.trials is not None and request.extend is not None:
            bad_input("--trials is the number of all trials, --extend of more. Leave out one.")
    elif request.extend is not None:
        bad_input("--extend adds trials to a run. Add --resume RUN, or write --trials.")
    from benchmark.commands.study import run_studies

    with user_errors():
        code = run_studies(
            request.names or [DEFAULT_STUDY],
            request,
            lambda recorded: select_backend(request.backend, recorded),
        )
    raise typer.Exit(code)


@app.command(epilog="Examples:  init wine  |  init churn.csv --target churned --ignore customer")
@takes(InitRequest)
def init(request: InitRequest) -> None:
    """Write a study of a dataset, with comments, to begin with."""
    from benchmark.commands.init import run_init

    with user_errors():
        run_init(request)


@datasets.command(
    epilog="Example:  dataset describe churn.csv --target churned > datasets/churn.toml"
)
@takes(DescribeRequest)
def describe(request: DescribeRequest) -> None:
    """Print a dataset card of a file: what is known of it, to be kept or changed."""
    from benchmark.commands.dataset import describe as print_card

    with user_errors():
        print_card(request)


@app.command(epilog="Example:  validate studies/quickstart.toml")
@takes(ValidateRequest)
def validate(request: ValidateRequest) -> None:
    """Check study files and their data without training anything."""
    from benchmark.commands.listing import default_spaces
    from benchmark.commands.runs import code_of_study
    from benchmark.errors import UserError
    from benchmark.study.catalogue import catalogue
    from benchmark.study.data import check_data, data_sentences
    from benchmark.study.loading import find_study, load_study, old_names

    mistakes: dict[str, list[str]] = {}
    notes: dict[str, list[str]] = {}
    with user_errors():
        facts = catalogue()
        for path in request.paths:
            try:
                file = find_study(path)
                with code_of_study(file, trust=request.trust):
                    study = load_study(file, facts)
                check_data(study, warn, with_inferred=False)
                notes[path] = [
                    *old_names(file),
                    *data_sentences(study),
                    *default_spaces(study, facts),
                ]
                mistakes[path] = []
            except UserError as error:
                mistakes[path] = str(error).splitlines()
    if request.as_json:
        from benchmark.commands.views import print_json

        print_json(mistakes)
    for path, lines in mistakes.items():
        if not lines and not request.as_json:
            say("\n".join([f"{path}: good", *notes[path]]))
        for line in lines:
            warn(line)
    if any(mistakes.values()):
        raise typer.Exit(BAD_INPUT)


@app.command("list", epilog="Examples:  list  |  list optimizers  |  list studies --json")
@takes(ListRequest)
def list_kinds(request: ListRequest) -> None:
    """List studies, datasets, models, optimizers, schedules, problems, samplers, pruners, runs."""
    from benchmark.commands.listing import NOTES, listing

    with user_errors():
        kinds = [request.kind] if request.kind else list(Kind)
        rows_of = {kind.value: listing(kind.value, request.results) for kind in kinds}
    from benchmark.commands.views import listing_table, print_json

    if request.as_json:
        print_json(rows_of)
        return
    console = terminal()
    for title, rows in rows_of.items():
        console.print(listing_table(title, rows))
        if title in NOTES:
            console.print(NOTES[title], highlight=False)


@app.command(epilog="Examples:  show latest  |  show quickstart --trial 12")
@takes(ShowRequest)
def show(request: ShowRequest) -> None:
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

    trial = request.trial
    with user_errors(), opened_run(request.results, request.run, trust=request.trust) as path:
        tables = read_run(path)
        if trial is not None and trial not in set(tables.trials["number"]):
            bad_input(
                f"--trial must be a finished trial of the run. Received {trial}. "
                f"`show {request.run}` shows the best ones."
            )
        if request.as_json:
            print_json(run_document(tables) if trial is None else trial_document(tables, trial))
        else:
            terminal().print(run_view(tables) if trial is None else trial_view(tables, trial))


@app.command(epilog="Examples:  report latest  |  report latest --figures svg --tables csv")
@takes(ReportRequest)
def report(request: ReportRequest) -> None:
    """Write the report of a run again, from its folder alone."""
    from benchmark.commands.runs import opened_run
    from benchmark.commands.views import completeness
    from benchmark.report import write_images, write_report, write_tables

    with user_errors(), opened_run(request.results, request.run, trust=request.trust) as path:
        say(write_report(path))
        files = write_tables(path, request.tables.value) if request.tables else []
        files += write_images(path, request.figures.value) if request.figures else []
        for file in files:
            say(file)
        if lacking := completeness(path):
            warn(f"The run {path} is {lacking}")


@app.command(epilog="Examples:  export latest  |  export quickstart --format parquet --output out")
@takes(ExportRequest)
def export(request: ExportRequest) -> None:
    """Write the numbers of a run, or the tables of its report, to files."""
    from benchmark.commands.export import run_export

    with user_errors():
        run_export(request)


@app.command(
    epilog="Examples:  predict latest new.csv  |  predict quickstart new.parquet --label adam "
    "--output predictions.csv"
)
@takes(PredictRequest)
def predict(request: PredictRequest) -> None:
    """Predict the target of new rows by the best model of a run."""
    from benchmark.commands.predict import run_predict

    with user_errors():
        run_predict(request)


@app.command(epilog="Example:  track latest --tracking-uri http://127.0.0.1:5000")
@takes(TrackRequest)
def track(request: TrackRequest) -> None:
    """Send the trials of a run to MLflow that it does not have yet, from the run's folder."""
    from benchmark.commands.runs import opened_run
    from benchmark.commands.views import completeness

    with user_errors(), opened_run(request.results, request.run, trust=request.trust) as path:
        select_backend(None)  # the best models are rebuilt to be logged
        from benchmark.session.finishing import send_run
        from benchmark.urls import masked

        uri = _tracking_uri(request.tracking_uri, request.results)
        unsent = send_run(path, uri, warn)
        name, store = f"{path.parent.name}/{path.name}", masked(uri)
    if unsent:
        warn(
            f"MLflow at {store} did not receive all of {name}. Not sent: {unsent}. "
            "Try again when it answers."
        )
        raise typer.Exit(1)
    say(f"all trials of {name} are in MLflow at {store}")
    if lacking := completeness(path):
        say(f"the run is {lacking}")


@app.command(epilog="Examples:  ui --port 5001  |  ui quickstart  |  ui latest --optuna")
@takes(UiRequest)
def ui(request: UiRequest) -> None:
    """Open MLflow's pages of the results, on this machine only (127.0.0.1)."""
    from benchmark.commands.ui import run_dashboard, run_mlflow

    with user_errors():
        if request.optuna:
            code = run_dashboard(request)
        else:
            code = run_mlflow(request, _tracking_uri(request.tracking_uri, request.results))
    raise typer.Exit(code)


@app.command(epilog="Example:  doctor --backend jax")
@takes(DoctorRequest)
def doctor(request: DoctorRequest) -> None:
    """Check the installation: versions, backend, devices, search storage and MLflow."""
    from benchmark.commands.doctor import examine
    from benchmark.commands.views import doctor_table, print_json

    with user_errors():
        from benchmark.backend import select

        checks = examine(
            backend_name(request.backend),
            request.results,
            request.storage,
            lambda: _tracking_uri(request.tracking_uri, request.results),
            select,
        )
    if request.as_json:
        print_json({check.name: {"good": check.good, "found": check.detail} for check in checks})
    else:
        terminal().print(doctor_table(checks))
    raise typer.Exit(0 if all(check.good for check in checks) else 1)


@app.command(
    epilog="Examples:  curvature latest  |  curvature quickstart --trial 12 --samples 500  |  "
    "curvature --model model.keras --dataset digits --matrix gauss_newton"
)
@takes(CurvatureRequest)
def curvature(request: CurvatureRequest) -> None:
    """Measure the curvature at a trained model: spectrum, condition number, path and surface.

    The model is a recorded trial of a run, at the weights that the run kept
    (or else trained again), or any saved Keras model on a dataset. The command
    says what is exact, estimated or only bounded. It writes a page with figures,
    and the numbers as JSON and Parquet.
    """
    from benchmark.commands.curvature import run_curvature

    with user_errors():
        run_curvature(request)


@app.command(
    "check-optimizer",
    epilog="Examples:  check-optimizer adam keras:Adam  |  check-optimizer my_module:MyOptimizer "
    "--backend jax  |  check-optimizer --all --output docs/optimizers.md",
)
@takes(CheckRequest)
def check_optimizer(request: CheckRequest) -> None:
    """Check that an optimizer class meets the common requirements.

    Each optimizer steps on closed-form functions, is compiled, saved and
    resumed, and trains in both engines. That takes about ten seconds. If a
    check fails, the command prints what failed and exits with 1.
    """
    from benchmark.commands.check_optimizer import run_check

    with user_errors():
        code = run_check(request)
    raise typer.Exit(code)


@app.command(
    "check-model",
    epilog="Examples:  check-model my_module:build --dataset wine --set width=16  |  check-model "
    "my.keras --backend jax",
)
@takes(CheckModelRequest)
def check_model(request: CheckModelRequest) -> None:
    """Check that a model can be used in a study.

    It is built, evaluated, differentiated, saved and trained in both engines
    on a dataset. That takes about ten seconds. If a check fails, the command
    prints what failed and exits with 1.
    """
    from benchmark.commands.check_model import run_model_check

    with user_errors():
        code = run_model_check(request)
    raise typer.Exit(code)


def main() -> None:
    """Run the command line."""
    guard_streams()
    # Importing TensorFlow makes a million objects that all stay. Looking for garbage among them
    # after every 700 takes a fifth of its time.
    gc.set_threshold(50_000)
    # Python's end would look through them all once more, which takes two seconds.
    atexit.register(gc.freeze)
    # While one thread traces a program, another imports MLflow and waits for the disk. A thread
    # that gave Python's lock away for an instant would get it back after 5 ms, thousands of times.
    sys.setswitchinterval(0.0005)
    app()


def _tracking_uri(option: str | None, results: Path) -> str:
    from benchmark.tracking import resolve_tracking_uri

    return resolve_tracking_uri(option, os.environ, results)


if __name__ == "__main__":
    main()
