"""Models that are not shipped: a function of the user's, or a saved file; without Keras.

Importing the function imports Keras, so that is done when its options are first asked for.
"""

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmark.errors import UserError
from benchmark.models.initializers import INITIALIZERS
from benchmark.models.options import OneOf, require_one_of
from benchmark.optimizers.foreign import check_permission, imported_keras, imported_module
from benchmark.optimizers.provenance import is_saved_model

OWN_INITIALIZER = "model"
"""The initializer that keeps the initial weights of the model itself."""
INITIALIZER = OneOf((OWN_INITIALIZER, *INITIALIZERS))
RESERVED = ("name", "initializer")
"""Keys of ``[problem.model]`` that no option of a function may be called."""
EXAMPLE = "Write for instance def build(input_shape, outputs, width=32)."


class ForeignModelError(UserError, ValueError):
    """A model that is not shipped cannot be taken."""


def is_foreign_model(name: str) -> bool:
    """Return whether a name stands for a model that is not shipped.

    Example:
        >>> [is_foreign_model(name) for name in ("my_module:build", "my.keras", "linear")]
        [True, True, False]
    """
    return ":" in name or is_saved_model(name)


def model_function(name: str) -> Callable[..., Any]:
    """Import the function that a name stands for; imports Keras, which takes seconds.

    Modules are looked for in the current folder too.

    Args:
        name: ``"package.module:function"``.

    Raises:
        UserError: there is no such function, or its module cannot or may not be imported.
    """
    check_permission(name)
    source, _, attribute = name.partition(":")
    if not source or not attribute.isidentifier():
        raise ForeignModelError(
            "a model of your own must be written as package.module:function, or be a .keras file. "
            f"Received {name!r}. Write for instance my_module:build."
        )
    imported_keras()
    function = getattr(imported_module(name, "a model"), attribute, None)
    if not callable(function):
        what = "nothing of that name" if function is None else f"a {type(function).__name__}"
        raise ForeignModelError(
            f"a model must be a function of {source}. Received {name!r}, which is {what}. {EXAMPLE}"
        )
    return function


def check_foreign_options(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a model that is not shipped, completed by its defaults.

    The options of a function are its arguments after the first two. A saved model has none but
    ``initializer``, which is ``"model"`` by default.

    Args:
        name: ``"package.module:function"``, or a ``.keras`` file.
        options: those that differ from the defaults; lists may be tuples.

    Returns:
        All options by name; lists as tuples.

    Raises:
        UserError: there is no such function or file.
        ValueError: an option is unknown or missing.
    """
    known = {} if is_saved_model(name) else function_options(name)
    if is_saved_model(name):
        check_file(name)
    given = {key: tuple(v) if isinstance(v, list) else v for key, v in options.items()}
    initializer = given.pop("initializer", OWN_INITIALIZER)
    INITIALIZER.check("initializer", initializer, "how the initial weights are drawn")
    if "**" not in known:
        for option in given:
            require_one_of(f"an option of {name}", option, [*known, "initializer"])
    completed = {**known, **given}
    completed.pop("**", None)
    missing = [key for key, value in completed.items() if value is inspect.Parameter.empty]
    if missing:
        raise ForeignModelError(
            f"every option without a default must be given. Received no {missing[0]} for {name}. "
            f"Write {missing[0]} = … in [problem.model], or give the argument a default."
        )
    return {**completed, "initializer": initializer}


def function_options(name: str) -> dict[str, Any]:
    """Return the arguments of a function after the first two, with their defaults.

    ``inspect.Parameter.empty`` stands for no default, and a key ``**`` for any further options.

    Raises:
        ForeignModelError: the function does not take an input shape and a number of outputs.
    """
    function = model_function(name)
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    if len(parameters) < 2 or any(p.kind not in positional for p in parameters[:2]):
        taken = ", ".join(map(str, parameters))
        raise ForeignModelError(
            "the function of a model must take an input shape and the number of outputs. "
            f"Received {name!r} with the arguments ({taken}). {EXAMPLE}"
        )
    options: dict[str, Any] = {}
    for parameter in parameters[2:]:
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            options["**"] = None
        elif parameter.kind is not inspect.Parameter.VAR_POSITIONAL:
            options[parameter.name] = parameter.default
    taken_names = [key for key in RESERVED if key in options]
    if taken_names:
        raise ForeignModelError(
            f"an option of a model must not be called {' or '.join(RESERVED)}, which are keys of "
            f"the study. Received {taken_names[0]} in {name!r}. Rename the argument."
        )
    return options


def check_file(name: str) -> None:
    """Refuse a saved model that is not there, or may not be read.

    Raises:
        UserError: so it is.
    """
    check_permission(name)
    if not Path(name).is_file():
        raise ForeignModelError(
            f"a saved model must be a file that model.save wrote. Received {name!r}, which is not "
            "there. Put it beside the study file or into the current folder."
        )
