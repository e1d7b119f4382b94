"""A measured quantity with its repetitions, and the ratio of two."""

import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self


class NotAvailableError(Exception):
    """Something to be measured is missing here: its sentence takes the place of the number."""


@dataclass(frozen=True, slots=True)
class Spread:
    """The middle and the ends of repeated values.

    Args:
        median: the middle one, or the mean of the two middle ones.
        low: the smallest.
        high: the largest.

    Example:
        >>> Spread.of([3.0, 1.0, 2.0])
        Spread(median=2.0, low=1.0, high=3.0)
    """

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: "list[float] | tuple[float, ...]") -> Self:
        """The spread of at least one value."""
        return cls(statistics.median(values), min(values), max(values))

    def times(self, factor: float) -> "Spread":
        """The spread of all values times a positive factor."""
        return Spread(self.median * factor, self.low * factor, self.high * factor)


@dataclass(frozen=True, slots=True)
class Measurement:
    """One quantity, measured a few times.

    Args:
        name: what it is called in targets and JSON, ``"group/workload/detail"``.
        title: what it is, for people.
        values: one a repetition; empty where it could not be measured.
        unit: of the values.
        facts: plain values beside it: trials, compile seconds, FLOPs …
        missing: why there are no values.
    """

    name: str
    title: str
    values: tuple[float, ...] = ()
    unit: str = "s/trial"
    facts: Mapping[str, Any] = field(default_factory=dict)
    missing: str = ""

    @property
    def spread(self) -> Spread | None:
        """Median, smallest and largest value; nothing where there are none."""
        return Spread.of(self.values) if self.values else None

    def document(self) -> dict[str, Any]:
        """The measurement as plain values for JSON."""
        return {
            "name": self.name,
            "title": self.title,
            "values": list(self.values),
            "unit": self.unit,
            "facts": dict(self.facts),
            "missing": self.missing,
        }

    @classmethod
    def of_document(cls, document: Mapping[str, Any]) -> Self:
        """The measurement that :meth:`document` wrote."""
        return cls(**{**document, "values": tuple(document["values"])})


Measured = Mapping[str, Measurement]
"""Measurements by name."""


def ratio(numerator: Spread | None, denominator: Spread | None) -> Spread | None:
    """Divide two spreads: medians by each other, the ends as far apart as they can lie.

    Args:
        numerator: a spread of non-negative values, or nothing.
        denominator: a spread of positive values, or nothing.

    Returns:
        The ratio, or nothing where one of the two is missing.

    Example:
        >>> ratio(Spread(6.0, 4.0, 8.0), Spread(2.0, 1.0, 4.0))
        Spread(median=3.0, low=1.0, high=8.0)
        >>> ratio(None, Spread(2.0, 1.0, 4.0))
    """
    if numerator is None or denominator is None:
        return None
    return Spread(
        numerator.median / denominator.median,
        numerator.low / denominator.high,
        numerator.high / denominator.low,
    )
