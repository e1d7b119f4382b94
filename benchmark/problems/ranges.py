"""Rules that the options of a problem must obey; read by ``validate``, so Keras is not imported."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

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


def whole(option: str, low: int, high: int) -> tuple[Rule, Rule]:
    """Return the rules of an option from ``low`` to ``high``, which are whole numbers."""
    return (
        Rule(option, f"≥ {low}", lambda options: options[option] >= low, low),
        Rule(option, f"≤ {high}", lambda options: options[option] <= high, high),
    )


def positive(option: str, example: float) -> Rule:
    """Return the rule of an option that is finite and > 0."""
    return Rule(option, "finite and > 0", lambda options: 0 < options[option] < math.inf, example)


# Rotation and Hessian are dense: 10,000 dimensions take 0.8 GB each. The other upper ends
# keep weights and examples within a few GB as well.
MOST_DIMENSIONS = 10_000
# The results keep every option as a 64-bit integer.
SEED = whole("seed", 0, 2**63 - 1)

BOWL = (
    *whole("dimension", 1, MOST_DIMENSIONS),
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
    positive("largest_eigenvalue", 1.0),
)


def check_rules(problem: str, rules: Sequence[Rule], options: Options) -> None:
    """Refuse options that break a rule of their problem.

    Args:
        problem: its name.
        rules: in the order in which they are checked.
        options: all its options.

    Raises:
        ValueError: with the rule, the value and an example.

    Example:
        >>> check_rules("rosenbrock", whole("dimension", 2, 10), {"dimension": 1})
        Traceback (most recent call last):
        ValueError: dimension must be ≥ 2. Received 1 for dimension of problem rosenbrock. \
Write for instance 2.
    """
    for rule in rules:
        if not rule.holds(options):
            raise ValueError(
                f"{rule.option} must be {rule.text}. Received {options[rule.option]!r} for "
                f"{rule.option} of problem {problem}. {_remedy(rule, options)}"
            )


def _remedy(rule: Rule, options: Options) -> str:
    """An example that obeys the rule, or what it depends on, where that decides."""
    obeys = rule.holds({**options, rule.option: rule.example})
    return f"Write for instance {rule.example}." if obeys else "Change what it depends on."
