"""The options of the command ``curvature``."""

from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from benchmark.commands.backends import Backend
from benchmark.commands.options import RESULTS, JsonOption, TrustOption
from benchmark.commands.terminal import user_errors


class Matrix(StrEnum):
    """The matrices that can be examined."""

    HESSIAN = "hessian"
    GAUSS_NEWTON = "gauss_newton"


class Part(StrEnum):
    """The parts of a dataset."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


of_run = partial(typer.Option, rich_help_panel="A trial of a run")
of_model = partial(typer.Option, rich_help_panel="A saved Keras model")


def curvature(
    run: Annotated[
        str | None,
        typer.Argument(
            metavar="[RUN]", help="A run, as of show; or leave it out and name a --model."
        ),
    ] = None,
    trial: Annotated[
        int | None, of_run(help="A trial of the run; the best one by default.")
    ] = None,
    trajectory: Annotated[
        bool,
        of_run(
            "--trajectory/--no-trajectory",
            help="Train the trial again to show the path to its weights.",
        ),
    ] = True,
    epochs: Annotated[
        int, of_run(min=0, help="At how many epochs of the path curvature is measured.")
    ] = 8,
    results: Annotated[Path, of_run(help="The folder of all results.")] = RESULTS,
    model: Annotated[Path | None, of_model(metavar="FILE", help="What model.save wrote.")] = None,
    dataset: Annotated[str | None, of_model(help="The dataset, of list datasets.")] = None,
    loss: Annotated[
        str | None,
        of_model(help="The name of a Keras loss; that of the dataset's task by default."),
    ] = None,
    scaling: Annotated[
        str | None,
        of_model(
            help="Of the inputs: standard, min_max or none; by default standard, or none for the "
            "saved model of a run, which scales its inputs itself."
        ),
    ] = None,
    part: Annotated[Part, typer.Option(help="Of the dataset.")] = Part.TRAIN,
    samples: Annotated[
        int, typer.Option(min=0, help="Examples drawn from the part; 0 for all.")
    ] = 0,
    matrix: Annotated[Matrix, typer.Option(help="What is examined.")] = Matrix.HESSIAN,
    eigenvalues: Annotated[
        int, typer.Option(min=2, help="How many of the largest; half as many of the smallest.")
    ] = 10,
    exact_limit: Annotated[
        int, typer.Option(min=0, help="The most parameters whose whole matrix is formed.")
    ] = 1000,
    density: Annotated[
        bool, typer.Option("--density/--no-density", help="Estimate the spectral density.")
    ] = True,
    grid: Annotated[
        int,
        typer.Option(
            min=0, max=401, help="Points along a side of the plane of the loss; 0 for none."
        ),
    ] = 41,
    seed: Annotated[
        int, typer.Option(min=0, help="Of drawn examples, random vectors and a model's split.")
    ] = 0,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Where page and numbers are written; in the run, or beside the model, by default.",
        ),
    ] = None,
    backend: Annotated[
        Backend | None, typer.Option(help="The framework; that of the run by default.")
    ] = None,
    trust: TrustOption = False,
    as_json: JsonOption = False,
) -> None:
    """Examine the curvature of a trained model: spectrum, condition, path, pictures.

    Of a recorded trial, at the weights that its run kept, or else after training it again; or of
    any saved Keras model on a dataset. Shows what is exact, estimated or only bounded, and
    writes a page with pictures and the numbers as JSON and Parquet.
    """
    from benchmark.commands.curvature import CurvatureCommand, run_curvature

    request = CurvatureCommand(
        run=run,
        trial=trial,
        results=results,
        model=model,
        dataset=dataset,
        loss=loss,
        scaling=scaling,
        output=output,
        backend=backend.value if backend else None,
        as_json=as_json,
        trust=trust,
        measured={
            "matrix": matrix.value,
            "part": part.value,
            "samples": samples,
            "eigenvalues": eigenvalues,
            "exact_limit": exact_limit,
            "density": density,
            "trajectory": trajectory,
            "epochs": epochs,
            "grid": grid,
            "seed": seed,
        },
    )
    with user_errors():
        run_curvature(request)
