"""What an optimizer keeps: state that can be saved, and a configuration."""

import json
from typing import Any

import keras
import numpy as np

from benchmark.conformance.functions import bumpy, split, starting_point
from benchmark.conformance.result import NotApplicableError, ViolationError
from benchmark.conformance.subject import Array, Subject, arrays, take_steps, variables_of
from benchmark.curvature.stability import missing_declaration
from benchmark.optimizers.examination import other_values

HALF = 3


def resumes(subject: Subject) -> None:
    """Check the property ``resumed``."""
    start = split(starting_point(0))
    whole = variables_of(start)
    take_steps(subject.plain(), whole, bumpy, range(2 * HALF))
    weights, first = variables_of(start), subject.plain()
    take_steps(first, weights, bumpy, range(HALF))
    store: dict[str, Array] = {}
    first.save_own_variables(store)
    weights, second = variables_of(arrays(weights)), subject.plain()
    second.build(weights)
    second.load_own_variables({key: np.array(value) for key, value in store.items()})
    take_steps(second, weights, bumpy, range(HALF, 2 * HALF))
    require_same(arrays(weights), arrays(whole), "A resumed run")


def configuration_round_trip(subject: Subject) -> None:
    """Check the property ``configuration``."""
    optimizer = subject.plain(**other_numbers(subject))
    config = optimizer.get_config()
    try:
        json.dumps(config)
    except TypeError as error:
        raise ViolationError(f"get_config holds what is no plain value: {error}.") from error
    missing = [name for name in {**subject.numbers, **subject.entry.options} if name not in config]
    if missing:
        raise ViolationError(f"get_config lacks {', '.join(missing)}.")
    for name, value in other_numbers(subject).items():
        if np.float32(config[name]) != np.float32(value):
            raise ViolationError(f"{name} was {value:g} and is {config[name]!r} in get_config.")
    copies = {
        "from_config": type(optimizer).from_config(config),
        "keras.optimizers.deserialize": _revived(optimizer),
    }
    steps = _steps(optimizer)
    for way, copy in copies.items():
        if copy.get_config() != config:
            changed = [key for key in config if copy.get_config().get(key) != config[key]]
            raise ViolationError(f"{way} gives another configuration: {', '.join(changed)} differ.")
        require_same(_steps(copy), steps, f"What {way} gives")


def has_a_stability_limit(subject: Subject) -> None:
    """Check the property ``stability limit``."""
    forgotten = missing_declaration(subject.name)
    if forgotten:
        raise ViolationError(forgotten)
    if subject.entry.stability is None:
        raise NotApplicableError("It is not a built-in optimizer, so its update rule is unknown.")


def other_numbers(subject: Subject) -> dict[str, float]:
    """A value other than the default for each hyperparameter that a constructor takes."""
    found = {}
    for name, usual in subject.numbers.items():
        for value in other_values(subject.entry.hyperparameters[name], usual):
            try:
                subject.plain(**{name: value})
            except (ValueError, TypeError):  # a range that no table knows
                continue
            found[name] = value
            break
    return found


def require_same(found: list[Array], expected: list[Array], what: str) -> None:
    """Raise where weights are not the same bits.

    Raises:
        ViolationError: they are not.
    """
    for one, other in zip(found, expected, strict=True):
        if not np.array_equal(one, other):
            apart = float(np.max(np.abs(one.astype("float64") - other)))
            raise ViolationError(f"{what} ends elsewhere: a weight differs by {apart:.3g}.")


def _revived(optimizer: Any) -> Any:
    try:
        return keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    except (TypeError, ValueError) as error:
        raise ViolationError(
            "keras.optimizers.deserialize does not find the class. Put "
            "@keras.saving.register_keras_serializable() before it. "
            f"It says: {(str(error).splitlines() or [''])[0]}"
        ) from error


def _steps(optimizer: Any) -> list[Array]:
    variables = variables_of(split(starting_point(0)))
    take_steps(optimizer, variables, bumpy, range(2))
    return arrays(variables)
