"""The requests of the commands that check optimizers and models: what a user may ask for."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from benchmark.commands.backends import Backend
from benchmark.commands.options import JsonOption


@dataclass(frozen=True)
class CheckRequest:
    """The options of ``check-optimizer``."""

    optimizers: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="OPTIMIZER...",
            help="Names that list optimizers shows, keras:Class or package.module:Class.",
        ),
    ] = None
    everything: Annotated[bool, typer.Option("--all", help="Check every built-in optimizer.")] = (
        False
    )
    backend: Annotated[
        list[Backend] | None,
        typer.Option(
            help="The framework. Repeatable; each runs in its own process. Default: "
            "KERAS_BACKEND, or else tensorflow."
        ),
    ] = None
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Write the table of all properties into this Markdown file."
        ),
    ] = None
    as_json: JsonOption = False


@dataclass(frozen=True)
class CheckModelRequest:
    """The options of ``check-model``."""

    model: Annotated[
        str,
        typer.Argument(
            help="A name that list models shows, package.module:function or a .keras file."
        ),
    ]
    dataset: Annotated[
        str, typer.Option(help="The dataset whose features and outputs the model must fit.")
    ] = "iris"
    set_options: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="An option of the model. Repeatable."),
    ] = None
    backend: Annotated[
        Backend | None,
        typer.Option(help="The framework. Default: KERAS_BACKEND, or else tensorflow."),
    ] = None
    as_json: JsonOption = False
