"""Writing files so that a reader, or a run killed at any instant, never sees half of one."""

import json
import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

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
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
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
        ValueError: the file is not JSON.
    """
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except json.JSONDecodeError as error:
        raise ValueError(
            f"{path.name} must be JSON. Received {error} in {path}. "
            "Restore the file, or delete it to go on without it."
        ) from error
    return content


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
