"""Hyperparameters as tensors: one compiled step for all values."""

from functools import cache
from typing import Any

import numpy as np

from benchmark import backend
from benchmark.optimizers.agreement import distance, tolerance
from benchmark.optimizers.testing.functions import bumpy, split, starting_point
from benchmark.optimizers.testing.result import NotApplicableError, ViolationError
from benchmark.optimizers.testing.state import other_numbers
from benchmark.optimizers.testing.subject import (
    Array,
    Subject,
    arrays,
    pure_step,
    take_steps,
    variables_of,
)

STEPS = 3
START = split(starting_point(0))


def compiles_once(subject: Subject) -> None:
    """Check the property ``one compilation``."""
    changed, compilations, ends = _together(subject)
    if compilations != 1:
        raise ViolationError(
            f"Steps with {', '.join(changed)} of other values were compiled {compilations} times."
        )
    if all(distance(ends[0], end) == 0 for end in ends[1:]):
        raise ViolationError(f"Other values of {', '.join(changed)} change no step.")


def arrays_equal_floats(subject: Subject) -> None:
    """Check the property ``arrays as floats``."""
    changed, _, ends = _together(subject)
    rows: list[dict[str, float]] = [{}, *({name: value} for name, value in changed.items())]
    for numbers, found in zip(rows, ends, strict=True):
        variables = variables_of(START)
        take_steps(subject.plain(**numbers), variables, bumpy, range(STEPS))
        expected = arrays(variables)
        apart, allowed = distance(found, expected), tolerance(expected, START)
        if apart > allowed:
            said = ", ".join(f"{name} = {value:g}" for name, value in numbers.items())
            raise ViolationError(
                f"With {said or 'the defaults'} as a row of an array, a weight is {apart:.3g} "
                f"from where the float leads after {STEPS} steps; {allowed:.2g} is allowed."
            )


@cache
def _together(subject: Subject) -> tuple[dict[str, float], int, list[list[Array]]]:
    """The changed numbers, compilations, and ends: a row at the defaults, one for each number."""
    subject.require_pure()
    changed = {
        name: value
        for name, value in other_numbers(subject).items()
        if name not in subject.constants
    }
    if not changed:
        raise NotApplicableError("It has no hyperparameter that could be a tensor.")
    optimizer = subject.build()
    optimizer.build(variables_of([one + 1 for one in START]))
    usual = {name: optimizer.hyperparameters[name] for name in changed}
    rows = [usual, *({**usual, name: value} for name, value in changed.items())]
    states = []
    for numbers in rows:
        optimizer.set_hyperparameters(numbers)
        states.append(arrays(optimizer.variables))
    own: Any = [np.stack(values) for values in zip(*states, strict=True)]
    weights: Any = [np.stack([one] * len(rows)) for one in START]
    program = backend.compile(backend.vectorize(pure_step(optimizer, bumpy), (0, 0, None)))
    # Once more with the rows in another order: no value may have been taken for a constant.
    program([np.flip(one, 0).copy() for one in own], weights, np.int32(0))
    for step in range(STEPS):
        weights, own = program(list(own), list(weights), np.int32(step))
    stacked = arrays(weights)
    ends = [[one[row] for one in stacked] for row in range(len(rows))]
    return changed, program.compilations, ends
