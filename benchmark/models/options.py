"""The options of models, each with its default, its rule and its meaning; without Keras."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Protocol

from benchmark.errors import did_you_mean
from benchmark.models.initializers import INITIALIZERS

ACTIVATIONS = (
    "celu",
    "elu",
    "exponential",
    "gelu",
    "hard_sigmoid",
    "leaky_relu",
    "linear",
    "mish",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "softplus",
    "softsign",
    "tanh",
)
"""The Keras activations that ``activation`` may name: those that act on each unit alone."""


class Rule(Protocol):
    """What the value of an option must be."""

    def check(self, option: str, value: object, meaning: str) -> None:
        """Raise ``ValueError`` with a sentence where the value breaks the rule."""

    @property
    def text(self) -> str:
        """The rule after "must be"."""


@dataclass(frozen=True, slots=True)
class Option:
    """An option of a model.

    Args:
        default: its value where a study gives none; a list is a tuple here.
        rule: what its value must be.
        meaning: what it is, in a phrase.
    """

    default: Any
    rule: Rule
    meaning: str

    def __post_init__(self) -> None:
        self.rule.check("the default", self.default, self.meaning)


@dataclass(frozen=True, slots=True)
class Values:
    """The rule of an option whose value must have some property.

    Args:
        text: the rule after "must be".
        holds: whether a value obeys it.
        example: a value that does, as TOML writes it.
    """

    text: str
    holds: Callable[[Any], bool]
    example: str

    def check(self, option: str, value: object, meaning: str) -> None:
        """See :meth:`Rule.check`.

        Example:
            >>> WHOLE.check("kernel_size", 0, "the side of each kernel")
            Traceback (most recent call last):
            ValueError: kernel_size must be a whole number >= 1, the side of each kernel. \
Received 0. Write for instance 3.
        """
        if not self.holds(value):
            shown = list(value) if isinstance(value, tuple) else value
            raise ValueError(
                f"{option} must be {self.text}, {meaning}. Received {shown!r}. "
                f"Write for instance {self.example}."
            )


@dataclass(frozen=True, slots=True)
class OneOf:
    """The rule of an option whose value is one of some names.

    Args:
        names: those.
    """

    names: Collection[str]

    @property
    def text(self) -> str:
        """The rule after "must be"."""
        return f"one of {', '.join(self.names)}"

    def check(self, option: str, value: object, meaning: str) -> None:
        """See :meth:`Rule.check`."""
        del meaning  # the names say it
        require_one_of(option, value, self.names)


def require_one_of(what: str, value: object, known: Collection[str]) -> None:
    """Refuse a value that is not one of the known words.

    Args:
        what: what the value is, for the message.
        value: the value.
        known: the words.

    Raises:
        ValueError: with the known words and the nearest of them.

    Example:
        >>> require_one_of("activation", "rely", ["relu", "tanh"])
        Traceback (most recent call last):
        ValueError: activation must be one of relu, tanh. Received 'rely'. Did you mean `relu`?
    """
    if isinstance(value, str) and value in known:
        return
    offer = did_you_mean(str(value), known)
    raise ValueError(f"{what} must be one of {', '.join(known)}. Received {value!r}.{offer}")


def _is_whole(value: Any) -> bool:
    return type(value) is int and value >= 1


def _are_whole(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(map(_is_whole, value))


WHOLE = Values("a whole number >= 1", _is_whole, "3")
WIDTHS = Values(
    "a list of one or more whole numbers >= 1",
    lambda value: _are_whole(value) and len(value) > 0,
    "[64, 32]",
)
STEPS = Values(
    "a whole number >= 0 that divides the features",
    lambda value: type(value) is int and value >= 0,
    "0",
)
IMAGE = Values(
    "a list of three whole numbers >= 1",
    lambda value: _are_whole(value) and len(value) == 3,
    "[8, 8, 1]",
)
SWITCH = Values("true or false", lambda value: type(value) is bool, "true")
SHARE = Values(">= 0 and < 1", lambda value: type(value) in (int, float) and 0 <= value < 1, "0.5")
ACTIVATION = OneOf(ACTIVATIONS)
INITIALIZER = OneOf(INITIALIZERS)
