"""The table of problems, and the check of their options; without Keras."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from benchmark.errors import did_you_mean
from benchmark.problems.ranges import (
    BOWL,
    MOST_DIMENSIONS,
    SEED,
    Rule,
    check_rules,
    positive,
    whole,
)
from benchmark.problems.spectra import SPECTRA


@dataclass(frozen=True, slots=True)
class ProblemEntry:
    """A line of :data:`PROBLEMS`.

    Args:
        summary: the function in a phrase.
        options: the names of its options, with their defaults; where the default is an
            integer, or a text, so is the option.
        target: ``"module:Class"``.
        rules: what its options must obey, in the order in which they are checked.

    Raises:
        TypeError: an option has no rule, or a rule is about no option.

    Example:
        >>> ProblemEntry("a bowl", {"width": 1.0}, "my_problems:Bowl")
        Traceback (most recent call last):
        TypeError: each option of a problem must have a rule, and each rule an option. Received \
options width and rules none for my_problems:Bowl. Add for instance \
rules=(positive("width", 1.0),) in benchmark/problems/catalogue.py.
    """

    summary: str
    options: Mapping[str, float | int | str]
    target: str
    rules: tuple[Rule, ...] = ()

    def __post_init__(self) -> None:
        ruled = {rule.option for rule in self.rules}
        differing = sorted(ruled.symmetric_difference(self.options))
        if differing:
            raise TypeError(
                "each option of a problem must have a rule, and each rule an option. Received "
                f"options {', '.join(self.options) or 'none'} and rules "
                f"{', '.join(sorted(ruled)) or 'none'} for {self.target}. Add for instance "
                f'rules=(positive("{differing[0]}", 1.0),) in benchmark/problems/catalogue.py.'
            )


PROBLEMS: dict[str, ProblemEntry] = {
    "quadratic": ProblemEntry(
        summary="rotated quadratic bowl with a chosen condition number, spectrum and noise",
        options={
            "dimension": 10,
            "condition_number": 100.0,
            "largest_eigenvalue": 1.0,
            "spectrum": "geometric",
            "noise": 0.0,
            "samples": 1,
            "seed": 0,
        },
        target="benchmark.problems.quadratic:Quadratic",
        rules=(
            *BOWL,
            Rule(
                "spectrum",
                f"one of {', '.join(SPECTRA)}",
                lambda options: options["spectrum"] in SPECTRA,
                "geometric",
            ),
            Rule("noise", "finite and ≥ 0", lambda options: 0 <= options["noise"] < math.inf, 0.1),
            *whole("samples", 1, 100_000),
            Rule(
                "samples",
                "even where noise is > 0, because examples come in pairs",
                lambda options: not options["noise"] or options["samples"] % 2 == 0,
                1000,
            ),
            *SEED,
        ),
    ),
    "diagonal_quadratic": ProblemEntry(
        summary="quadratic bowl along the axes, to measure rates of convergence on",
        options={"dimension": 3, "condition_number": 100.0, "largest_eigenvalue": 1.0},
        target="benchmark.problems.diagonal_quadratic:DiagonalQuadratic",
        rules=BOWL,
    ),
    "rosenbrock": ProblemEntry(
        summary="curved narrow valley, κ = 2508 at its minimum in two dimensions",
        options={"dimension": 2},
        target="benchmark.problems.rosenbrock:Rosenbrock",
        rules=whole("dimension", 2, MOST_DIMENSIONS),
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
        rules=(
            positive("positive_curvature", 1.0),
            positive("negative_curvature", 1.0),
            positive("offset", 1e-3),
        ),
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
        rules=(
            *whole("layers", 2, 1000),
            *whole("width", 1, 100),
            Rule(
                "smallest_eigenvalue",
                "> 0",
                lambda options: options["smallest_eigenvalue"] > 0,
                0.5,
            ),
            Rule(
                "largest_eigenvalue",
                "finite and ≥ smallest_eigenvalue",
                lambda options: (
                    options["smallest_eigenvalue"] <= options["largest_eigenvalue"] < math.inf
                ),
                1.5,
            ),
            *SEED,
        ),
    ),
    "noisy_quadratic": ProblemEntry(
        summary="stochastic quadratic of 100 dimensions with ten large eigenvalues (DeepOBS)",
        options={"dimension": 100, "samples": 1000, "noise": 0.6, "seed": 42},
        target="benchmark.problems.noisy_quadratic:NoisyQuadratic",
        rules=(
            *whole("dimension", 10, MOST_DIMENSIONS),
            *whole("samples", 1, 100_000),
            positive("noise", 0.6),
            # RandomState takes 32 bits, and the test data have the seed after this one.
            Rule("seed", "in [0, 2³² − 2]", lambda options: 0 <= options["seed"] <= 2**32 - 2, 42),
        ),
    ),
}
"""The closed-form problems by name."""


def check_problem(name: str, options: Mapping[str, Any]) -> dict[str, float | int | str]:
    """Return the options of a problem, completed by its defaults; imports nothing.

    Args:
        name: a key of :data:`PROBLEMS`.
        options: some of the entry's options.

    Raises:
        ValueError: the problem or an option is unknown, or a value has the wrong type or
            is out of range.

    Example:
        >>> check_problem("rosenbrock", {"dimension": 4})
        {'dimension': 4}
        >>> check_problem("quadratic", {"dimension": 1})
        Traceback (most recent call last):
        ValueError: condition_number must be 1 where dimension is 1. Received 100.0 for \
condition_number of problem quadratic. Write for instance 1.0.
    """
    if name not in PROBLEMS:
        raise ValueError(_unknown("the problem", name, PROBLEMS))
    entry = PROBLEMS[name]
    chosen = dict(entry.options)
    for key, value in options.items():
        if key not in entry.options:
            raise ValueError(_unknown(f"an option of {name}", key, entry.options))
        chosen[key] = _value(f"{name}.{key}", value, entry.options[key])
    check_rules(name, entry.rules, chosen)
    return chosen


def _value(option: str, value: Any, default: float | int | str) -> float | int | str:
    if not isinstance(default, str):
        return _number(option, value, integer=isinstance(default, int))
    if not isinstance(value, str):
        raise ValueError(
            f"{option} must be a text. Received {value!r}. Write for instance {default!r}."
        )
    return value


def _number(option: str, value: Any, *, integer: bool) -> float | int:
    kind = "an integer" if integer else "a number"
    wrong = ValueError(f"{option} must be {kind}. Received {value!r}. Write {kind}.")
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise wrong
    if integer:
        if isinstance(value, float) and not value.is_integer():
            raise wrong
        return int(value)
    try:
        return float(value)
    except OverflowError:
        raise wrong from None


def _unknown(what: str, value: str, known: Mapping[str, Any]) -> str:
    names = ", ".join(known) if known else "(it has none)"
    return f"{what} must be one of {names}. Received {value!r}.{did_you_mean(value, known)}"
