"""What an optimizer steps on: types, shapes and sizes, and hyperparameters as tensors."""

from functools import cache
from typing import Any

import keras
import numpy as np
from keras import ops

from benchmark import backend
from benchmark.conformance.functions import bumpy, split, starting_point
from benchmark.conformance.keras_contract import other_numbers
from benchmark.conformance.properties import NotApplicableError, ViolationError
from benchmark.conformance.subject import (
    Array,
    Subject,
    arrays,
    pure_step,
    take_steps,
    variables_of,
)
from benchmark.optimizers.examination import distance, tolerance

DTYPES = ("float32", "float64", "bfloat16")
SIZES: tuple[tuple[int, ...], ...] = ((), (1,), (1, 1), (2**20,), (256, 512))
FURTHER_STEPS = 8
SPARSE = np.ones((4, 3), "float32")
SPARSE[1], SPARSE[:, 2] = 0.0, 0.0
"""Where a gradient is that is zero in a row and in a column, as of a unit that is dead."""


def keeps_types_and_shapes(subject: Subject) -> None:
    """Check the property ``types and shapes``."""
    for dtype in DTYPES:
        optimizer = subject.any()
        variables = variables_of(split(starting_point(0)), dtype)
        optimizer.build(variables)
        before, start = _kinds([*variables, *optimizer.variables]), arrays(variables)
        take_steps(optimizer, variables, bumpy, range(3))
        after = _kinds([*variables, *optimizer.variables])
        if before != after:
            index = next(
                i for i, pair in enumerate(zip(before, after, strict=True)) if len({*pair}) > 1
            )
            what = "a weight" if index < len(variables) else "a variable of its state"
            raise ViolationError(
                f"With weights of {dtype}, {what} was {_said(before[index])} and is "
                f"{_said(after[index])} after three steps."
            )
        _require_finite(arrays(variables), f"weights of {dtype}")
        if dtype == "float64":
            _require_digits(subject)
        if dtype != "bfloat16":  # whose neighbours are 1 % apart: a usual step is lost
            _require_moved(start, arrays(variables), f"Weights of {dtype}")


def takes_every_size(subject: Subject) -> None:
    """Check the property ``sizes``."""
    for shape in SIZES:
        start = np.cos(np.arange(int(np.prod(shape)), dtype="float32") % 97).reshape(shape)
        variables = variables_of([start])
        optimizer = subject.any()
        take_steps(optimizer, variables, bumpy, range(2))
        if np.array_equal(arrays(variables)[0], start):
            # A method that damps its steps refuses the first ones where the curvature is negative.
            take_steps(optimizer, variables, bumpy, range(2, 2 + FURTHER_STEPS))
        weights = arrays(variables)
        what = "a scalar" if shape == () else f"weights of shape {shape}"
        if weights[0].shape != shape:
            raise ViolationError(f"Of {what} it makes shape {weights[0].shape}.")
        _require_finite(weights, what)
        _require_moved([start], weights, what.capitalize())


def rests_at_a_zero_gradient(subject: Subject) -> None:
    """Check the property ``zero gradient``."""
    start = split(starting_point(0))
    variables = variables_of(start)
    optimizer = subject.any(**subject.without_decay)
    take_steps(optimizer, variables, _flat, range(3))
    weights = arrays(variables)
    _require_finite(weights, "weights")
    moved = max(float(np.max(np.abs(a - b))) for a, b in zip(weights, start, strict=True))
    if moved:
        raise ViolationError(f"Three steps with a gradient of zero move a weight by {moved:.3g}.")
    _steps_where_there_is_a_gradient(subject)


def _steps_where_there_is_a_gradient(subject: Subject) -> None:
    """A row and a column without a gradient must neither stop the others nor break them."""
    start = np.cos(np.arange(SPARSE.size, dtype="float32")).reshape(SPARSE.shape)
    variables = variables_of([start])
    take_steps(subject.any(**subject.without_decay), variables, _sparse, range(3 + FURTHER_STEPS))
    (weight,) = arrays(variables)
    what = "a gradient that is zero in a row and a column"
    if not np.all(np.isfinite(weight)):
        raise ViolationError(f"After steps with {what}, weights are not finite.")
    # A method that refuses its first steps moves nothing at first.
    rest = (weight == start) & (SPARSE > 0)
    if rest.any():
        raise ViolationError(
            f"With {what}, {int(rest.sum())} of the {int(SPARSE.sum())} weights that have a "
            f"gradient do not move in {3 + FURTHER_STEPS} steps."
        )


def _sparse(weights: Any, step: Any) -> Any:
    return bumpy([tensor * SPARSE for tensor in weights], step)


def _require_digits(subject: Subject) -> None:
    """Weights of float64 must be stepped on in float64, not in what rounds to float32."""
    variables = variables_of([np.zeros((4, 3))], "float64")
    take_steps(subject.any(), variables, bumpy, range(1))
    (weight,) = arrays(variables)
    sizes = np.unique(np.abs(weight[weight != 0]))
    # One size for all is that of a method that goes by signs: the learning rate's digits.
    if sizes.size > 1 and np.array_equal(weight, weight.astype("float32").astype("float64")):
        raise ViolationError(
            "Weights of float64 make a step that float32 holds exactly: its digits are lost on "
            "the way."
        )


def _flat(weights: Any, step: Any) -> Any:  # noqa: ARG001 - as every function has it
    """Zero, whose derivatives are zero at any weights."""
    return sum(ops.sum(tensor * 0.0) for tensor in weights)


def _kinds(variables: Any) -> list[tuple[tuple[int, ...], str]]:
    return [
        (tuple(variable.shape), keras.backend.standardize_dtype(variable.value.dtype))
        for variable in variables
    ]


def _said(kind: tuple[tuple[int, ...], str]) -> str:
    return f"{kind[1]} of shape {kind[0]}"


def _require_finite(values: list[Array], what: str) -> None:
    if not all(np.all(np.isfinite(value)) for value in values):
        raise ViolationError(f"{what[0].upper()}{what[1:]} are not finite after a few steps.")


def _require_moved(start: list[Array], end: list[Array], what: str) -> None:
    if all(np.array_equal(before, after) for before, after in zip(start, end, strict=True)):
        raise ViolationError(f"{what} did not move in a few steps at the defaults.")


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
    for numbers, end in zip(rows, ends, strict=True):
        variables = variables_of(START)
        take_steps(subject.plain(**numbers), variables, bumpy, range(STEPS))
        expected = arrays(variables)
        apart, allowed = distance(end, expected), tolerance(expected, START)
        if apart > allowed:
            settings = ", ".join(f"{name} = {value:g}" for name, value in numbers.items())
            raise ViolationError(
                f"With {settings or 'the defaults'} as a row of an array, a weight is {apart:.3g} "
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
    optimizer.build(variables_of([array + 1 for array in START]))
    usual = {name: optimizer.hyperparameters[name] for name in changed}
    rows = [usual, *({**usual, name: value} for name, value in changed.items())]
    states = []
    for numbers in rows:
        optimizer.set_hyperparameters(numbers)
        states.append(arrays(optimizer.variables))
    state: Any = [np.stack(values) for values in zip(*states, strict=True)]
    weights: Any = [np.stack([array] * len(rows)) for array in START]
    program = backend.compile(backend.vectorize(pure_step(optimizer, bumpy), (0, 0, None)))
    # Once more with the rows in another order: no value may have been taken for a constant.
    program([np.flip(array, 0).copy() for array in state], weights, np.int32(0))
    for step in range(STEPS):
        weights, state = program(list(state), list(weights), np.int32(step))
    stacked = arrays(weights)
    ends = [[array[row] for array in stacked] for row in range(len(rows))]
    return changed, program.compilations, ends
