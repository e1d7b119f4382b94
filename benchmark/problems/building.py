"""Building a problem by its name."""

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from benchmark.problems.catalogue import PROBLEMS, check_problem

if TYPE_CHECKING:
    from benchmark.problems.base import Problem


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
largest_eigenvalue, spectrum, noise, samples, seed. Received 'dimensions'. Did you mean `dimension`?
    """
    chosen = check_problem(name, options or {})
    module, _, class_name = PROBLEMS[name].target.partition(":")
    problem: Problem = getattr(import_module(module), class_name)(**chosen)
    return problem
