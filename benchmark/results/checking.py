"""Whether values that were read back are what the program wrote: anybody may edit a file."""

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from benchmark.trial import Settings

NUMBERS = ("metrics", "seconds", "curvature", "hyperparameters")
"""Mappings of names to numbers."""
TEXTS = ("findings",)
"""Mappings of names to texts; in any other there are plain values or lists of them."""
LARGEST = 2**63
"""The tables keep whole numbers with 64 bits."""


def check_fields(value: Any, where: str) -> None:
    """Check every field of a frozen value against its annotation, values within values too.

    Args:
        value: a dataclass of :mod:`benchmark.trial`; whole numbers in it are never negative.
        where: its name in the message.

    Raises:
        ValueError: a field holds something else.

    Example:
        >>> from benchmark.trial import CurvatureRequest
        >>> check_fields(CurvatureRequest(epochs=(0, 2)), "curvature")
        >>> check_fields(CurvatureRequest(samples="all"), "curvature")
        Traceback (most recent call last):
        ValueError: curvature.samples must be a whole number >= 0. Received 'all'
    """
    for name, hint in _annotations(value.__class__).items():
        item = getattr(value, name)
        if isinstance(item, Settings):
            _check_settings(name, item, f"{where}.{name}")
        elif is_dataclass(item) and isinstance(item, hint):
            check_fields(item, f"{where}.{name}")
        elif not fits(item, hint):
            raise ValueError(f"{where}.{name} must be {_words(hint)}. Received {_short(item)}")


def is_number(value: Any) -> bool:
    """Return whether a value is a number that a column of floats can hold.

    Example:
        >>> is_number(1), is_number(float("inf")), is_number(True), is_number(10**400)
        (True, True, False, False)
    """
    if isinstance(value, float):
        return True
    return type(value) is int and abs(value) < 2**1000


def is_count(value: Any) -> bool:
    """Return whether a value is a whole number >= 0 that a column can hold."""
    return type(value) is int and 0 <= value < LARGEST


def fits(value: Any, hint: Any) -> bool:
    """Return whether a plain value is what an annotation says.

    Args:
        value: of a field.
        hint: ``str``, ``int`` (>= 0), ``float``, a ``Literal``, a tuple or a union of these.
    """
    if hint is int:
        return is_count(value)
    if hint is float:
        return is_number(value)
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Literal:
        return isinstance(value, str) and value in parts
    if origin is UnionType:
        return any(fits(value, part) for part in parts)
    return _fits_tuple(value, parts) if origin is tuple else isinstance(value, hint)


def _fits_tuple(value: Any, parts: tuple[Any, ...]) -> bool:
    if not isinstance(value, tuple):
        return False
    kinds = [parts[0]] * len(value) if parts[-1] is ... else list(parts)
    return len(kinds) == len(value) and all(map(fits, value, kinds))


def is_summary(value: Mapping[str, Any]) -> bool:
    """Return whether a summary holds what the commands take from it.

    Args:
        value: of ``summary.json``; one of an earlier release may lack what is not required.

    Example:
        >>> is_summary({"objective": "loss", "trials": 2, "best": {}})
        True
        >>> is_summary({"objective": "loss", "trials": 2, "best": {"adam": 7}})
        False
    """
    required = {"objective": _is_text, "trials": is_count, "best": _are_best}
    optional = {
        "study": _is_text,
        "question": _is_text,
        "direction": lambda item: item in ("minimize", "maximize"),
        "by_status": lambda item: _is_mapping(item, is_count),
        "stopped": lambda item: _is_mapping(item, _is_text),
        "monitoring": lambda item: _is_mapping(item, is_number) and "share_of_training" in item,
    }
    return all(key in value and is_good(value[key]) for key, is_good in required.items()) and all(
        is_good(value[key]) for key, is_good in optional.items() if key in value
    )


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_mapping(value: Any, is_good: Callable[[Any], bool]) -> bool:
    return isinstance(value, Mapping) and all(map(is_good, value.values()))


def _are_best(value: Any) -> bool:
    return _is_mapping(
        value,
        lambda entry: (
            isinstance(entry, Mapping)
            and is_count(entry.get("trial"))
            and is_number(entry.get("objective"))
            and _is_mapping(entry.get("hyperparameters"), is_number)
            and isinstance(entry.get("model_options", {}), Mapping)
        ),
    )


def _check_settings(name: str, settings: Settings, where: str) -> None:
    for key, value in settings.items():
        if name in NUMBERS:
            is_good, rule = is_number(value), "a number"
        elif name in TEXTS:
            is_good, rule = isinstance(value, str), "a text"
        else:
            items = value if isinstance(value, tuple) else (value,)
            is_good = all(is_number(x) or isinstance(x, str | bool | None) for x in items)
            rule = "a plain value"
        if not is_good:
            raise ValueError(f"{where}.{key} must be {rule}. Received {_short(value)}")


@cache
def _annotations(kind: type[Any]) -> Mapping[str, Any]:
    hints = get_type_hints(kind)
    return {item.name: hints[item.name] for item in fields(kind) if item.name != "weights"}


def _words(hint: Any) -> str:
    simple = {int: "a whole number >= 0", float: "a number", str: "a text", NoneType: "nothing"}
    parts = get_args(hint)
    if get_origin(hint) is Literal:
        return f"one of {', '.join(parts)}"
    if get_origin(hint) is UnionType:
        return " or ".join(_words(part) for part in parts)
    if get_origin(hint) is tuple:
        return f"a list, each {_words(parts[0])}"
    return simple.get(hint, f"a {getattr(hint, '__name__', hint)}")


def _short(value: Any) -> str:
    text = repr(value) if not isinstance(value, int) or is_number(value) else "a huge number"
    return text if len(text) <= 60 else f"{text[:57]}..."
