"""How a command speaks, and how it ends when its input is bad."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import typer
from rich.console import Console

from benchmark.errors import UserError

BAD_INPUT, INTERRUPTED = 2, 130


@contextmanager
def user_errors() -> Iterator[None]:
    """Turn what a user can mend into its sentence and exit code 2, without a traceback."""
    try:
        yield
    except UserError as error:
        bad_input(str(error))
    except OSError as error:
        bad_input(f"files must be readable and folders writable. Received: {error}.")
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None


def terminal() -> Console:
    """The terminal, or a file wide enough that no column is cut."""
    console = Console()
    return console if console.is_terminal else Console(width=160)


def bad_input(sentence: str) -> NoReturn:
    """Say what is wrong and leave with exit code 2."""
    typer.echo(sentence, err=True)
    raise typer.Exit(BAD_INPUT)


def command(*words: str | Path) -> str:
    """Return a command line that the user can paste.

    Example:
        >>> command("study", "--resume", Path("results/quickstart/first"))
        'python -m benchmark.run study --resume results/quickstart/first'
    """
    return shlex.join(["python", "-m", "benchmark.run", *map(str, words)])
