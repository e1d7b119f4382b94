"""Sentences for mistakes in a study file: rule, value received, place, remedy."""

import types
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from benchmark.errors import did_you_mean
from benchmark.study import Study


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake.

    Args:
        key: the dotted key in the file.
        rule: what must hold, without the final stop.
        received: the value that breaks it.
        remedy: a sentence that says what to do.
        sentence: a ready sentence that replaces rule and value.
    """

    key: str
    rule: str = ""
    received: object = None
    remedy: str = ""
    sentence: str = ""

    def line(self, source: str) -> str:
        """The mistake in one line, with the file it stands in.

        Example:
            >>> Mistake("training.epochs", "epochs must be >= 1", 0).line("x.toml")
            'epochs must be >= 1. Received 0 at training.epochs in x.toml.'
        """
        place = f"at {self.key} in {source}."
        if self.sentence:
            return f"{self.sentence.rstrip('. ')}, {place}"
        received = "nothing" if self.received is None else repr(self.received)
        text = f"{self.rule}. Received {received} {place}"
        return f"{text} {self.remedy.strip()}".rstrip()


def mistakes_of(error: ValidationError) -> Iterator[Mistake]:
    """Turn pydantic's errors into mistakes, one for each place."""
    seen: set[str] = set()
    for entry in error.errors():
        location = [part for part in entry["loc"] if part not in ("float", "int")]
        key = _dotted(location)
        if key not in seen:
            seen.add(key)
            yield _mistake(key, location, dict(entry))


def _dotted(location: Iterable[int | str]) -> str:
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.lstrip(".") or "the top level"


def _mistake(key: str, location: list[int | str], entry: dict[str, Any]) -> Mistake:
    name = next((part for part in reversed(location) if isinstance(part, str)), "study")
    kind, received = entry["type"], entry["input"]
    if kind == "extra_forbidden":
        known = sorted(_keys_at(location[:-1]))
        rule = f"the key must be one of {', '.join(known)}"
        return Mistake(key, rule, name, did_you_mean(name, known))
    if kind == "missing":
        return Mistake(key, f"{name} must be given", None, f"Add `{name} = …`.")
    if kind == "value_error":
        received = _shown(received)
        return Mistake(key, str(entry["ctx"]["error"]), received)
    if kind in ("model_type", "dict_type"):
        return Mistake(key, f"{name} must be {_form(location)}", received)
    if kind == "literal_error":
        known = [
            word.strip(" '") for word in entry["ctx"]["expected"].replace(" or ", ",").split(",")
        ]
        rule = f"{name} must be one of {', '.join(known)}"
        return Mistake(key, rule, received, did_you_mean(str(received), known))
    message = entry["msg"].replace("Input should be ", "").replace("greater than", ">")
    message = message.replace("> or equal to", ">=").replace("less than", "<")
    message = message.replace("< or equal to", "<=")
    if kind in ("float_type", "int_type"):
        message = "a number" if len(location) > 2 and location[0] == "search" else message
    return Mistake(key, f"{name} must be {message}", _shown(received))


def _form(location: list[int | str]) -> str:
    """What may stand where a table was expected."""
    if len(location) == 3 and location[0] == "search":
        return "a number, {low, high, log, step} or {choices}"
    if location[0] == "compare":
        return "the name of an optimizer or {label, optimizer}"
    return "a table"


def _shown(value: Any) -> Any:
    """What the user wrote: a fixed number is shown as itself."""
    if isinstance(value, dict) and set(value) == {"value"}:
        return value["value"]
    return value


def _keys_at(location: list[int | str]) -> set[str]:
    """The keys that the schema knows at a place."""
    annotation: Any = Study
    for part in location:
        model = _model_in(annotation)
        if model is not None and isinstance(part, str) and part in model.model_fields:
            annotation = model.model_fields[part].annotation
        else:
            arguments = get_args(annotation)
            annotation = arguments[-1] if arguments else annotation
    model = _model_in(annotation)
    keys = set(model.model_fields) if model else set()
    return keys - {"name"} if model is Study else keys


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in (types.UnionType,) or hasattr(annotation, "__metadata__"):
        for argument in get_args(annotation):
            found = _model_in(argument)
            if found:
                return found
    return None
