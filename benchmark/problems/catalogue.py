"""The table of problems, and how one of them is built."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from benchmark.errors import did_you_mean

if TYPE_CHECKING:
    from benchmark.problems.base import Problem


@dataclass(frozen=True, slots=True)
class ProblemEntry:
    """A line of :data:`PROBLEMS`.

    Args:
        summary: the function in a line.
        options: the names of its options, with their defaults; where the default is an
            integer, so is the option.
        target: ``"module:Class"``.
    """

    summary: str
    options: Mapping[str, float | int]
    target: str


PROBLEMS: dict[str, ProblemEntry] = {
    "quadratic": ProblemEntry(
        summary="rotated quadratic bowl with a chosen condition number",
        options={
            "dimension": 10,
            "condition_number": 100.0,
            "largest_eigenvalue": 1.0,
            "seed": 0,
        },
        target="benchmark.problems.quadratic:Quadratic",
    ),
    "rosenbrock": ProblemEntry(
        summary="curved narrow valley, κ = 2508 at its minimum in two dimensions",
        options={"dimension": 2},
        target="benchmark.problems.rosenbrock:Rosenbrock",
    ),
    "beale": ProblemEntry(
        summary="flat plateaus with steep walls, in two dimensions",
        options={},
        target="benchmark.problems.beale:Beale",
    ),
    "saddle": ProblemEntry(
        summary="strict saddle point between two minima, in two dimensions",
        options={"positive_curvature": 1.0, "negative_curvature": 1.0, "offset": 1e-3},
        target="benchmark.problems.saddle:Saddle",
    ),
    "deep_linear_chain": ProblemEntry(
        summary="product of equal symmetric layers, whose gradients vanish or explode",
        options={
            "layers": 4,
            "width": 3,
            "smallest_eigenvalue": 0.5,
            "largest_eigenvalue": 1.5,
            "seed": 0,
        },
        target="benchmark.problems.deep_linear_chain:DeepLinearChain",
    ),
    "noisy_quadratic": ProblemEntry(
        summary="stochastic quadratic of 100 dimensions with ten large eigenvalues (DeepOBS)",
        options={"dimension": 100, "samples": 1000, "noise": 0.6, "seed": 42},
        target="benchmark.problems.noisy_quadratic:NoisyQuadratic",
    ),
}
"""The closed-form problems by name."""


def build_problem(name: str, options: Mapping[str, Any] | None = None) -> "Problem":
    """Build a problem from its name and options; imports Keras.

    Args:
        name: a key of :data:`PROBLEMS`.
        options: some of the entry's options; the others keep their defaults.

    Raises:
        ValueError: the problem or an option is unknown, or an option is out of range.

    Example:
        >>> problem = build_problem("quadratic", {"dimension": 2, "condition_number": 4.0})
        >>> problem.options["condition_number"], problem.start.shape
        (4.0, (2,))
        >>> build_problem("quadratic", {"dimensions": 2})
        Traceback (most recent call last):
        ValueError: an option of quadratic must be one of dimension, condition_number, \
largest_eigenvalue, seed. Received 'dimensions'. Did you mean `dimension`?
    """
    chosen = check_problem(name, options or {})
    module, _, class_name = PROBLEMS[name].target.partition(":")
    problem: Problem = getattr(import_module(module), class_name)(**chosen)
    return problem


def check_problem(name: str, options: Mapping[str, Any]) -> dict[str, float | int]:
    """Return the options of a problem, completed by its defaults; imports nothing.

    Names and types are checked here, ranges by the problem itself when it is built.

    Args:
        name: a key of :data:`PROBLEMS`.
        options: some of the entry's options.

    Raises:
        ValueError: the problem or an option is unknown, or a value has the wrong type.

    Example:
        >>> check_problem("rosenbrock", {"dimension": 4})
        {'dimension': 4}
    """
    if name not in PROBLEMS:
        raise ValueError(_unknown("the problem", name, PROBLEMS))
    entry = PROBLEMS[name]
    chosen = dict(entry.options)
    for key, value in options.items():
        if key not in entry.options:
            raise ValueError(_unknown(f"an option of {name}", key, entry.options))
        chosen[key] = _number(f"{name}.{key}", value, integer=isinstance(chosen[key], int))
    return chosen


def _number(place: str, value: Any, *, integer: bool) -> float | int:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or (integer and value != int(value)):
        kind = "an integer" if integer else "a number"
        raise ValueError(f"{place} must be {kind}. Received {value!r}.")
    return int(value) if integer else float(value)


def _unknown(what: str, value: str, known: Mapping[str, Any]) -> str:
    names = ", ".join(known) if known else "(it has none)"
    return f"{what} must be one of {names}. Received {value!r}.{did_you_mean(value, known)}"
