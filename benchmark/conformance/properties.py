"""The properties that are checked, as a table, and what checking them comes to; no framework."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

_HERE = "benchmark.conformance"


@dataclass(frozen=True, slots=True)
class Property:
    """What an optimizer should keep to.

    Args:
        sentence: what it means.
        target: ``"module:function"``, which takes a ``Subject`` and raises where the
            property fails or does not apply.
    """

    sentence: str
    target: str


PROPERTIES: dict[str, Property] = {
    "finite steps": Property(
        "With the optimizer's defaults, the weights stay finite for gradients of any size from "
        "1e-20 to 1e6.",
        f"{_HERE}.descent:steps_are_finite",
    ),
    "parabola": Property(
        "At some learning rate, ½‖w − w*‖² falls to 1 % of its start within 400 steps.",
        f"{_HERE}.descent:goes_down_a_parabola",
    ),
    "Rosenbrock": Property(
        "At some learning rate, 400 steps lead into the valley of Rosenbrock's function.",
        f"{_HERE}.descent:goes_into_the_valley_of_rosenbrock",
    ),
    "ill-conditioned quadratic": Property(
        "At some learning rate, a quadratic with κ = 10⁴ falls to 10 % of its start within 400 "
        "steps.",
        f"{_HERE}.descent:goes_down_an_ill_conditioned_quadratic",
    ),
    "types and shapes": Property(
        "Weights of float32, float64 and bfloat16 keep their type and shape, move and stay "
        "finite; float64 weights are updated with float64 accuracy. The state keeps the types "
        "and shapes that it was built with.",
        f"{_HERE}.tensors:keeps_types_and_shapes",
    ),
    "sizes": Property(
        "Scalars, single elements, a million elements and a matrix of 256 × 512 are updated "
        "and stay finite.",
        f"{_HERE}.tensors:takes_every_size",
    ),
    "zero gradient": Property(
        "With weight decay switched off, a gradient of zero moves nothing. A gradient that is zero "
        "in one row and one column of a matrix leaves all weights finite and moves those outside "
        "that row and column.",
        f"{_HERE}.tensors:rests_at_a_zero_gradient",
    ),
    "resumed": Property(
        "A run that continues from its saved state ends with the same weights, bit for bit, as a "
        "run that was not interrupted.",
        f"{_HERE}.keras_contract:resumes",
    ),
    "configuration": Property(
        "get_config holds what a constructor needs: from_config and (de)serialize give an "
        "optimizer of the same configuration, which takes the same steps.",
        f"{_HERE}.keras_contract:configuration_round_trip",
    ),
    "one compilation": Property(
        "A compiled step serves other values of the hyperparameters without another compilation.",
        f"{_HERE}.tensors:compiles_once",
    ),
    "arrays as floats": Property(
        "Hyperparameters given as rows of an array lead to the same steps as floats, to within "
        "0.1 % of the distance that the weights moved.",
        f"{_HERE}.tensors:arrays_equal_floats",
    ),
    "compile and fit": Property(
        "model.compile and model.fit train with it: the loss stays finite and the weights move.",
        f"{_HERE}.keras_contract:fits",
    ),
    "saved model": Property(
        "A model that was saved and loaded continues its training with the same weights, bit for "
        "bit.",
        f"{_HERE}.keras_contract:survives_saving",
    ),
    "as in Keras": Property(
        "Keras's class of the same name has the same arguments and defaults, and takes the same "
        "steps to within 0.1 % of the distance that the weights moved. Otherwise the attribute "
        "departure_from_keras of the class says why.",
        f"{_HERE}.keras_contract:steps_as_keras",
    ),
    "stability limit": Property(
        "The limit of η·λmax of a built-in optimizer is known, or the reason why it has none.",
        f"{_HERE}.keras_contract:has_a_stability_limit",
    ),
    "vectorized as sequential": Property(
        "The vectorized engine ends where the sequential engine does, to within 0.1 % of the "
        "distance that the weights moved. Methods that amplify float32 rounding errors are "
        "compared in float64, to a billionth of it.",
        f"{_HERE}.engines:vectorized_equals_sequential",
    ),
    "any neighbours": Property(
        "A trial ends with the same weights, bit for bit, alone and beside others, one of which "
        "diverges.",
        f"{_HERE}.engines:neighbours_change_nothing",
    ),
}
"""Every property by its name, in the order in which they are checked."""


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
            benchmark.conformance.properties.ViolationError: zero gradient: The weights \
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
        return [result for result in self.results if result.outcome is Outcome.FAILED]

    def require(self) -> None:
        """Raise where any property failed.

        Raises:
            AssertionError: its message says of each what was found.
        """
        if self.failures:
            lines = [f"{result.name}: {result.words}" for result in self.failures]
            raise ViolationError(f"{self.optimizer} on {self.backend}: " + " ".join(lines))

    def document(self) -> dict[str, Any]:
        """The examination as plain values for JSON."""
        return {
            "optimizer": self.optimizer,
            "backend": self.backend,
            "seconds": self.seconds,
            "results": [
                {"name": result.name, "outcome": result.outcome.value, "words": result.words}
                for result in self.results
            ],
        }

    @classmethod
    def of_document(cls, document: Mapping[str, Any]) -> Self:
        """The examination that :meth:`document` wrote."""
        results = (
            Result(result["name"], Outcome(result["outcome"]), result["words"])
            for result in document["results"]
        )
        return cls(document["optimizer"], document["backend"], tuple(results), document["seconds"])
