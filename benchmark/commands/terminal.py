"""How a command speaks, and how it ends when its input is bad.

All that a command prints goes through here, so that no caller has to remember that a name, a
question or an exception may hold control characters, Rich's markup or a password.
"""

import re
import shlex
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TextIO

import typer
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text
from typer.core import TyperGroup

from benchmark.errors import UserError
from benchmark.urls import without_secrets

if TYPE_CHECKING:
    from rich.progress import TextColumn

BAD_INPUT, INTERRUPTED = 2, 130
WIDTH = 160
"""Of a table in a file, wide enough that no column is cut."""
# Control characters except tab and line feed; marks that reverse the direction of a line; and
# what Python makes of bytes in a file's name that are not UTF-8, which no stream accepts.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class Terminal(Console):
    """A console that shows text as it is: without markup, and with control characters escaped.

    Args:
        stderr: whether it writes to the error stream.
        width: characters in a line; by default what the terminal has, or 80.
    """

    def __init__(self, *, stderr: bool = False, width: int | None = None) -> None:
        super().__init__(stderr=stderr, width=width, markup=False, emoji=False)

    def render_str(self, text: str, **options: Any) -> Text:
        """Make a text of a string, as Rich does with all strings that it is given."""
        return super().render_str(printable(text), **options)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Render what may hold texts that were made elsewhere."""
        if isinstance(renderable, Text) and printable(renderable.plain) != renderable.plain:
            renderable = Text(printable(renderable.plain), renderable.style)
        for segment in super().render(renderable, options):
            is_ours = segment.control or not _CONTROL.search(segment.text)
            yield segment if is_ours else Segment(printable(segment.text), segment.style)


class Program(TyperGroup):
    """The command line, whose error messages are as printable as everything else."""

    def make_context(self, *arguments: Any, **options: Any) -> Any:
        """Parse the program's own options."""
        with _printable_errors():
            return super().make_context(*arguments, **options)

    def invoke(self, ctx: Any) -> Any:
        """Parse a command's options and run it."""
        with _printable_errors():
            return super().invoke(ctx)


class _Guard:
    """A stream that shows no secrets, also of what libraries and tracebacks write to it.

    Args:
        stream: where it writes to.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        self._stream.write(without_secrets(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def guard_streams() -> None:
    """Keep the secrets of this process from its output and error stream, from now on."""
    sys.stdout, sys.stderr = _Guard(sys.stdout), _Guard(sys.stderr)


def printable(text: str) -> str:
    r"""Return a text of anyone's as a terminal may show it: no control characters, no secrets.

    Example:
        >>> print(printable("a\x1b[31mred\nb"))
        a\x1b[31mred
        b
    """
    return _CONTROL.sub(_escaped, without_secrets(text))


def printable_json(text: str) -> str:
    r"""Return a JSON text without control characters and secrets; it stays JSON.

    Example:
        >>> print(printable_json('"a\x9b1m"'))
        "a\u009b1m"
    """
    return _CONTROL.sub(lambda match: f"\\u{ord(match[0]):04x}", without_secrets(text))


@contextmanager
def user_errors() -> Iterator[None]:
    """Turn what a user can fix into its sentence and exit code 2, without a traceback."""
    try:
        yield
    except UserError as error:
        bad_input(str(error))
    except BrokenPipeError:
        raise  # what reads the output, such as `head`, has seen enough
    except OSError as error:
        bad_input(f"files must be readable and folders writable. Received: {error}.")
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None


def terminal() -> Terminal:
    """The terminal, or a file wide enough that no column is cut."""
    console = Terminal()
    return console if console.is_terminal else Terminal(width=WIDTH)


def text_column(text: str) -> "TextColumn":
    """A column of progress bars, whose text is shown as it is."""
    from rich.progress import TextColumn

    return TextColumn(text, markup=False)


def say(text: object, *, flush: bool = False) -> None:
    """Print a line; past any buffer if asked, as where the program then runs for hours."""
    sys.stdout.write(f"{printable(str(text))}\n")
    if flush:
        sys.stdout.flush()


def warn(text: object) -> None:
    """Print a line on the error stream."""
    sys.stderr.write(f"{printable(str(text))}\n")


def bad_input(sentence: str) -> NoReturn:
    """Say what is wrong and leave with exit code 2."""
    warn(sentence)
    raise typer.Exit(BAD_INPUT)


def command(*words: str | Path) -> str:
    """Return a command line that the user can paste.

    Example:
        >>> command("study", "--resume", Path("results/quickstart/first"))
        'python -m benchmark.run study --resume results/quickstart/first'
    """
    return shlex.join(["python", "-m", "benchmark.run", *map(str, words)])


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


@contextmanager
def _printable_errors() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        # Typer's own exceptions, which its releases keep in different modules.
        if hasattr(error, "format_message") and isinstance(getattr(error, "message", None), str):
            error.message = printable(error.message)  # type: ignore[attr-defined]
        raise
