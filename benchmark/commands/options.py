"""Command-line options: how Typer reads them from a request, and those that commands share."""

import inspect
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from benchmark.commands.backends import Backend

Request = TypeVar("Request")

RESULTS = Path("results")

ResultsOption = Annotated[Path, typer.Option("--results", help="The folder with all results.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
BackendOption = Annotated[
    Backend | None,
    typer.Option(help="The framework. Default: KERAS_BACKEND, or else tensorflow."),
]
TrackingOption = Annotated[
    str | None,
    typer.Option(
        "--tracking-uri",
        help="The MLflow store. Default: MLFLOW_TRACKING_URI, or else a SQLite file in the "
        "results folder.",
    ),
]
TrustOption = Annotated[
    bool,
    typer.Option(
        "--trust",
        help="Import the optimizer classes that the run names (package.module:Class) from "
        "wherever they are. Without this, they are imported only from the files that the run "
        "was made with.",
    ),
]
RunArgument = Annotated[
    str,
    typer.Argument(help="A run: its folder, STUDY/RUN, RUN, STUDY for its newest run, or latest."),
]


def takes(
    request: type[Request],
) -> Callable[[Callable[[Request], None]], Callable[..., None]]:
    """Declare the options of a command as the fields of its request.

    Typer reads options from the signature of a function. A command here takes a single request
    instead. This decorator makes the function that Typer calls: it has the signature of the
    request's constructor, and passes the request on.

    Args:
        request: a frozen dataclass. Each field is annotated with its option or argument.

    Example:
        >>> from dataclasses import dataclass
        >>> @dataclass(frozen=True)
        ... class ShowRequest:
        ...     results: ResultsOption = RESULTS
        >>> @takes(ShowRequest)
        ... def show(request: ShowRequest) -> None:
        ...     print(request.results)
        >>> show(results="elsewhere")
        elsewhere
    """

    def decorate(command: Callable[[Request], None]) -> Callable[..., None]:
        @wraps(command)
        def called(**options: Any) -> None:
            command(request(**options))

        called.__signature__ = inspect.signature(request)  # type: ignore[attr-defined]
        called.__annotations__ = {}  # those of the command, which Typer would read as well
        return called

    return decorate
