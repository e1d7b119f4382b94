"""What checking a property, or all of them, comes to."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self


class Outcome(StrEnum):
    """How a property came out.

    Example:
        >>> Outcome.DOES_NOT_APPLY.value
        'does not apply'
    """

    PASSED = "passed"
    FAILED = "failed"
    DOES_NOT_APPLY = "does not apply"


class ViolationError(AssertionError):
    """A property that an optimizer does not keep; its text says what was found."""


class NotApplicableError(Exception):
    """A property that says nothing about an optimizer; its text says why."""


@dataclass(frozen=True, slots=True)
class Result:
    """One property of one optimizer.

    Args:
        name: of the property, a key of ``PROPERTIES``.
        outcome: how it came out.
        words: what was found where it failed, why it does not apply, or nothing.
    """

    name: str
    outcome: Outcome
    words: str = ""

    def require(self) -> None:
        """Raise where the property failed.

        Raises:
            AssertionError: it did; the message says what was found.

        Example:
            >>> Result("zero gradient", Outcome.FAILED, "The weights moved by 0.1.").require()
            Traceback (most recent call last):
                ...
            benchmark.conformance.result.ViolationError: zero gradient: The weights \
moved by 0.1.
        """
        if self.outcome is Outcome.FAILED:
            raise ViolationError(f"{self.name}: {self.words}")


@dataclass(frozen=True, slots=True)
class Examination:
    """What all properties of one optimizer came to on one backend.

    Args:
        optimizer: its name.
        backend: the framework that it was checked on.
        results: one for each property.
        seconds: that the checking took.
    """

    optimizer: str
    backend: str
    results: tuple[Result, ...]
    seconds: float = 0.0

    @property
    def failures(self) -> list[Result]:
        """The properties that failed."""
        return [one for one in self.results if one.outcome is Outcome.FAILED]

    def require(self) -> None:
        """Raise where any property failed.

        Raises:
            AssertionError: its message says of each what was found.
        """
        if self.failures:
            lines = [f"{one.name}: {one.words}" for one in self.failures]
            raise ViolationError(f"{self.optimizer} on {self.backend}: " + " ".join(lines))

    def document(self) -> dict[str, Any]:
        """The examination as plain values for JSON."""
        return {
            "optimizer": self.optimizer,
            "backend": self.backend,
            "seconds": self.seconds,
            "results": [
                {"name": one.name, "outcome": one.outcome.value, "words": one.words}
                for one in self.results
            ],
        }

    @classmethod
    def of_document(cls, document: Mapping[str, Any]) -> Self:
        """The examination that :meth:`document` wrote."""
        results = (
            Result(one["name"], Outcome(one["outcome"]), one["words"])
            for one in document["results"]
        )
        return cls(document["optimizer"], document["backend"], tuple(results), document["seconds"])
