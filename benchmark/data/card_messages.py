"""The error of this package, and sentences for mistakes in a dataset card."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from benchmark.errors import UserError, did_you_mean


class DatasetError(UserError, ValueError):
    """A dataset that cannot be found, read, trusted or split; its text says why and what to do."""


def card_error(
    error: ValidationError, file: str, keys: Mapping[str, Sequence[str]]
) -> DatasetError:
    """Turn pydantic's complaints into one sentence each: rule, value, place, remedy.

    Args:
        error: what pydantic raised.
        file: the card's file, for the message.
        keys: the known keys, by the dotted place of their table (``""`` is the top level,
            ``"loader.csv"`` the table ``[loader]`` of the kind ``csv``).
    """
    lines = [_line(dict(entry), file, keys) for entry in error.errors()]
    return DatasetError("\n".join(lines))


def _line(entry: dict[str, Any], file: str, keys: Mapping[str, Sequence[str]]) -> str:
    location = [str(part) for part in entry["loc"]]
    table = ".".join(location[:-1])
    # pydantic puts the kind of the loader into the place; the file has no such table.
    shown = [p for i, p in enumerate(location) if not (i == 1 and location[0] == "loader")]
    key = shown[-1] if shown else "the card"
    place = f"at {'.'.join(shown)} in {file}." if shown else f"in {file}."
    kind, value = entry["type"], entry["input"]
    if kind == "extra_forbidden":
        known = keys.get(table, ())
        rule = f"a key must be one of {', '.join(known)}"
        return f"{rule}. Received {key!r} {place}{did_you_mean(key, known)}"
    if kind == "missing":
        return f"{key} must be given. Received nothing {place} Add `{key} = …`."
    if kind == "value_error":
        return f"{entry['ctx']['error']}. Received {_short(value)} {place}"
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        known = [tag.strip("' ") for tag in entry["ctx"].get("expected_tags", "").split(",")]
        known = [tag for tag in known if tag] or sorted(k[7:] for k in keys if "." in k)
        received = value.get("kind") if isinstance(value, dict) else value
        offer = did_you_mean(str(received), known)
        return f"kind must be one of {', '.join(known)}. Received {received!r} {place}{offer}"
    rule = entry["msg"].replace("Input should be ", "").replace("String should ", "a text to ")
    words = re.findall(r"'([^']*)'", rule) if kind == "literal_error" else []
    return (
        f"{key} must be {rule}. Received {_short(value)} {place}{did_you_mean(str(value), words)}"
    )


def _short(value: object, limit: int = 120) -> str:
    text = repr(value)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
