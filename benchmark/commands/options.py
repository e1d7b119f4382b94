"""The options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from benchmark.commands.backends import Backend

RESULTS = Path("results")

ResultsOption = Annotated[
    Path, typer.Option("--results", help="The folder of all results.", show_default=True)
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
BackendOption = Annotated[
    Backend | None,
    typer.Option(help="The framework; KERAS_BACKEND or tensorflow by default."),
]
TrackingOption = Annotated[
    str | None,
    typer.Option(
        "--tracking-uri",
        help="The MLflow store; MLFLOW_TRACKING_URI or sqlite in the results by default.",
    ),
]
TrustOption = Annotated[
    bool,
    typer.Option(
        "--trust",
        help="Import the optimizers that the run names, package.module:Class, from wherever they "
        "are; without it only from the files that the run was made with.",
    ),
]
RunArgument = Annotated[
    str, typer.Argument(help="A run: its folder, STUDY/RUN, RUN, a study's latest, or 'latest'.")
]
