"""TOML that somebody else wrote: read within limits, every mistake a sentence.

The parsers take time that grows faster than the text: 10 kB of dotted keys kept tomlkit busy for
25 s. So size, depth and number of keys are limited before anything else looks at a text.
"""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmark.errors import UserError

BYTE_ORDER_MARK = "\ufeff"
MOST_BYTES = 100_000
MOST_PARTS = 6
"""Of a dotted key, and tables within tables. The deepest key of a study has four."""
MOST_KEYS = 2000
_KEY_CHARACTERS = frozenset(
    "\"'_- \tabcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
)
_MOST_DOTS = 60
"""In a row. Prose in a comment may have as many sentences; what passes is parsed in no time."""


class TomlError(UserError, ValueError):
    """A text that is no TOML, or too much of it."""


def read_toml_text(path: Path, what: str) -> str:
    """Return the text of a TOML file, without the mark that some editors begin it with.

    Args:
        path: the file.
        what: what it is, for messages: ``"a study"``.

    Raises:
        TomlError: the file is too large or no UTF-8.
        OSError: it cannot be read.
    """
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise _too_much(f"{size} bytes", f"have at most {MOST_BYTES} bytes", str(path), what)
    try:
        return path.read_text(encoding="utf-8").removeprefix(BYTE_ORDER_MARK)
    except UnicodeDecodeError as error:
        raise TomlError(
            f"{what} must be a readable UTF-8 file. Received {error} at {path}. Save it as UTF-8."
        ) from None


def parse_toml(text: str, source: str, what: str) -> dict[str, Any]:
    """Parse a TOML text within the limits.

    Args:
        text: the text.
        source: where it stands, for messages.
        what: what it is, for messages.

    Raises:
        TomlError: it is no TOML, too long, too deep, or has too many keys.

    Example:
        >>> parse_toml("a.b = 1", "x.toml", "a study")
        {'a': {'b': 1}}
        >>> parse_toml("a." * 99 + "a = 1", "x.toml", "a study")
        Traceback (most recent call last):
        benchmark.toml_text.TomlError: a study must have keys of at most 6 parts. Received 100 ...
    """
    text = text.removeprefix(BYTE_ORDER_MARK)
    if len(text) > MOST_BYTES:
        raise _too_much(f"{len(text)} characters", f"have at most {MOST_BYTES}", source, what)
    dots = _longest_run(text)
    deep = f"have keys of at most {MOST_PARTS} parts"
    if dots > _MOST_DOTS:
        raise _too_much(f"{dots + 1} parts", deep, source, what)
    try:
        content = tomllib.loads(text)
    except RecursionError:
        received = "hundreds of lists or tables within each other"
        raise _too_much(received, "have few lists within lists", source, what) from None
    except ValueError as error:  # also of a number of 4300 digits
        raise TomlError(
            f"{what} must be valid TOML. Received: {error}, in {source}. Fix that line."
        ) from None
    depths = list(_depths(content))
    if depths and max(depths) > MOST_PARTS:
        raise _too_much(f"{max(depths)} parts", deep, source, what)
    if len(depths) > MOST_KEYS:
        raise _too_much(f"{len(depths)} keys", f"have at most {MOST_KEYS} keys", source, what)
    return content


def _too_much(received: str, rule: str, source: str, what: str) -> TomlError:
    return TomlError(f"{what} must {rule}. Received {received} in {source}. Shorten it.")


def _longest_run(text: str) -> int:
    """The most dots between what may be parts of a key, in time that grows with the text."""
    longest = run = 0
    for piece in text.split("."):
        longest = max(longest, run)
        run = run + 1 if _KEY_CHARACTERS.issuperset(piece) else 1
    return max(longest, run - 1)


def _depths(table: dict[str, Any], depth: int = 1) -> Iterator[int]:
    """The depth of every key. Without recursion: tables may be nested as deep as they like."""
    waiting: list[tuple[Any, int]] = [(table, depth)]
    while waiting:
        value, depth = waiting.pop()
        if isinstance(value, dict):
            yield from [depth] * len(value)
            waiting += [(inner, depth + 1) for inner in value.values()]
        elif isinstance(value, list):
            waiting += [(inner, depth) for inner in value]
