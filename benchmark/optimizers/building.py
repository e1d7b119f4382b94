"""Optimizers from plain numbers, and what of them is structure."""

from collections.abc import Collection, Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from benchmark.errors import did_you_mean
from benchmark.optimizers.registry import is_adapted, load_optimizer, optimizer_entry
from benchmark.optimizers.shared_hyperparameters import CLIPPING, REGULARIZATION

if TYPE_CHECKING:
    from benchmark.optimizers.examination import Findings
_CLIPPING_OF_KERAS = ("clipvalue", "clipnorm", "global_clipnorm")


class AdaptationError(ValueError):
    """A Keras optimizer class that cannot step as a pure function."""


def build_optimizer(
    name: str,
    hyperparameters: Mapping[str, float] | None = None,
    clipping: Mapping[str, float] | None = None,
    constants: Mapping[str, Any] | None = None,
) -> Any:
    """Build an optimizer from plain numbers, with these as variables of it.

    Args:
        name: a key of ``OPTIMIZERS``, ``keras:Class`` or ``package.module:Class``.
        hyperparameters: values by name, those of ``REGULARIZATION`` among them; those left out
            take their defaults.
        clipping: nothing, or one entry of ``CLIPPING`` with its threshold.
        constants: what is fixed at construction: options, and the numbers that
            :func:`constant_hyperparameters` names.

    Returns:
        A new optimizer, ready for ``model.compile``.

    Raises:
        AdaptationError: a class of Keras or of a user that cannot step as a pure function.
        ValueError: an unknown name, a value out of range, or two kinds of clipping.
        TypeError: a value that is not a number.

    Example:
        >>> optimizer = build_optimizer("momentum", {"learning_rate": 0.1}, {"clipnorm": 1.0})
        >>> optimizer.hyperparameters
        {'learning_rate': 0.1, 'momentum': 0.9, 'clipnorm': 1.0}
    """
    arguments = _arguments(name, hyperparameters, clipping, constants)
    optimizer_class = load_optimizer(name)
    if is_adapted(name):
        fixed = {key: arguments[key] for key in constants or {}}
        optimizer_class = _adapted_class(name, fixed)
    return optimizer_class(**arguments)


def plain_optimizer(
    name: str,
    hyperparameters: Mapping[str, float] | None = None,
    clipping: Mapping[str, float] | None = None,
    constants: Mapping[str, Any] | None = None,
) -> Any:
    """Build an optimizer of Keras or of a user as Keras itself would, its numbers Python floats.

    Args:
        name: ``keras:Class`` or ``package.module:Class``.
        hyperparameters: values by name; those left out take their defaults.
        clipping: nothing, or one entry of ``CLIPPING`` with its threshold; Keras's own.
        constants: options and further numbers.

    Raises:
        ValueError: an unknown name, or a value that the class refuses.
    """
    known = (*optimizer_entry(name).hyperparameters, *_CLIPPING_OF_KERAS)
    for key in (*(clipping or {}), *(constants or {})):
        if key in (*CLIPPING, *REGULARIZATION) and key not in known:
            raise ValueError(
                f"an optimizer must step as a pure function to be given {key}. Received {name}, "
                f"which does not. Leave {key} out."
            )
    return load_optimizer(name)(**_arguments(name, hyperparameters, clipping, constants))


def constant_hyperparameters(name: str, options: Mapping[str, Any]) -> frozenset[str]:
    """Return the numbers that an optimizer cannot take as tensors; they are structure.

    For built-in optimizers these are the numbers that shape a loop or a state variable. A class
    of Keras or of a user is tried out once in a process, which takes about a second; where it
    cannot be adapted, all its numbers are constants.

    Args:
        name: of the optimizer.
        options: its options that are fixed; those left out take their defaults.

    Example:
        >>> sorted(constant_hyperparameters("keras:SGD", {}))
        ['momentum']
    """
    if not is_adapted(name):
        return optimizer_entry(name).constants
    findings = _findings(name, options)
    return (
        frozenset(optimizer_entry(name).hyperparameters)
        if findings.failure
        else (findings.constants)
    )


def notices(
    name: str, options: Mapping[str, Any], searched: Collection[str], *, vectorized: bool = True
) -> list[str]:
    """Return sentences on what costs time, or is not possible, with an optimizer.

    Args:
        name: of the optimizer.
        options: its options that are fixed.
        searched: the hyperparameters that take several values.
        vectorized: whether the vectorized engine trains.

    Example:
        >>> notices("keras:SGD", {}, ["learning_rate", "momentum"])
        ['keras:SGD takes momentum as a constant: each value compiles a program of its own.']
    """
    failure = _findings(name, options).failure if is_adapted(name) else ""
    if failure:
        sentence = (
            f"{_failure_sentence(name, failure)} Such trials are trained one after the other."
        )
        return [sentence] if vectorized else []
    return [
        f"{name} takes {number} as a constant: each value compiles a program of its own."
        for number in sorted(constant_hyperparameters(name, options) & set(searched))
    ]


def _arguments(
    name: str,
    hyperparameters: Mapping[str, float] | None,
    clipping: Mapping[str, float] | None,
    constants: Mapping[str, Any] | None,
) -> dict[str, Any]:
    entry = optimizer_entry(name)
    given: dict[str, Any] = dict(hyperparameters or {})
    thresholds: dict[str, Any] = dict(clipping or {})
    fixed: dict[str, Any] = dict(constants or {})
    known = {**entry.hyperparameters, **REGULARIZATION}
    _refuse_unknown(f"a hyperparameter of {name}", given, known)
    _refuse_unknown("the kind of clipping", thresholds, CLIPPING)
    _refuse_unknown(f"a constant of {name}", fixed, (*entry.options, *entry.hyperparameters))
    numbers = {
        key: _typed(value, entry.hyperparameters[key].integer)
        for key, value in {**given, **fixed}.items()
        if key in entry.hyperparameters
    }
    return {**fixed, **given, **numbers, **thresholds}


def _typed(value: Any, is_integer: bool) -> Any:
    # Keras's SGD refuses a momentum of type int, and `range` a float. What is no number is
    # refused by the optimizer.
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return int(value) if is_integer and float(value).is_integer() else float(value)


def _adapted_class(name: str, constants: Mapping[str, Any]) -> Any:
    from benchmark.optimizers.adapter import adapt
    from benchmark.optimizers.examination import verify

    entry = optimizer_entry(name)
    options = {key: constants[key] for key in entry.options if key in constants}
    for key in constants.keys() - options.keys():
        entry.hyperparameters[key].check(key, constants[key])
    findings = _findings(name, options)
    failure = findings.failure
    if not failure and len(options) < len(constants):
        failure = verify(load_optimizer(name), tuple(sorted(constants.items())), findings)
    if failure:
        raise AdaptationError(_failure_sentence(name, failure))
    return adapt(load_optimizer(name), findings.constants)


def _findings(name: str, options: Mapping[str, Any]) -> "Findings":
    return _examined(name, tuple(sorted(options.items())))


@cache
def _examined(name: str, options: tuple[tuple[str, Any], ...]) -> "Findings":
    from benchmark.optimizers.examination import examine

    return examine(load_optimizer(name), options)


def _failure_sentence(name: str, failure: str) -> str:
    return (
        f"an optimizer must step as a pure function to train in the vectorized engine. "
        f"Received {name}: {failure.rstrip('.')}. Train it with --engine sequential."
    )


def _refuse_unknown(what: str, given: Iterable[str], known: Iterable[str]) -> None:
    names = list(known)
    for name in given:
        if name not in names:
            raise ValueError(
                f"{what} must be one of {', '.join(names)}. Received {name!r}."
                + did_you_mean(name, names)
            )
