"""What a numeric hyperparameter is: its default, the values it may take, its search space."""

import math
import numbers
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Hyperparameter:
    """One number that a user may set, with its rule and the range a search starts from.

    Args:
        default: the value where none is given; ``None`` where the hyperparameter is
            absent unless it is given (clipping thresholds, weight decay).
        low: lower end of the values that make sense.
        high: upper end of the values that make sense.
        low_included: whether ``low`` itself may be used.
        high_included: whether ``high`` itself may be used.
        integer: whether only whole numbers make sense.
        space: the default search space, ``{"low": …, "high": …, "log": …}``, ends included.
        source: where default and search space come from.

    Example:
        >>> momentum = Hyperparameter(default=0.9, low=0.0, high=1.0, low_included=True)
        >>> momentum.rule
        '>= 0 and < 1'
        >>> momentum.check("momentum", 0.5)
        0.5
    """

    default: float | None
    low: float = -math.inf
    high: float = math.inf
    low_included: bool = False
    high_included: bool = False
    integer: bool = False
    space: Mapping[str, Any] = field(default_factory=dict)
    source: str = ""

    @property
    def rule(self) -> str:
        """The rule as it stands in messages after "must be"."""
        parts = ["a whole number"] if self.integer else []
        if math.isfinite(self.low):
            parts.append(f"{'>=' if self.low_included else '>'} {self.low:g}")
        if math.isfinite(self.high):
            parts.append(f"{'<=' if self.high_included else '<'} {self.high:g}")
        return " and ".join(parts) or "a finite number"

    def allows(self, value: float) -> bool:
        """Return whether ``value`` obeys the rule; NaN and infinities never do.

        Example:
            >>> learning_rate = Hyperparameter(default=0.01, low=0.0)
            >>> learning_rate.allows(0.1), learning_rate.allows(0.0)
            (True, False)
        """
        above = value >= self.low if self.low_included else value > self.low
        below = value <= self.high if self.high_included else value < self.high
        whole = not self.integer or float(value).is_integer()
        return math.isfinite(value) and above and below and whole

    def check(self, name: str, value: Any) -> float:
        """Return ``value`` as a plain number, or refuse it with a sentence.

        Args:
            name: of the hyperparameter, for the message.
            value: a real number; NumPy scalars are welcome, booleans are not.

        Raises:
            TypeError: ``value`` is not a real number.
            ValueError: ``value`` breaks the rule.

        Example:
            >>> Hyperparameter(default=0.01, low=0.0).check("learning_rate", -0.1)
            Traceback (most recent call last):
                ...
            ValueError: learning_rate must be > 0. Received -0.1. Give for instance 0.01.
        """
        remedy = self._remedy()
        if isinstance(value, bool) or not isinstance(value, numbers.Real):
            raise TypeError(f"{name} must be a number. Received {value!r}.{remedy}")
        plain = float(value)
        if not self.allows(plain):
            raise ValueError(f"{name} must be {self.rule}. Received {plain:g}.{remedy}")
        return plain

    def _remedy(self) -> str:
        """An example that obeys the rule: the default, or the middle of the search space."""
        if self.default is not None:
            return f" Give for instance {self.default:g}."
        if not self.space:
            return ""
        low, high = self.space["low"], self.space["high"]
        middle = math.sqrt(low * high) if self.space.get("log") else (low + high) / 2
        return f" Give for instance {middle:.2g}."


def check_size(name: str, value: Any, instance: int = 768) -> int:
    """Return a structural size, or refuse it with a sentence.

    Raises:
        ValueError: it is no whole number ≥ 1.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(
            f"{name} must be a whole number >= 1. Received {value!r}. Give for instance {instance}."
        )
    return value
