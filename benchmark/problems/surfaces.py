"""The problems of two dimensions as surfaces: their values from NumPy alone, to be drawn."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmark.problems.catalogue import check_problem
from benchmark.problems.spectra import Array, eigenvalues, random_rotation, rotated

Options = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Surface:
    """A function of two numbers.

    Args:
        value: f(a, b), for arrays of one shape, in float64.
        start: where every optimizer begins.
        minima: where f is least.
        optimum: f there.
    """

    value: Callable[[Array, Array], Array]
    start: tuple[float, float]
    minima: tuple[tuple[float, float], ...]
    optimum: float = 0.0


def surface(name: str, options: Options) -> Surface | None:
    """Return a closed-form problem as a surface, or nothing where it has other dimensions.

    Args:
        name: a key of :data:`benchmark.problems.PROBLEMS`.
        options: some of the problem's options; the others keep their defaults.

    Raises:
        ValueError: the problem or an option is unknown, or an option is out of range.

    Example:
        >>> valley = surface("rosenbrock", {})
        >>> float(valley.value(np.array(-1.2), np.array(1.0))), valley.minima
        (24.199999999999996, ((1.0, 1.0),))
        >>> surface("rosenbrock", {"dimension": 3}) is None
        True
    """
    complete = check_problem(name, options)
    make = _SURFACES.get(name)
    return make(complete) if make else None


def _quadratic(options: Options) -> Surface | None:
    if options["dimension"] != 2:
        return None
    largest = options["largest_eigenvalue"]
    smallest = largest / options["condition_number"]
    rotation = random_rotation(2, np.random.default_rng(options["seed"]))
    h = rotated(eigenvalues(options["spectrum"], smallest, largest, 2), rotation)
    start = 1 + rotation.sum(axis=1)

    def value(a: Array, b: Array) -> Array:
        u, v = a - 1, b - 1
        return (h[0, 0] * u * u + 2 * h[0, 1] * u * v + h[1, 1] * v * v) / 2

    return Surface(value, (float(start[0]), float(start[1])), ((1.0, 1.0),))


def _rosenbrock(options: Options) -> Surface | None:
    if options["dimension"] != 2:
        return None
    return Surface(lambda a, b: 100 * (b - a**2) ** 2 + (1 - a) ** 2, (-1.2, 1.0), ((1.0, 1.0),))


def _beale(_: Options) -> Surface:
    def value(a: Array, b: Array) -> Array:
        return (1.5 - a + a * b) ** 2 + (2.25 - a + a * b**2) ** 2 + (2.625 - a + a * b**3) ** 2

    return Surface(value, (1.0, 1.0), ((3.0, 0.5),))


def _saddle(options: Options) -> Surface:
    positive, negative = options["positive_curvature"], options["negative_curvature"]
    depth = float(np.sqrt(negative))
    return Surface(
        lambda a, b: positive * a**2 / 2 - negative * b**2 / 2 + b**4 / 4,
        (1.0, options["offset"]),
        ((0.0, depth), (0.0, -depth)),
        -(negative**2) / 4,
    )


def _deep_linear_chain(options: Options) -> Surface | None:
    if (options["layers"], options["width"]) != (2, 1):
        return None
    first = options["smallest_eigenvalue"]
    # The minima are all of a · b = 1; this is the one that the problem names.
    return Surface(lambda a, b: (a * b - 1) ** 2 / 2, (first, first), ((1.0, 1.0),))


_SURFACES: dict[str, Callable[[Options], Surface | None]] = {
    "quadratic": _quadratic,
    "rosenbrock": _rosenbrock,
    "beale": _beale,
    "saddle": _saddle,
    "deep_linear_chain": _deep_linear_chain,
}
