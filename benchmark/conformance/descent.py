"""Whether steps lead down: many learning rates and functions in one run of one program."""

from functools import cache
from typing import Any

import numpy as np
from keras import ops

from benchmark import backend
from benchmark.conformance import functions
from benchmark.conformance.functions import (
    NOISE,
    PARABOLA,
    QUADRATIC,
    ROSENBROCK,
    any_of_them,
    joined,
    split,
    starting_point,
)
from benchmark.conformance.properties import ViolationError
from benchmark.conformance.subject import (
    Array,
    Subject,
    arrays,
    pure_step,
    take_steps,
    variables_of,
)

STEPS = 400
RATES = tuple(float(f"{10.0 ** (half / 2):.1e}") for half in range(-8, 7))
"""Learning rates from 1e-4 to 1e3, two a decade."""
FEW_RATES = (1e-1, 1e-2, 1e-3)
"""Those tried with a class that takes one step after the other in Python."""
PART = 50
"""The number of steps after which the function is evaluated, and the number with noise."""
SIZES = (1e-20, 1e-3, 1.0, 1e6)
"""Of the gradients among which steps stay finite."""
SHARES = {PARABOLA: 0.01, QUADRATIC: 0.1}
"""What is left of a function's starting value at most."""
Run = tuple[int, float, float]
"""A function's kind, its scale, and a learning rate; NaN for the default."""


def steps_are_finite(subject: Subject) -> None:
    """Check the property ``finite steps``."""
    for (kind, scale, _), theta in _ends(subject).items():
        if kind == NOISE and not np.all(np.isfinite(theta)):
            raise ViolationError(
                f"With gradients of the size {scale:g} weights do not stay finite at the defaults."
            )


def goes_down_a_parabola(subject: Subject) -> None:
    """Check the property ``parabola``."""
    _goes_down(subject, PARABOLA, "½‖w − w*‖²")


def goes_down_an_ill_conditioned_quadratic(subject: Subject) -> None:
    """Check the property ``ill-conditioned quadratic``."""
    _goes_down(subject, QUADRATIC, f"A quadratic with κ = {functions.CONDITION_NUMBER:.0e}")


def goes_into_the_valley_of_rosenbrock(subject: Subject) -> None:
    """Check the property ``Rosenbrock``."""
    _goes_down(subject, ROSENBROCK, "Rosenbrock's function")


def _goes_down(subject: Subject, kind: int, what: str) -> None:
    start, bound = _value(kind, starting_point(kind)), _bound(kind)
    values = {
        rate: _value(kind, theta)
        for (which, _, rate), theta in _ends(subject).items()
        if which == kind
    }
    finite = {rate: value for rate, value in values.items() if np.isfinite(value)}
    if not finite:
        raise ViolationError(f"{what} is not finite after {STEPS} steps at any learning rate.")
    rate, best = min(finite.items(), key=lambda item: item[1])
    if not best <= bound:
        where = "its default settings" if np.isnan(rate) else f"learning_rate {rate:g}"
        raise ViolationError(
            f"{what} must fall from {start:.4g} to {bound:.3g} or below within {STEPS} steps. "
            f"The best of {len(values)} learning rates, {where}, reaches {best:.4g}."
        )


def _value(kind: int, theta: Array) -> float:
    with np.errstate(over="ignore", invalid="ignore"):  # of rates that are too large
        return float(functions.values(kind, theta))


def _bound(kind: int) -> float:
    if kind == ROSENBROCK:
        return functions.VALLEY
    return SHARES[kind] * _value(kind, starting_point(kind))


@cache
def _ends(subject: Subject) -> dict[Run, Array]:
    """Where all runs end, by run."""
    rates = [] if subject.failure else [r for r in RATES if _takes(subject, r)]
    if subject.failure:
        rates = [rate for rate in FEW_RATES if _takes(subject, rate)]
    runs = [
        (kind, 1.0, rate)
        for kind in (PARABOLA, ROSENBROCK, QUADRATIC)
        for rate in (float("nan"), *rates)
    ]
    runs += [(NOISE, size, float("nan")) for size in SIZES]
    ends = _one_by_one(subject, runs) if subject.failure else _side_by_side(subject, runs)
    return dict(zip(runs, ends, strict=True))


def _takes(subject: Subject, rate: float) -> bool:
    rule = subject.entry.hyperparameters.get("learning_rate")
    if rule is None or not rule.allows(rate):
        return False
    return bool(subject.failure) or "learning_rate" not in subject.constants


def _side_by_side(subject: Subject, runs: list[Run]) -> list[Array]:
    starts = np.stack([starting_point(kind) for kind, _, _ in runs])
    # Built on other weights than those it starts from: a pure step reads none of them.
    optimizer = subject.build()
    optimizer.build(variables_of([array + 1 for array in split(starts[0])]))
    usual = arrays(optimizer.variables)
    states: dict[float, list[Array]] = {}
    for rate in {rate for _, _, rate in runs if not np.isnan(rate)}:
        optimizer.set_hyperparameters({"learning_rate": rate})
        states[rate] = arrays(optimizer.variables)
    state = [
        np.stack(values)
        for values in zip(*(states.get(rate, usual) for _, _, rate in runs), strict=True)
    ]
    kinds = np.array([kind for kind, _, _ in runs], "int32")
    scales = np.array([scale for _, scale, _ in runs], "float32")
    program = _program(optimizer)
    inputs = (state, split(starts), kinds, scales, np.int32(STEPS))
    weights = arrays(backend.trace(program, *inputs)(*inputs))
    return list(np.concatenate([array.reshape(len(runs), -1) for array in weights], -1))


def _program(optimizer: Any) -> Any:
    """A function that makes many steps from each row's weights; pure."""
    step = backend.vectorize(pure_step(optimizer, any_of_them), (0, 0, 0, 0, None))

    def program(state: Any, weights: Any, kinds: Any, scales: Any, steps: Any) -> Any:
        count = len(weights)

        def body(index: Any, *now: Any) -> Any:
            moved, state = step(list(now[count:]), list(now[:count]), kinds, scales, index)
            return (index + 1, *moved, *state)

        start = (ops.zeros_like(steps), *weights, *state)
        return list(ops.while_loop(lambda index, *_: index < steps, body, start)[1 : count + 1])

    return program


def _one_by_one(subject: Subject, runs: list[Run]) -> list[Array]:
    """The same with a class's own ``apply``; ends early where a function has fallen enough."""
    ends: dict[Run, Array] = {}
    for run in runs:
        kind, scale, rate = run
        done = [theta for (which, *_), theta in ends.items() if which == kind != NOISE]
        if any(_value(kind, theta) <= _bound(kind) for theta in done):
            ends[run] = starting_point(kind)
            continue

        def function(weights: Any, step: Any, kind: int = kind, scale: float = scale) -> Any:
            theta = joined(weights)
            if kind == NOISE:
                return any_of_them(weights, kind, ops.cast(scale, theta.dtype), step)
            return functions.FUNCTIONS[kind](theta)

        optimizer = subject.plain(**({} if np.isnan(rate) else {"learning_rate": rate}))
        variables = variables_of(split(starting_point(kind)))
        for first in range(0, STEPS, PART):
            take_steps(optimizer, variables, function, range(first, first + PART))
            ends[run] = np.concatenate([array.ravel() for array in arrays(variables)])
            if kind == NOISE or _value(kind, ends[run]) <= _bound(kind):
                break
    return list(ends.values())
