"""Optimizers that are not ours: Keras's (``keras:Adam``) and a user's (``module:Class``)."""

import importlib
import inspect
import os
import re
import sys
from collections.abc import Callable
from functools import cache
from types import ModuleType
from typing import Any

from benchmark import backend
from benchmark.errors import UserError, did_you_mean, failure_reason
from benchmark.optimizers.constructor import required_of

KERAS = "keras"
permissions: list[Callable[[str], None]] = []
"""What is asked before a class is handed out; each raises where it may not be."""
_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")


class ForeignClassError(UserError, ValueError):
    """A class that is not ours cannot be taken."""


def is_foreign(name: str) -> bool:
    """Return whether a name stands for a class that is not built in.

    Example:
        >>> is_foreign("keras:Adam"), is_foreign("adam")
        (True, False)
    """
    return ":" in name


def foreign_class(name: str) -> Any:
    """Import the class that a name stands for; imports Keras, which takes seconds.

    Modules are looked for in the current folder too.

    Args:
        name: ``"keras:Class"`` of ``keras.optimizers``, or ``"module:Class"``.

    Raises:
        ForeignClassError: there is no such class, its module cannot be imported, it is no Keras
            optimizer, it cannot be constructed without arguments, or one of
            :data:`permissions` refuses it; each in a sentence.

    Example:
        >>> foreign_class("keras:Adm")
        Traceback (most recent call last):
            ...
        benchmark.optimizers.foreign.ForeignClassError: the optimizer must be a class of \
keras.optimizers. Received 'keras:Adm'. \
Did you mean `keras:Adam`?
    """
    if not _NAME.fullmatch(name):
        raise ForeignClassError(
            "the optimizer must be written as keras:Class or package.module:Class. "
            f"Received {name!r}. Write for instance keras:Adam."
        )
    check_permission(name)
    return imported_class(name)


def check_permission(name: str) -> None:
    """Refuse what one of :data:`permissions` refuses, importing nothing.

    Raises:
        ValueError: in a sentence.
    """
    for permission in permissions:
        permission(name)


@cache
def imported_class(name: str) -> Any:
    """Import a class once; see :func:`foreign_class`."""
    source, _, class_name = name.partition(":")
    keras = imported_keras()
    module = keras.optimizers if source == KERAS else imported_module(name)
    optimizer_class: Any = getattr(module, class_name, None)
    _check_class(name, optimizer_class, module)
    required = required_of(optimizer_class)
    if required:
        raise ForeignClassError(
            "the optimizer must be constructible without arguments. "
            f"Received {name!r}, which requires {', '.join(required)}. Give them defaults."
        )
    try:
        optimizer_class()
    except (Exception, SystemExit) as error:  # a class of anyone's
        raise ForeignClassError(
            f"the optimizer must be constructible without arguments. Received {name!r}, which "
            f"raises {failure_reason(error)}. Fix its defaults."
        ) from error
    return optimizer_class


def imported_keras() -> Any:
    """Import Keras on the backend that was chosen, or that ``KERAS_BACKEND`` names."""
    if "keras" not in sys.modules:
        try:
            backend.select(os.environ.get("KERAS_BACKEND") or backend.BACKENDS[0])
        except (ImportError, RuntimeError) as error:
            raise ForeignClassError(str(error)) from error
    return importlib.import_module("keras")


def add_current_folder() -> None:
    """Let modules of the current folder be found.

    `python -m` looks there by itself, an installed command does not. Last, so that a file
    called like a module of a package hides nothing.
    """
    if "" not in sys.path and os.getcwd() not in sys.path:  # noqa: PTH109 - as in sys.path
        sys.path.append(os.getcwd())  # noqa: PTH109


def imported_module(name: str, what: str = "an optimizer") -> ModuleType:
    """Import the module of ``"module:name"``; Keras must have been imported before.

    Args:
        name: of what is in it.
        what: that is, for messages.

    Raises:
        ForeignClassError: there is no such module, or it cannot be imported.
    """
    source = name.partition(":")[0]
    add_current_folder()
    try:
        return importlib.import_module(source)
    except ModuleNotFoundError as error:
        if error.name and (source == error.name or source.startswith(f"{error.name}.")):
            raise ForeignClassError(
                f"the module of {what} must be there. Received {name!r}, and there is no "
                f"{error.name}. Run from the folder that holds it, or install it."
            ) from error
        raise ForeignClassError(_import_sentence(name, what, error)) from error
    except (Exception, SystemExit) as error:  # a module of anyone's
        raise ForeignClassError(_import_sentence(name, what, error)) from error


def _import_sentence(name: str, what: str, error: BaseException) -> str:
    return (
        f"the module of {what} must be importable. Received {name!r}, whose import raises "
        f"{failure_reason(error)}. Fix that module."
    )


def _check_class(name: str, candidate: Any, module: ModuleType) -> None:
    base = imported_keras().optimizers.Optimizer
    source = name.partition(":")[0]
    where = "keras.optimizers" if source == KERAS else source
    if candidate is None:
        known = [
            key
            for key, value in vars(module).items()
            if inspect.isclass(value) and issubclass(value, base)
        ]
        near = did_you_mean(name.partition(":")[2], known).replace("`", f"`{source}:", 1)
        remedy = near or f" Its optimizers are {', '.join(sorted(known)) or 'none'}."
        raise ForeignClassError(
            f"the optimizer must be a class of {where}. Received {name!r}.{remedy}"
        )
    if not inspect.isclass(candidate) or not issubclass(candidate, base):
        raise ForeignClassError(
            "the optimizer must be a subclass of keras.optimizers.Optimizer. "
            f"Received {name!r}, which is {_kind(candidate)}. Name a class of an optimizer."
        )


def _kind(candidate: Any) -> str:
    if inspect.isclass(candidate):
        return f"a class of {', '.join(base.__name__ for base in candidate.__bases__)}"
    return f"of type {type(candidate).__name__}"
