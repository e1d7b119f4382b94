"""The hyperparameters of an optimizer class that has no table, read off its constructor."""

import inspect
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from benchmark.optimizers.hyperparameter import Hyperparameter
from benchmark.optimizers.shared_hyperparameters import CLIPPING, OF_KERAS, WEIGHT_DECAY

Option = bool | str
"""A structural argument that a study may fix."""
_OF_ANY = {"name", "weight_decay", *CLIPPING, *OF_KERAS}
"""Arguments that every class takes: clipping is ours, the others are not searched."""
_OF_TRAINING = {"batch_size", "fuzz", "tolerance", "sampling", "l1", "l2"}
"""What a study means by these is not the optimizer's."""
_SHARE = Hyperparameter(default=None, low=0.0, high=1.0, low_included=True)
_POSITIVE = Hyperparameter(default=None, low=0.0)
_NOT_NEGATIVE = Hyperparameter(default=None, low=0.0, low_included=True)
_RULES: tuple[tuple[str, Hyperparameter], ...] = (
    (r"learning_rate", _POSITIVE),
    (r"momentum|rho|(.*_)?beta_\d+", _SHARE),
    (r"epsilon(_\d+)?", _POSITIVE),
    (r"(.*_)?weight_decay|.*_regularization_strength", _NOT_NEGATIVE),
)
"""The range that a hyperparameter of a customary name has."""
_DECADES = 100.0


def parameters_of(optimizer_class: type) -> dict[str, Any]:
    """Return the defaults of all keyword arguments that a class takes, its bases' included.

    A base's arguments count where every constructor in front of it takes further keywords.

    Example:
        >>> class Base:
        ...     def __init__(self, momentum=0.9, name=None): ...
        >>> class Derived(Base):
        ...     def __init__(self, rho=0.5, **arguments): ...
        >>> parameters_of(Derived)
        {'rho': 0.5, 'momentum': 0.9, 'name': None}
    """
    defaults: dict[str, Any] = {}
    for base in optimizer_class.__mro__:
        constructor = base.__dict__.get("__init__")
        if constructor is None:
            continue
        parameters = list(inspect.signature(constructor).parameters.values())[1:]
        for parameter in parameters:
            if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
                defaults.setdefault(parameter.name, parameter.default)
        if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
            break
    return defaults


def required_of(optimizer_class: type) -> list[str]:
    """Return the arguments without which the class cannot be constructed.

    Example:
        >>> class Needy:
        ...     def __init__(self, inner, rate=0.1, *others, **more): ...
        >>> required_of(Needy)
        ['inner']
    """
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [
        parameter.name
        for parameter in inspect.signature(optimizer_class).parameters.values()
        if parameter.default is parameter.empty and parameter.kind not in variadic
    ]


def read_constructor(
    optimizer_class: type,
) -> tuple[dict[str, Hyperparameter], dict[str, Option]]:
    """Return the numeric hyperparameters of a Keras optimizer class, and its options.

    A number is an argument whose default is one; its range goes by its name. An option is
    an argument whose default is true, false or a text; it is structural. What Keras's base
    takes is neither, except ``weight_decay``, which is a number if it is given.

    Args:
        optimizer_class: one that can be constructed without arguments.
    """
    numbers: dict[str, Hyperparameter] = {}
    options: dict[str, Option] = {}
    parameters = parameters_of(optimizer_class)
    named = set(inspect.signature(optimizer_class).parameters)
    for name, default in parameters.items():
        if name in _OF_ANY | _OF_TRAINING or not isinstance(default, int | float | str):
            continue
        if name not in named and not _accepts(optimizer_class, name, default):
            continue
        if isinstance(default, bool | str):
            options[name] = default
        else:
            numbers[name] = _hyperparameter(optimizer_class, name, default)
    if "weight_decay" in parameters:
        default = parameters["weight_decay"]
        is_number = isinstance(default, int | float) and not isinstance(default, bool)
        # Absent by default, so not in the default space either.
        space = WEIGHT_DECAY.space if is_number else {}
        default = default if is_number else None
        numbers["weight_decay"] = replace(WEIGHT_DECAY, default=default, space=space)
    return numbers, options


def _accepts(optimizer_class: type, name: str, default: Any) -> bool:
    """Whether a class that takes further keywords hands this one on."""
    try:
        optimizer_class(**{name: default})
    except (
        Exception,
        SystemExit,
    ):  # a class of anyone's: it may set the argument itself, or refuse it
        return False
    return True


def _hyperparameter(optimizer_class: type, name: str, default: float) -> Hyperparameter:
    usual = next((rule for form, rule in _RULES if re.fullmatch(form, name)), None)
    rule = Hyperparameter(default=default)
    if usual is not None and usual.allows(default):
        rule = replace(usual, default=default)
    says_float = re.search(rf"\b{name}: (A )?float", optimizer_class.__doc__ or "", re.IGNORECASE)
    integer = isinstance(default, int) and not says_float
    source = f"default: {optimizer_class.__name__}"
    if name != "learning_rate" or default <= 0:
        return replace(rule, integer=integer, source=source)
    space: Mapping[str, Any] = {
        "low": default / _DECADES,
        "high": default * _DECADES,
        "log": True,
    }
    return replace(rule, space=space, source=f"{source}; space: two decades on either side")


def summary_of(optimizer_class: type) -> str:
    """Return the first line of a class's own docstring, or its name.

    Example:
        >>> class Mine:
        ...     \"\"\"Steps of one length.\"\"\"
        >>> summary_of(Mine)
        'Steps of one length'
    """
    lines = (optimizer_class.__dict__.get("__doc__") or "").strip().splitlines()
    return lines[0].rstrip(".") if lines else optimizer_class.__name__
