"""One dimension of a search space, and the base of every table of a study file."""

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)

from benchmark.problems.theory import TUNINGS

MOST_POINTS = 100_000
"""The most points a step may make: a finer one is a continuous range in all but memory."""
MOST = 1_000_000_000
"""The largest count of anything: far beyond what ends, and far within 64 bits."""


class RuleError(ValueError):
    """A rule of the schema that a value breaks.

    Args:
        rule: what must hold, without the final stop.
        received: what breaks it, in words; nothing where the value itself says it.
        remedy: a sentence that says what to do.
    """

    def __init__(self, rule: str, received: str, remedy: str) -> None:
        super().__init__(rule)
        self.rule, self.received, self.remedy = rule, received, remedy


def _within_float(number: float | int) -> float | int:
    try:
        float(number)
    except OverflowError:
        raise RuleError(
            "a number must be within ±1.8e308, the range of floating point",
            "a whole number beyond it",
            "Write a smaller one.",
        ) from None
    return number


def _number_within_float(value: float | int | str) -> float | int | str:
    return value if isinstance(value, str) else _within_float(value)


Number = Annotated[float | int, AfterValidator(_within_float)]
Count = Annotated[int, Field(le=MOST)]
NumberOrName = Annotated[float | int | str, AfterValidator(_number_within_float)]
"""One union, so that a number beyond the range is one mistake and not also "no text"."""
Setting = Annotated[bool | float | int | str, AfterValidator(_number_within_float)]
"""The value of a hyperparameter or of an option in a starting setting."""


class Section(BaseModel):
    """Base of every table of a study file: immutable, strict, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Dimension(Section):
    """One dimension of a search space: a number, a range, choices, an option or theory.

    Args:
        value: a fixed number.
        low: lower end, included.
        high: upper end, included.
        log: search on a logarithmic scale; needs ``low > 0``.
        step: the distance between grid points, at most 100,000 of them; not together with
            ``log``.
        choices: the numbers to choose from, or for an option of the model any values.
        option: true, false or a text: a structural option, which is fixed.
        theory: the tuning by which theory gives the number, see :mod:`benchmark.problems.theory`.
        alternatives: the choices of an option of the model where some are no numbers, each a
            number, true, false or a text; a list is a text in JSON.
        starts: no dimension, but the settings that are tried first; the key ``start`` of a table.

    Example:
        >>> Dimension(low=1e-3, high=1.0, log=True).is_fixed
        False
        >>> Dimension(value=0.9).extremes
        (0.9, 0.9)
    """

    value: Number | None = None
    low: Number | None = None
    high: Number | None = None
    log: bool = False
    step: Number | None = None
    choices: list[Number] | None = None
    option: bool | str | None = None
    theory: Literal["optimal", "standard"] | None = None
    alternatives: list[bool | str | Number] | None = None
    starts: list[dict[str, Setting]] | None = None

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        given = [
            self.value is not None,
            self.choices is not None,
            self.low is not None or self.high is not None,
            self.option is not None,
            self.theory is not None,
            self.alternatives is not None,
            self.starts is not None,
        ]
        if sum(given) != 1:
            rule = "a dimension must be one of: a number, {low, high, log, step}, or {choices}"
            raise self._broken(rule, "Keep or write one of them.", *_FORMS)
        if self.option is not None or self.theory is not None or self.starts is not None:
            return self
        if self.alternatives is not None:
            self._check_choices(self.alternatives)
        elif self.choices is not None:
            self._check_choices(self.choices)
        elif self.value is None:
            self._check_range()
        elif self.log or self.step is not None:
            rule = "a fixed value must have neither log nor step"
            raise self._broken(rule, "Remove them.", "value", "log", "step")
        return self

    def _broken(self, rule: str, remedy: str, *names: str) -> RuleError:
        """The rule, broken by those of the named keys that are given."""
        given = [(name, getattr(self, name)) for name in names if name in self.model_fields_set]
        words = [f"{name} = {str(value).lower()}" for name, value in given if value is not None]
        return RuleError(rule, ", ".join(words) or "nothing", remedy)

    def _check_choices(self, choices: Sequence[float | int | str]) -> None:
        if not choices or len(set(choices)) != len(choices):
            kind = "numbers" if self.alternatives is None else "values"
            rule = f"choices must be a list of one or more different {kind}"
            remedy = "Name each number once." if choices else "Add some, or remove the line."
            raise self._broken(rule, remedy, "choices")
        if self.log or self.step is not None:
            rule = "choices must have neither log nor step"
            raise self._broken(rule, "Remove log and step.", "log", "step")

    def _check_range(self) -> None:
        low, high, step = self.low, self.high, self.step
        if low is None or high is None:
            missing = "low" if low is None else "high"
            rule = "a range must have both low and high"
            raise self._broken(rule, f"Add {missing} = ….", "low", "high")
        if low >= high:
            remedy = "Swap them." if low > high else "Write the number alone to fix it."
            raise self._broken("low must be < high", remedy, "low", "high")
        if self.log and low <= 0:
            rule = "low must be > 0 where log = true"
            raise self._broken(rule, "Raise low, or remove log.", "low")
        if step is None:
            return
        if self.log:
            rule = "step must be left out where log = true"
            raise self._broken(rule, "Remove one of them.", "log", "step")
        span = _exact(high) - _exact(low)
        if not 0 < step <= span:
            rule = "step must be > 0 and at most high - low"
            raise self._broken(rule, f"Take one up to {span:g}.", "low", "high", "step")
        if span / _exact(step) >= MOST_POINTS:
            rule = f"a step must make at most {MOST_POINTS} points"
            remedy = "Take a longer step, or remove it to search the whole range."
            raise self._broken(rule, remedy, "low", "high", "step")

    @property
    def is_fixed(self) -> bool:
        """Whether nothing is searched here."""
        return self.value is not None or self.option is not None or self.theory is not None

    @property
    def extremes(self) -> tuple[float, float]:
        """The smallest and the largest number of this dimension."""
        numbers = [x for x in (self.value, self.low, self.high) if x is not None]
        numbers += self.choices or []
        return min(numbers), max(numbers)

    @property
    def size(self) -> int | None:
        """How many points the dimension has, or ``None`` for a continuous range.

        They are counted, not made: that is for ``grid``.

        Example:
            >>> Dimension(low=0.1, high=0.3, step=0.1).size
            3
        """
        if self.value is not None:
            return 1
        if self.alternatives is not None:
            return len(self.alternatives)
        if self.choices is not None:
            return len(self.choices)
        if self.step is None or self.low is None or self.high is None:
            return None
        return int((_exact(self.high) - _exact(self.low)) // _exact(self.step)) + 1

    @property
    def grid(self) -> list[float | int] | None:
        """All points of the dimension, or ``None`` for a continuous range.

        Example:
            >>> Dimension(low=0.1, high=0.3, step=0.1).grid
            [0.1, 0.2, 0.3]
        """
        if self.value is not None:
            return [self.value]
        if self.choices is not None:
            return self.choices
        if self.step is None or self.low is None or self.size is None:
            return None
        low, step = _exact(self.low), _exact(self.step)
        is_whole = all(isinstance(number, int) for number in (self.low, self.step))
        points = (low + index * step for index in range(self.size))
        return [int(point) if is_whole else float(point) for point in points]

    def contains(self, value: object) -> bool:
        """Whether a value may be taken here.

        Example:
            >>> dimension = Dimension(low=0.1, high=0.5, step=0.2)
            >>> dimension.contains(0.3), dimension.contains(0.4)
            (True, False)
        """
        if self.alternatives is not None:
            return value in self.alternatives
        if isinstance(value, bool | str):
            return type(value) is type(self.option) and value == self.option
        if not isinstance(value, float | int):
            return False
        if self.low is None or self.high is None:
            return value in (self.choices or []) or value == self.value
        if not self.low <= value <= self.high:
            return False
        return self.step is None or (_exact(value) - _exact(self.low)) % _exact(self.step) == 0


_FORMS = ("value", "low", "high", "log", "step", "choices", "option", "theory")
MODEL_PREFIX = "model."
"""What the options of the model are called by in a search space."""
START = "start"
"""The key of a search table that holds the settings to be tried first."""


def _exact(number: float | int) -> Decimal:
    """The number as it was written: in binary, 0.3 - 0.1 is less than 0.2."""
    return Decimal(str(number))


def _as_dimension(value: Any) -> Any:
    """Let a bare number stand for a fixed dimension, and what is true or a text for an option."""
    if value in TUNINGS:
        return {"theory": value}
    if isinstance(value, bool | str):
        return {"option": value}
    return {"value": value} if isinstance(value, int | float) else value


def with_model_options(search: Any) -> Any:
    """Let options of the model stand in a search space, with choices of any kind.

    ``model.hidden`` may be written with or without quotes: without, TOML makes a table of it.

    Args:
        search: the table ``search`` of a study file, as it was parsed.

    Example:
        >>> with_model_options({"common": {"model": {"hidden": {"choices": [[8], [8, 8]]}}}})
        {'common': {'model.hidden': {'alternatives': ['[8]', '[8, 8]']}}}
    """
    if not isinstance(search, dict):
        return search
    return {label: _with_model_options(space) for label, space in search.items()}


def _with_model_options(space: Any) -> Any:
    if not isinstance(space, dict):
        return space
    flat, inner = dict(space), space.get("model")
    if isinstance(inner, dict) and not set(inner) & set(Dimension.model_fields):
        del flat["model"]
        flat |= {f"{MODEL_PREFIX}{option}": given for option, given in inner.items()}
    return {
        name: _with_alternatives(given) if name.startswith(MODEL_PREFIX) else given
        for name, given in flat.items()
    }


def _with_alternatives(given: Any) -> Any:
    choices = given.get("choices") if isinstance(given, dict) else None
    if not isinstance(choices, list) or all(type(x) in (int, float) for x in choices):
        return given
    texts = [json.dumps(value) if isinstance(value, list) else value for value in choices]
    return {**{k: v for k, v in given.items() if k != "choices"}, "alternatives": texts}


def model_value(value: Any) -> Any:
    """Return the value of an option of the model that stands for it in a search space.

    Example:
        >>> model_value("[64, 32]"), model_value("relu"), model_value(3)
        ((64, 32), 'relu', 3)
    """
    is_list = isinstance(value, str) and value.startswith("[")
    return tuple(json.loads(value)) if is_list else value


def with_starts(search: Any) -> Any:
    """Let the tables ``[[search.<label>.start]]`` stand for settings, and not for a dimension.

    A single table ``[search.<label>.start]`` is one of them, unless it is a dimension of that name.

    Args:
        search: the table ``search`` of a study file, as it was parsed.
    """
    if not isinstance(search, dict):
        return search
    return {label: _with_starts(space) for label, space in search.items()}


def _with_starts(space: Any) -> Any:
    if not isinstance(space, dict) or START not in space:
        return space
    given = space[START]
    if isinstance(given, dict) and not set(given) & set(Dimension.model_fields):
        given = [given]
    return {**space, START: {"starts": given}} if isinstance(given, list) else space


Space = dict[str, Annotated[Dimension, BeforeValidator(_as_dimension)]]
