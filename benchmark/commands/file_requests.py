"""What the commands can be asked for that read or write files of the user's."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from benchmark.commands.backends import Backend
from benchmark.commands.options import RESULTS, ResultsOption, RunArgument, TrustOption


@dataclass(frozen=True)
class InitRequest:
    """The options of ``init``."""

    dataset: Annotated[
        str,
        typer.Argument(
            help="The dataset of the study: a name that list datasets shows, or a CSV, TSV, "
            "Parquet or NPZ file."
        ),
    ]
    target: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="The column of the file to predict.")
    ] = None
    ignore: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN", help="A column of the file to leave out. Repeatable."),
    ] = None
    optimizers: Annotated[
        list[str] | None,
        typer.Option(
            "--optimizer",
            metavar="NAME",
            help="An optimizer to compare. Repeatable.",
            show_default="momentum, adam and adamw",
        ),
    ] = None
    output: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The study file. Default: studies/NAME.toml."),
    ] = None


class Task(StrEnum):
    """What a model predicts."""

    CLASSIFICATION = "classification"
    REGRESSION = "regression"


@dataclass(frozen=True)
class DescribeRequest:
    """The options of ``dataset describe``."""

    file: Annotated[
        str, typer.Argument(metavar="FILE", help="A CSV, TSV, Parquet or NPZ file with a row each.")
    ]
    target: Annotated[str | None, typer.Option(metavar="COLUMN", help="The column to predict.")] = (
        None
    )
    ignore: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN", help="A column to leave out. Repeatable."),
    ] = None
    task: Annotated[
        Task | None, typer.Option(help="What is predicted. Default: inferred from the target.")
    ] = None


class ExportKind(StrEnum):
    """The files that ``export`` can write."""

    CSV = "csv"
    PARQUET = "parquet"
    LATEX = "latex"


@dataclass(frozen=True)
class ExportRequest:
    """The options of ``export``."""

    run: RunArgument = "latest"
    kind: Annotated[
        ExportKind,
        typer.Option(
            "--format",
            help="csv and parquet write all numbers of the run: trials, curves, curvature, "
            "spectra and findings. latex writes the tables of the report, for a paper.",
        ),
    ] = ExportKind.CSV
    output: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Where to. Default: export/ in the run folder."),
    ] = None
    results: ResultsOption = RESULTS
    trust: TrustOption = False


@dataclass(frozen=True)
class PredictRequest:
    """The options of ``predict``."""

    run: RunArgument
    rows: Annotated[
        Path, typer.Argument(metavar="ROWS", help="New rows: a CSV, TSV or Parquet file.")
    ]
    label: Annotated[
        str | None,
        typer.Option(help="Whose best model predicts. Default: of the label that came first."),
    ] = None
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write the predictions to this CSV, TSV or Parquet file instead of printing them.",
        ),
    ] = None
    results: ResultsOption = RESULTS
    backend: Annotated[
        Backend | None, typer.Option(help="The framework. Default: that of the run.")
    ] = None
    trust: TrustOption = False
