"""Checks an optimizer, property by property."""

import importlib
import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from benchmark.conformance.properties import (
    PROPERTIES,
    Examination,
    NotApplicableError,
    Outcome,
    Result,
    ViolationError,
)
from benchmark.errors import did_you_mean, failure_reason

if TYPE_CHECKING:
    from benchmark.conformance.subject import Subject


def check_optimizer(
    optimizer: Any,
    options: Mapping[str, Any] | None = None,
    properties: Iterable[str] = tuple(PROPERTIES),
) -> Examination:
    """Check an optimizer class; imports Keras, and takes some ten seconds.

    Args:
        optimizer: a name of ``OPTIMIZERS``, ``keras:Class`` or ``package.module:Class``; or
            a class that can be imported by its name.
        options: structural arguments, for instance ``{"amsgrad": True}``.
        properties: names in ``PROPERTIES``; all by default.

    Raises:
        ValueError: there is no such optimizer, option or property.

    Example:
        >>> examination = check_optimizer("sgd", properties=["zero gradient", "as in Keras"])
        >>> [(result.name, result.outcome.value) for result in examination.results]
        [('zero gradient', 'passed'), ('as in Keras', 'passed')]
        >>> examination.require()     # raises where anything failed
    """
    from benchmark import backend

    names = list(properties)
    for name in names:
        _refuse_unknown(name)
    subject = _subject(optimizer, options)
    started = time.monotonic()
    results = tuple(_checked(subject, name) for name in names)
    return Examination(subject.name, backend.name(), results, time.monotonic() - started)


def check_property(optimizer: Any, name: str, options: Mapping[str, Any] | None = None) -> Result:
    """Check one property; see :func:`check_optimizer`.

    Args:
        optimizer: a name or a class.
        name: a key of ``PROPERTIES``.
        options: structural arguments.

    Example:
        >>> check_property("keras:SGD", "as in Keras").words
        "It is Keras's own class."
    """
    _refuse_unknown(name)
    return _checked(_subject(optimizer, options), name)


def _subject(optimizer: Any, options: Mapping[str, Any] | None) -> "Subject":
    from benchmark.conformance.subject import subject_of

    return subject_of(optimizer, options or {})


def _checked(subject: "Subject", name: str) -> Result:
    module, _, function = PROPERTIES[name].target.partition(":")
    check = getattr(importlib.import_module(module), function)
    try:
        check(subject)
    except NotApplicableError as reason:
        return Result(name, Outcome.DOES_NOT_APPLY, str(reason))
    except ViolationError as violation:
        return Result(name, Outcome.FAILED, str(violation))
    except (Exception, SystemExit) as error:  # a class of anyone's
        return Result(name, Outcome.FAILED, f"It raises {failure_reason(error)}")
    return Result(name, Outcome.PASSED)


def _refuse_unknown(name: str) -> None:
    if name not in PROPERTIES:
        raise ValueError(
            f"the property must be one of {', '.join(PROPERTIES)}. Received {name!r}."
            + did_you_mean(name, PROPERTIES)
        )
