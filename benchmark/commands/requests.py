"""What each command can be asked for: one frozen request a command, one field an option."""

import json
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from benchmark.commands.backends import Backend
from benchmark.commands.options import (
    RESULTS,
    BackendOption,
    JsonOption,
    ResultsOption,
    RunArgument,
    TrackingOption,
    TrustOption,
)

DEFAULT_STUDY = "quickstart"
STUDY_KEYS = {
    "seed": "seed",
    "trials": "budget.trials",
    "start_from": "budget.start_from",
}
"""The key of a study file that an option of ``study`` sets, by the option's field."""


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


class Engine(StrEnum):
    """What trains the trials of a study."""

    SEQUENTIAL = "sequential"
    VECTORIZED = "vectorized"


class Matrix(StrEnum):
    """The matrices whose spectrum ``curvature`` can measure."""

    HESSIAN = "hessian"
    GAUSS_NEWTON = "gauss_newton"


class Part(StrEnum):
    """The parts of a dataset."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


@dataclass(frozen=True)
class StudyRequest:
    """The options of ``study``."""

    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME]...",
            help="Study files or names of studies, run one after the other.",
            show_default=DEFAULT_STUDY,
        ),
    ] = None
    resume: Annotated[
        str | None,
        typer.Option(
            metavar="RUN",
            help="Continue an interrupted run, or add trials to a run with --trials or --extend.",
        ),
    ] = None
    extend: Annotated[
        int | None, typer.Option(min=1, help="With --resume: more trials for each optimizer.")
    ] = None
    results: ResultsOption = RESULTS
    run_name: Annotated[
        str | None, typer.Option(help="A name for the run. Default: the current time.")
    ] = None
    seed: Annotated[int | None, typer.Option(help="Use this seed instead of the study's.")] = None
    trials: Annotated[
        int | None,
        typer.Option(
            help="Search trials for each optimizer, instead of the study's number. The best "
            "setting of each is then trained again with new seeds: budget.replicates times."
        ),
    ] = None
    start_from: Annotated[
        str | None,
        typer.Option(metavar="RUN", help="Try the best settings of this run first."),
    ] = None
    override: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Change a key of the study, e.g. training.epochs=5. Repeatable.",
        ),
    ] = None
    backend: BackendOption = None
    engine: Annotated[
        Engine | None,
        typer.Option(
            help="vectorized (the default) trains many trials together, in one compiled program "
            "for each optimizer. sequential trains one at a time with Keras's public API."
        ),
    ] = None
    capacity: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="How many trials the vectorized engine trains at once. Default: 16, or 8 for "
            "each worker if that is more.",
        ),
    ] = None
    workers: Annotated[
        str | None,
        typer.Option(
            metavar="N|auto",
            help="Train in N processes, each on its own core or GPU; auto uses all that there "
            "are. Needs kappabench\\[ray]. Default: train in this process.",
        ),
    ] = None
    storage: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="Keep the search in this Optuna storage, not in the run folder."
        ),
    ] = None
    tracking_uri: TrackingOption = None
    tracking: Annotated[
        bool, typer.Option("--tracking/--no-tracking", help="Copy the run to MLflow.")
    ] = True
    trust: TrustOption = False
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only problems.")] = False
    as_json: JsonOption = False

    @property
    def changes(self) -> list[str]:
        """All changes of a study as ``key=value``; more trials do not change that of a run."""
        values = {key: getattr(self, field) for field, key in STUDY_KEYS.items()}
        if self.resume is not None:
            del values[STUDY_KEYS["trials"]]
        given = {key: value for key, value in values.items() if value is not None}
        changes = [f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in given.items()]
        return [*(self.override or []), *changes]


@dataclass(frozen=True)
class ValidateRequest:
    """The options of ``validate``."""

    paths: Annotated[list[str], typer.Argument(help="Study files or names of studies.")]
    trust: TrustOption = False
    as_json: JsonOption = False


@dataclass(frozen=True)
class ListRequest:
    """The options of ``list``."""

    kind: Annotated[Kind | None, typer.Argument(help="What to list. Default: everything.")] = None
    results: ResultsOption = RESULTS
    as_json: JsonOption = False


@dataclass(frozen=True)
class ShowRequest:
    """The options of ``show``."""

    run: RunArgument = "latest"
    trial: Annotated[int | None, typer.Option(help="Show only this trial, by its number.")] = None
    results: ResultsOption = RESULTS
    trust: TrustOption = False
    as_json: JsonOption = False


class ImageKind(StrEnum):
    """The files that ``report`` can write figures to."""

    SVG = "svg"
    PDF = "pdf"


class TableKind(StrEnum):
    """The files that ``report`` can write tables to."""

    CSV = "csv"
    LATEX = "latex"


@dataclass(frozen=True)
class ReportRequest:
    """The options of ``report``."""

    run: RunArgument = "latest"
    figures: Annotated[
        ImageKind | None,
        typer.Option(
            help="Also write each figure to figures/ as an image. Needs kappabench\\[figures] and "
            "Chromium or Chrome."
        ),
    ] = None
    tables: Annotated[TableKind | None, typer.Option(help="Also write each table to tables/.")] = (
        None
    )
    results: ResultsOption = RESULTS
    trust: TrustOption = False


@dataclass(frozen=True)
class TrackRequest:
    """The options of ``track``."""

    run: RunArgument = "latest"
    results: ResultsOption = RESULTS
    tracking_uri: TrackingOption = None
    trust: TrustOption = False


@dataclass(frozen=True)
class UiRequest:
    """The options of ``ui``."""

    run: Annotated[
        str | None,
        typer.Argument(
            metavar="[RUN]",
            help="A run, as for show, whose views are listed. Default: the newest in the store.",
        ),
    ] = None
    optuna: Annotated[
        bool,
        typer.Option(
            "--optuna", help="Open Optuna Dashboard on the search of the run instead of MLflow."
        ),
    ] = False
    port: Annotated[int, typer.Option(min=1, max=65535, help="The TCP port.")] = 5000
    open_browser: Annotated[
        bool, typer.Option("--open/--no-open", help="Open the page in a browser, on a desktop.")
    ] = True
    results: ResultsOption = RESULTS
    tracking_uri: TrackingOption = None
    storage: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="With --optuna: the storage of the search, if it has a password."
        ),
    ] = None


@dataclass(frozen=True)
class DoctorRequest:
    """The options of ``doctor``."""

    results: ResultsOption = RESULTS
    backend: BackendOption = None
    storage: Annotated[
        str | None, typer.Option(metavar="URL", help="Also check this Optuna storage.")
    ] = None
    tracking_uri: TrackingOption = None
    as_json: JsonOption = False


_of_run = partial(typer.Option, rich_help_panel="A trial of a run")
_of_model = partial(typer.Option, rich_help_panel="A saved Keras model")


@dataclass(frozen=True)
class CurvatureRequest:
    """The options of ``curvature``."""

    run: Annotated[
        str | None,
        typer.Argument(metavar="[RUN]", help="A run, as for show. Leave it out with --model."),
    ] = None
    trial: Annotated[
        int | None, _of_run(help="The number of a trial. Default: the best trial of the search.")
    ] = None
    trajectory: Annotated[
        bool,
        _of_run(
            "--trajectory/--no-trajectory",
            help="Train the trial again to show the path to its weights.",
        ),
    ] = True
    epochs: Annotated[
        int, _of_run(min=0, help="Measure curvature at this many epochs of the path.")
    ] = 8
    results: Annotated[Path, _of_run(help="The folder with all results.")] = RESULTS
    model: Annotated[
        Path | None, _of_model(metavar="FILE", help="A file that model.save wrote.")
    ] = None
    dataset: Annotated[
        str | None, _of_model(help="The dataset; list datasets shows the names.")
    ] = None
    loss: Annotated[
        str | None,
        _of_model(help="The name of a Keras loss. Default: the usual loss of the dataset's task."),
    ] = None
    scaling: Annotated[
        str | None,
        _of_model(
            help="How inputs are scaled: standard, min_max or none. Default: standard, but none "
            "for a model that a run saved, which scales its inputs itself."
        ),
    ] = None
    part: Annotated[Part, typer.Option(help="The part of the dataset to measure the loss on.")] = (
        Part.TRAIN
    )
    samples: Annotated[
        int, typer.Option(min=0, help="Examples drawn from that part; 0 for all.")
    ] = 0
    matrix: Annotated[Matrix, typer.Option(help="The matrix to measure.")] = Matrix.HESSIAN
    eigenvalues: Annotated[
        int,
        typer.Option(
            min=2, help="How many of the largest eigenvalues; half as many of the smallest."
        ),
    ] = 10
    exact_limit: Annotated[
        int,
        typer.Option(min=0, help="Form the whole matrix of models with at most this many weights."),
    ] = 1000
    density: Annotated[
        bool, typer.Option("--density/--no-density", help="Estimate the spectral density.")
    ] = True
    grid: Annotated[
        int,
        typer.Option(
            min=0, max=401, help="Points along each side of the loss surface; 0 for no surface."
        ),
    ] = 41
    seed: Annotated[
        int,
        typer.Option(min=0, help="Seed of drawn examples, random vectors and a model's split."),
    ] = 0
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Where to write the page and the numbers. Default: in the run folder, or beside "
            "the model.",
        ),
    ] = None
    backend: Annotated[
        Backend | None,
        typer.Option(help="The framework. Default: that of the run, or as for study with --model."),
    ] = None
    trust: TrustOption = False
    as_json: JsonOption = False
