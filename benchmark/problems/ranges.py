"""The ranges of the options of every problem; read by ``validate``, so Keras is not imported."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from benchmark.problems.spectra import SPECTRA

Options = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Rule:
    """What one option of a problem must be.

    Args:
        option: its name.
        text: the rule as it stands in messages after "must be".
        holds: whether the options, which are complete, obey it.
        example: a value that does.
    """

    option: str
    text: str
    holds: Callable[[Options], bool]
    example: float | int | str


def _whole(option: str, low: int, high: int) -> tuple[Rule, Rule]:
    return (
        Rule(option, f"≥ {low}", lambda options: options[option] >= low, low),
        Rule(option, f"≤ {high}", lambda options: options[option] <= high, high),
    )


def _positive(option: str, example: float) -> Rule:
    return Rule(option, "finite and > 0", lambda options: 0 < options[option] < math.inf, example)


# Rotation and Hessian are dense: 10,000 dimensions take 0.8 GB each. The other upper ends
# keep weights and examples within a few GB as well.
_MOST_DIMENSIONS = 10_000
# The results keep every option as a 64-bit integer.
_SEED = _whole("seed", 0, 2**63 - 1)

_BOWL = (
    *_whole("dimension", 1, _MOST_DIMENSIONS),
    Rule(
        "condition_number",
        "finite and ≥ 1",
        lambda options: 1 <= options["condition_number"] < math.inf,
        100.0,
    ),
    Rule(
        "condition_number",
        "1 where dimension is 1",
        lambda options: options["dimension"] > 1 or options["condition_number"] == 1,
        1.0,
    ),
    _positive("largest_eigenvalue", 1.0),
)

RULES: dict[str, tuple[Rule, ...]] = {
    "quadratic": (
        *_BOWL,
        Rule(
            "spectrum",
            f"one of {', '.join(SPECTRA)}",
            lambda options: options["spectrum"] in SPECTRA,
            "geometric",
        ),
        Rule("noise", "finite and ≥ 0", lambda options: 0 <= options["noise"] < math.inf, 0.1),
        *_whole("samples", 1, 100_000),
        Rule(
            "samples",
            "even where noise is > 0, for examples come in pairs",
            lambda options: not options["noise"] or options["samples"] % 2 == 0,
            1000,
        ),
        *_SEED,
    ),
    "diagonal_quadratic": _BOWL,
    "rosenbrock": _whole("dimension", 2, _MOST_DIMENSIONS),
    "beale": (),
    "saddle": (
        _positive("positive_curvature", 1.0),
        _positive("negative_curvature", 1.0),
        _positive("offset", 1e-3),
    ),
    "deep_linear_chain": (
        *_whole("layers", 2, 1000),
        *_whole("width", 1, 100),
        Rule("smallest_eigenvalue", "> 0", lambda options: options["smallest_eigenvalue"] > 0, 0.5),
        Rule(
            "largest_eigenvalue",
            "finite and ≥ smallest_eigenvalue",
            lambda options: (
                options["smallest_eigenvalue"] <= options["largest_eigenvalue"] < math.inf
            ),
            1.5,
        ),
        *_SEED,
    ),
    "noisy_quadratic": (
        *_whole("dimension", 10, _MOST_DIMENSIONS),
        *_whole("samples", 1, 100_000),
        _positive("noise", 0.6),
        # RandomState takes 32 bits, and the test data have the seed after this one.
        Rule("seed", "in [0, 2³² − 2]", lambda options: 0 <= options["seed"] <= 2**32 - 2, 42),
    ),
}
"""The rules of each problem's options, in the order in which they are checked."""


def check_ranges(problem: str, options: Options) -> None:
    """Refuse options that break a rule of their problem.

    Args:
        problem: its name; one without rules has none to break.
        options: all its options.

    Raises:
        ValueError: with the rule, the value and an example.

    Example:
        >>> check_ranges("rosenbrock", {"dimension": 1})
        Traceback (most recent call last):
        ValueError: dimension must be ≥ 2. Received 1 for dimension of problem rosenbrock. \
Write for instance 2.
    """
    for rule in RULES.get(problem, ()):
        if not rule.holds(options):
            raise ValueError(
                f"{rule.option} must be {rule.text}. Received {options[rule.option]!r} for "
                f"{rule.option} of problem {problem}. {_remedy(rule, options)}"
            )


def _remedy(rule: Rule, options: Options) -> str:
    """An example that obeys the rule, or what it depends on, where that decides."""
    obeys = rule.holds({**options, rule.option: rule.example})
    return f"Write for instance {rule.example}." if obeys else "Change what it depends on."
