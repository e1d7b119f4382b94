"""A measured quantity with its repetitions, and the ratio of two."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self


class NotAvailableError(Exception):
    """Something to be measured is missing here: its sentence takes the place of the number."""


class WorkNotDoneError(NotAvailableError):
    """A competitor did not do its work, so that its seconds mean nothing."""

    def __init__(self, sentence: str) -> None:
        super().__init__(f"failed: {sentence}")


class Spread(NamedTuple):
    """The median and the ends of repeated values."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """The spread of at least one value."""
        return cls(statistics.median(values), min(values), max(values))


@dataclass(frozen=True, slots=True)
class Measurement:
    """One quantity, measured a few times: a value for each repetition, and plain facts beside.

    The name is ``"group/workload/detail"``; where it is empty, that of its row. ``missing`` says
    why there are no values.
    """

    name: str = ""
    title: str = ""
    values: Sequence[float] = ()
    unit: str = "s/trial"
    facts: dict[str, Any] = field(default_factory=dict)
    missing: str = ""

    @property
    def spread(self) -> Spread | None:
        """Median, smallest and largest value; nothing where there are none."""
        return Spread.of(self.values) if self.values else None

    @property
    def median(self) -> float:
        """The median of values that there are."""
        return statistics.median(self.values)


Measured = Mapping[str, Measurement]
"""Measurements by name."""


def ratio(numerator: Spread | None, denominator: Spread | None) -> Spread | None:
    """Divide two spreads: medians by each other, the ends as far apart as they can lie.

    Example:
        >>> ratio(Spread(6.0, 4.0, 8.0), Spread(2.0, 1.0, 4.0))
        Spread(median=3.0, low=1.0, high=8.0)
    """
    if numerator is None or denominator is None:
        return None
    return Spread(
        numerator.median / denominator.median,
        numerator.low / denominator.high,
        numerator.high / denominator.low,
    )
