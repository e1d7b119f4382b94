"""From the dimensions of a study to Optuna's distributions."""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from benchmark.search.errors import SearchError
from benchmark.study.dimension import Dimension


@dataclass(frozen=True, slots=True)
class SearchSpace:
    """The search space of one compared optimizer, as Optuna sees it.

    Args:
        fixed: numbers that every trial has; Optuna is not told of them.
        distributions: the searched dimensions, ordered by name.
        finite: the searched dimensions that list their values.
        integers: names of the hyperparameters that are whole numbers.
    """

    fixed: dict[str, float | int]
    distributions: dict[str, BaseDistribution]
    finite: dict[str, Dimension]
    integers: frozenset[str] = frozenset()

    @property
    def is_finite(self) -> bool:
        """Whether every dimension lists its values, as a grid needs."""
        return self.finite.keys() == self.distributions.keys()

    @property
    def size(self) -> int:
        """How many settings a finite space holds; 1 where everything is fixed."""
        return math.prod(dimension.size or 1 for dimension in self.finite.values())

    @property
    def points(self) -> dict[str, list[float | int | str]]:
        """The values of each finite searched dimension, in the order in which they are written.

        They are made when they are asked for, by the grid sampler: there may be many.
        """
        return {
            name: list(dimension.alternatives)
            if dimension.alternatives is not None
            else [_number(x, name in self.integers) for x in dimension.grid or []]
            for name, dimension in self.finite.items()
        }

    def start(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return a starting setting as Optuna takes it: what is searched, in its own type.

        Args:
            given: values by name; what is fixed is passed over.
        """
        return {
            name: value if isinstance(value, bool | str) else _number(value, name in self.integers)
            for name, value in given.items()
            if name in self.distributions
        }


def make_space(
    dimensions: Mapping[str, Dimension], integers: Collection[str], label: str = ""
) -> SearchSpace:
    """Translate the dimensions of one compared optimizer.

    Args:
        dimensions: from ``Study.space(label)``.
        integers: names of the hyperparameters that are whole numbers.
        label: named in messages.

    Raises:
        SearchError: a whole number is given with a fraction.

    Example:
        >>> space = make_space(
        ...     {"momentum": Dimension(value=0.9), "batch_size": Dimension(choices=[16, 32])},
        ...     integers={"batch_size"},
        ... )
        >>> space.fixed, space.distributions
        ({'momentum': 0.9}, {'batch_size': CategoricalDistribution(choices=(16, 32))})
    """
    fixed: dict[str, float | int] = {}
    distributions: dict[str, BaseDistribution] = {}
    finite: dict[str, Dimension] = {}
    for name, dimension in sorted(dimensions.items()):
        is_whole = name in integers
        if is_whole:
            _check_whole(name, dimension, label)
        if dimension.value is not None:
            fixed[name] = _number(dimension.value, is_whole)
            continue
        distributions[name] = _distribution(dimension, is_whole)
        if dimension.size is not None:
            finite[name] = dimension
    return SearchSpace(fixed, distributions, finite, frozenset(integers))


def _check_whole(name: str, dimension: Dimension, label: str) -> None:
    numbers = [dimension.value, dimension.low, dimension.high, dimension.step]
    for number in numbers + (dimension.choices or []):
        if number is not None and number != int(number):
            raise SearchError(
                f"{name} must be a whole number. Received {number} at search.{label}.{name}. "
                f"Write {round(number)}."
            )


def _number(value: float | int, is_whole: bool) -> float | int:
    return int(value) if is_whole else float(value)


def _distribution(dimension: Dimension, is_whole: bool) -> BaseDistribution:
    if dimension.alternatives is not None:
        return CategoricalDistribution(dimension.alternatives)
    if dimension.choices is not None:
        return CategoricalDistribution([_number(x, is_whole) for x in dimension.choices])
    if dimension.low is None or dimension.high is None:
        raise TypeError("the schema lets no dimension be without value, choices and range")
    low, high, step = dimension.low, dimension.high, dimension.step
    if step is not None:
        # The last grid point: Optuna warns where the step does not divide the range.
        high = float(_last_point(dimension))
    if is_whole:
        return IntDistribution(int(low), int(high), log=dimension.log, step=int(step or 1))
    return FloatDistribution(low, high, log=dimension.log, step=step)


def _last_point(dimension: Dimension) -> Decimal:
    # Decimals, as in Optuna's own check: 0.1 * 3 is beyond 0.3 in binary.
    low, high = Decimal(str(dimension.low)), Decimal(str(dimension.high))
    step = Decimal(str(dimension.step))
    return low + (high - low) // step * step
