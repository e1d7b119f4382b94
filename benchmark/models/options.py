"""Checking the options of a model, without Keras."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from benchmark.errors import did_you_mean
from benchmark.models.catalogue import MODELS
from benchmark.models.initializers import INITIALIZERS

ACTIVATIONS = (
    "celu",
    "elu",
    "exponential",
    "gelu",
    "hard_sigmoid",
    "leaky_relu",
    "linear",
    "mish",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "softplus",
    "softsign",
    "tanh",
)
"""The Keras activations that ``activation`` may name: those that act on each unit alone."""


def check_options(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a model, completed by its defaults.

    Args:
        name: a name in ``MODELS``.
        options: the options that differ from the defaults; lists may be tuples.

    Returns:
        All options of the model by name; lists as tuples.

    Raises:
        ValueError: the model or an option is unknown, or a value has the wrong form.

    Example:
        >>> check_options("multilayer_perceptron", {"hidden": [32, 16]})
        {'hidden': (32, 16), 'activation': 'relu', 'initializer': 'glorot_uniform'}
        >>> check_options("multilayer_perceptron", {"activaton": "tanh"})
        Traceback (most recent call last):
        ValueError: an option of multilayer_perceptron must be one of hidden, activation, \
initializer. Received 'activaton'. Did you mean `activation`?
    """
    require_one_of("model", name, MODELS)
    known = MODELS[name].options
    for option, value in options.items():
        require_one_of(f"an option of {name}", option, known)
        _CHECKS[option](option, value)
    plain = {key: tuple(v) if isinstance(v, list) else v for key, v in options.items()}
    return {**known, **plain}


def require_one_of(what: str, value: object, known: Iterable[str]) -> None:
    """Refuse a value that is not one of the known words.

    Args:
        what: what the value is, for the message.
        value: the value.
        known: the words.

    Raises:
        ValueError: with the known words and the nearest of them.

    Example:
        >>> require_one_of("activation", "rely", ["relu", "tanh"])
        Traceback (most recent call last):
        ValueError: activation must be one of relu, tanh. Received 'rely'. Did you mean `relu`?
    """
    words = list(known)
    if isinstance(value, str) and value in words:
        return
    offer = did_you_mean(str(value), words)
    raise ValueError(f"{what} must be one of {', '.join(words)}. Received {value!r}.{offer}")


def _check_hidden(option: str, value: object) -> None:
    is_list = isinstance(value, list | tuple) and len(value) > 0
    if not is_list or not all(type(width) is int and width >= 1 for width in value):  # type: ignore[attr-defined]
        shown = list(value) if isinstance(value, tuple) else value
        raise ValueError(
            f"{option} must be a list of one or more whole numbers >= 1, the width of each "
            f"hidden layer. Received {shown!r}. Write for instance [64, 32]."
        )


def _check_activation(option: str, value: object) -> None:
    require_one_of(option, value, ACTIVATIONS)


def _check_initializer(option: str, value: object) -> None:
    require_one_of(option, value, INITIALIZERS)


_CHECKS: dict[str, Callable[[str, object], None]] = {
    "hidden": _check_hidden,
    "activation": _check_activation,
    "initializer": _check_initializer,
}
