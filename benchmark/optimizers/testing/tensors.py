"""Types, shapes and sizes of what an optimizer steps on."""

from typing import Any

import keras
import numpy as np
from keras import ops

from benchmark.optimizers.testing.functions import bumpy, split, starting_point
from benchmark.optimizers.testing.result import ViolationError
from benchmark.optimizers.testing.subject import Array, Subject, arrays, take_steps, variables_of

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
            place = next(
                i for i, pair in enumerate(zip(before, after, strict=True)) if len({*pair}) > 1
            )
            what = "a weight" if place < len(variables) else "a variable of its state"
            raise ViolationError(
                f"With weights of {dtype}, {what} was {_said(before[place])} and is "
                f"{_said(after[place])} after three steps."
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
        found = arrays(variables)
        what = "a scalar" if shape == () else f"weights of shape {shape}"
        if found[0].shape != shape:
            raise ViolationError(f"Of {what} it makes shape {found[0].shape}.")
        _require_finite(found, what)
        _require_moved([start], found, what.capitalize())


def rests_at_a_zero_gradient(subject: Subject) -> None:
    """Check the property ``zero gradient``."""
    start = split(starting_point(0))
    variables = variables_of(start)
    optimizer = subject.any(**subject.without_decay)
    take_steps(optimizer, variables, _flat, range(3))
    found = arrays(variables)
    _require_finite(found, "weights")
    moved = max(float(np.max(np.abs(a - b))) for a, b in zip(found, start, strict=True))
    if moved:
        raise ViolationError(f"Three steps with a gradient of zero move a weight by {moved:.3g}.")
    _steps_where_there_is_a_gradient(subject)


def _steps_where_there_is_a_gradient(subject: Subject) -> None:
    """A row and a column without a gradient must neither stop the others nor break them."""
    start = np.cos(np.arange(SPARSE.size, dtype="float32")).reshape(SPARSE.shape)
    variables = variables_of([start])
    take_steps(subject.any(**subject.without_decay), variables, _sparse, range(3 + FURTHER_STEPS))
    (found,) = arrays(variables)
    what = "a gradient that is zero in a row and a column"
    if not np.all(np.isfinite(found)):
        raise ViolationError(f"After steps with {what}, weights are not finite.")
    # A method that refuses its first steps moves nothing at first.
    rest = (found == start) & (SPARSE > 0)
    if rest.any():
        raise ViolationError(
            f"With {what}, {int(rest.sum())} of the {int(SPARSE.sum())} weights that have a "
            f"gradient do not move in {3 + FURTHER_STEPS} steps."
        )


def _sparse(weights: Any, step: Any) -> Any:
    return bumpy([one * SPARSE for one in weights], step)


def _require_digits(subject: Subject) -> None:
    """Weights of float64 must be stepped on in float64, not in what rounds to float32."""
    variables = variables_of([np.zeros((4, 3))], "float64")
    take_steps(subject.any(), variables, bumpy, range(1))
    (found,) = arrays(variables)
    sizes = np.unique(np.abs(found[found != 0]))
    # One size for all is that of a method that goes by signs: the learning rate's digits.
    if sizes.size > 1 and np.array_equal(found, found.astype("float32").astype("float64")):
        raise ViolationError(
            "Weights of float64 make a step that float32 holds exactly: its digits are lost on "
            "the way."
        )


def _flat(weights: Any, step: Any) -> Any:  # noqa: ARG001 - as every function has it
    """Zero, whose derivatives are zero at any weights."""
    return sum(ops.sum(one * 0.0) for one in weights)


def _kinds(variables: Any) -> list[tuple[tuple[int, ...], str]]:
    return [
        (tuple(one.shape), keras.backend.standardize_dtype(one.value.dtype)) for one in variables
    ]


def _said(kind: tuple[tuple[int, ...], str]) -> str:
    return f"{kind[1]} of shape {kind[0]}"


def _require_finite(values: list[Array], what: str) -> None:
    if not all(np.all(np.isfinite(one)) for one in values):
        raise ViolationError(f"{what[0].upper()}{what[1:]} are not finite after a few steps.")


def _require_moved(start: list[Array], found: list[Array], what: str) -> None:
    if all(np.array_equal(one, other) for one, other in zip(start, found, strict=True)):
        raise ViolationError(f"{what} did not move in a few steps at the defaults.")
