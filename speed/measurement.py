"""A measured quantity with its repetitions, and the ratio of two."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self


class NotAvailableError(Exception):
    """Something to be measured is missing here: its sentence takes the place of the number."""


class WorkNotDoneError(NotAvailableError):
    """A competitor did not do its work, so that its seconds mean nothing."""

    def __init__(self, sentence: str) -> None:
        super().__init__(f"failed: {sentence}")


@dataclass(frozen=True, slots=True)
class Spread:
    """The median and the ends of repeated values.

    Example:
        >>> Spread.of([3.0, 1.0, 2.0])
        Spread(median=2.0, low=1.0, high=3.0)
    """

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """The spread of at least one value."""
        return cls(statistics.median(values), min(values), max(values))


@dataclass(frozen=True, slots=True)
class Measurement:
    """One quantity, measured a few times.

    Args:
        name: what it is called in targets and JSON, ``"group/workload/detail"``; where it is
            empty, name and title are those of its row.
        title: what it is, for people.
        values: one a repetition; empty where it could not be measured.
        unit: of the values.
        facts: plain values beside it: trials, compile seconds, FLOPs …
        missing: why there are no values.
    """

    name: str = ""
    title: str = ""
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
        return {**asdict(self), "values": list(self.values)}

    @classmethod
    def of_document(cls, document: Mapping[str, Any]) -> Self:
        """The measurement that :meth:`document` wrote."""
        return cls(**{**document, "values": tuple(document["values"])})


Measured = Mapping[str, Measurement]
"""Measurements by name."""


def spread_of(measurement: Measurement | None) -> Spread | None:
    """The spread of a measurement, or nothing where there is none."""
    return measurement.spread if measurement else None


def ratio(numerator: Spread | None, denominator: Spread | None) -> Spread | None:
    """Divide two spreads: medians by each other, the ends as far apart as they can lie.

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
