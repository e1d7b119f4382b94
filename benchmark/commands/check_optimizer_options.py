"""The options of the command ``check-optimizer``."""

from pathlib import Path
from typing import Annotated

import typer

from benchmark.commands.backends import Backend, backend_name
from benchmark.commands.options import JsonOption
from benchmark.commands.terminal import user_errors


def check_optimizer(
    optimizers: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="OPTIMIZER...",
            help="Names of list optimizers, keras:Class or package.module:Class.",
        ),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Check every optimizer of list optimizers.")
    ] = False,
    backend: Annotated[
        list[Backend] | None,
        typer.Option(
            help="The framework, repeatable, each in a process of its own; KERAS_BACKEND or "
            "tensorflow by default."
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the table of all properties in Markdown."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check that an optimizer class meets the common requirements.

    It steps on closed-form functions, is compiled, saved, resumed and trained in both engines;
    about ten seconds each. If a check fails, the command prints what failed and exits with 1.
    """
    from benchmark.commands.check_optimizer import CheckRequest, run_check

    backends = [one.value for one in backend or []] or [backend_name(None)]
    request = CheckRequest(optimizers or [], everything, backends, output, as_json)
    with user_errors():
        code = run_check(request)
    raise typer.Exit(code)
