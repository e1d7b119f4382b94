"""Writing files so that a reader, or a run killed at any instant, never sees half of one."""

import json
import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

from benchmark.errors import UserError

DEEPEST = 50
"""How deep lists may be nested in a file; in those that the program writes, less than ten."""


class LinkError(UserError, OSError):
    """A link stands in a run folder where the program would write."""


def subfolder(path: Path, *names: str) -> Path:
    """Return a folder inside a run, made if it is missing; a link is not followed.

    The run folder may be reached by links, for that is how people move results to another disk.
    Inside it a link may come from somebody else, and lead anywhere.

    Args:
        path: the run folder.
        names: the folders below it, one inside the other.

    Raises:
        LinkError: one of them is a link.
    """
    for name in names:
        path /= name
        refuse_link(path)
        path.mkdir(exist_ok=True)
    return path


def refuse_link(path: Path) -> None:
    """Refuse to write to, or delete below, what is a symbolic link.

    Raises:
        LinkError: it is one.
    """
    if path.is_symlink():
        raise LinkError(
            f"nothing in a run folder that the program writes may be a link. Received {path}, "
            f"which points to {path.readlink()}. Delete the link, or put a copy in its place."
        )


MARK = "finished.json"
"""The last file of a run: where it is, everything else is."""


def write_atomically(path: Path, write: Callable[[Path], None]) -> None:
    """Write a file under a temporary name beside ``path``, then rename it.

    The content is on the disk before the name is: after a power cut ``path`` holds
    either its former content or the whole new one.

    Args:
        path: the file to make or replace.
        write: writes the content to the path it is given.
    """
    temporary = path.with_name(f".{path.name}.{uuid4().hex}.tmp")
    # Made anew under a name that nobody can foresee, so that no link waits there.
    os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
    try:
        write(temporary)
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text atomically, its line ends as they are.

    Args:
        path: the file to make or replace.
        text: its content.
    """
    write_atomically(path, lambda target: _ignore(target.write_bytes(text.encode("utf-8"))))


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a mapping atomically as strict JSON; a number that is not finite becomes ``null``.

    Args:
        path: the file to make or replace.
        content: names and plain values (NumPy scalars, paths and dates are allowed).
    """
    text = json.dumps(strict(content), indent=2, ensure_ascii=False, allow_nan=False)
    write_text(path, text + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """Read what :func:`write_json` wrote; a file that is not there reads as empty.

    Args:
        path: the file.

    Raises:
        ValueError: the file is no JSON object, or no UTF-8.
    """
    try:
        content = parse_json(path.read_bytes())
        if not isinstance(content, dict):
            raise ValueError(f"a {type(content).__name__} for an object")
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise ValueError(
            f"{path.name} must be JSON. Received {error} in {path}. "
            "Restore the file, or delete it to go on without it."
        ) from error
    return content


def parse_json(text: bytes) -> Any:
    r"""Return the values of JSON text that anybody may have written.

    Args:
        text: in UTF-8.

    Raises:
        ValueError: it is no JSON, or lists in lists so deep that no program could walk them.

    Example:
        >>> parse_json(b'{"cores": 2}')
        {'cores': 2}
        >>> parse_json(b"[" * 100_000)
        Traceback (most recent call last):
        ValueError: lists in lists, more than 50 deep
    """
    try:
        content = json.loads(text)
    except RecursionError:
        raise ValueError(f"lists in lists, more than {DEEPEST} deep") from None
    level = [content]
    for _ in range(DEEPEST):
        level = [
            item
            for value in level
            if isinstance(value, dict | list)
            for item in (value.values() if isinstance(value, dict) else value)
            if isinstance(item, dict | list)
        ]
        if not level:
            return content
    raise ValueError(f"lists in lists, more than {DEEPEST} deep")


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable, where the system can.

    Args:
        path: the folder.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:  # Windows opens no folders, and needs none of this.
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def strict(value: Any) -> Any:
    """Turn a value into one that strict JSON can hold.

    Args:
        value: a plain value, mapping or sequence; anything else becomes its text.

    Example:
        >>> strict({"best": float("inf"), "labels": ("sgd", "adam")})
        {'best': None, 'labels': ['sgd', 'adam']}
    """
    if hasattr(value, "item") and not hasattr(value, "__len__"):  # a NumPy scalar
        value = value.item()
    if isinstance(value, Mapping):
        return {str(key): strict(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [strict(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def _ignore(_count: int) -> None:
    """Drop a returned count."""
