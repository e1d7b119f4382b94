"""Sentences for mistakes in a study file: rule, value received, place, remedy."""

import types
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from benchmark.errors import did_you_mean
from benchmark.study.dimension import RuleError
from benchmark.study.schema import Study

MOST_CHARACTERS = 120
"""How much of a received value a message shows."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake.

    Args:
        key: the dotted key in the file.
        rule: what must hold, without the final stop.
        received: the value that breaks it.
        remedy: a sentence that says what to do.
        sentence: ready sentences that replace rule, value and remedy.
        words: the received value in words, where it is not a single one.
    """

    key: str
    rule: str = ""
    received: object = None
    remedy: str = ""
    sentence: str = ""
    words: str = ""

    def line(self, source: str) -> str:
        """The mistake in one line, with the file it stands in.

        Example:
            >>> Mistake("training.epochs", "epochs must be >= 1", 0).line("x.toml")
            'epochs must be >= 1. Received 0 at training.epochs in x.toml.'
        """
        where = f"at {self.key} in {source}."
        if self.sentence:
            text = f"{self.sentence} It stands {where}"
        else:
            text = f"{self.rule}. Received {self.words or _text(self.received)} {where}"
        # A quoted key of TOML may hold line breaks.
        return "\\n".join(f"{text} {self.remedy.strip()}".rstrip().splitlines())


def _text(value: object) -> str:
    """A received value as TOML's reader gave it, shortened."""
    if value is None:
        return "nothing"
    try:
        text = repr(value)
    except ValueError:  # Python writes no integer of more than 4300 digits
        return "a number of more than 4300 digits"
    return text if len(text) <= MOST_CHARACTERS else f"{text[: MOST_CHARACTERS - 1]}…"


def mistakes_of(error: ValidationError) -> Iterator[Mistake]:
    """Turn pydantic's errors into mistakes, one for each place."""
    seen: set[str] = set()
    for entry in error.errors():
        location = [part for part in entry["loc"] if part not in ("float", "int")]
        if len(location) == 4 and location[0] == "search" and location[-1] == "value":
            location.pop()  # a bare number stands for {value}
        if location[:1] == ["search"] and "starts" in location[3:4]:
            del location[3:4]  # what stands in [[search.<label>.start]]
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
        remedy = did_you_mean(name, known) or _belongs(name) or "Remove it."
        return Mistake(key, rule, name, remedy)
    if kind == "missing":
        return Mistake(key, f"{name} must be given", None, f"Add `{name} = …`.")
    if kind == "value_error":
        broken = entry["ctx"]["error"]
        assert isinstance(broken, RuleError), broken  # the schema raises no other
        return Mistake(key, broken.rule, received, broken.remedy, words=broken.received)
    if kind == "literal_error":
        known = [
            word.strip(" '") for word in entry["ctx"]["expected"].replace(" or ", ",").split(",")
        ]
        rule = f"{name} must be one of {', '.join(known)}"
        return Mistake(key, rule, received, did_you_mean(str(received), known) or "Take one.")
    if kind in _LIMITS:
        sign, bound = _LIMITS[kind], next(iter(entry["ctx"].values()))
        remedy = f"{'Raise' if '>' in sign else 'Lower'} it."
        return Mistake(key, f"{name} must be {sign} {bound}", _shown(received), remedy)
    is_table = kind in ("model_type", "dict_type")
    form = _form(location) if is_table else _FORMS.get(kind, entry["msg"])
    remedy = _EXAMPLES.get(kind, f"Write {form}.")
    return Mistake(key, f"{name} must be {form}", _shown(received), remedy)


_LIMITS = {
    "greater_than": ">",
    "greater_than_equal": ">=",
    "less_than": "<",
    "less_than_equal": "<=",
}
_FORMS = {
    "bool_type": "true or false",
    "finite_number": "a finite number",
    "float_type": "a number",
    "int_from_float": "a whole number",
    "int_type": "a whole number",
    "list_type": "a list",
    "string_pattern_mismatch": "a name of letters, digits, '_', '.' and '-' that begins with a "
    "letter or a digit",
    "string_too_short": "a text that is not blank",
    "string_type": "a text",
    "too_short": "a list of one or more entries",
}
"""What must be written, by pydantic's name of the mistake."""
_EXAMPLES = {
    "string_pattern_mismatch": "Write for instance adam_2.",
    "string_too_short": "Write for instance 'Which trains best?'.",
    "too_short": "Name at least one.",
}


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


def _belongs(name: str) -> str:
    """Say in which table of a study a key belongs, where it is a key of one."""
    sections = {key: _model_in(field.annotation) for key, field in Study.model_fields.items()}
    known = {key: section.model_fields for key, section in sections.items() if section}
    tables = [f"[{key}]" for key, fields in known.items() if name in fields]
    return f"It belongs in {' or '.join(tables)}." if tables else ""


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in (types.UnionType,) or hasattr(annotation, "__metadata__"):
        for argument in get_args(annotation):
            model = _model_in(argument)
            if model:
                return model
    return None
