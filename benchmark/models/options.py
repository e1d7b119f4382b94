"""Checking the options of a model, without Keras."""

import math
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
        {'hidden': (32, 16), 'activation': 'relu', 'batch_normalization': False, \
'dropout': 0.0, 'initializer': 'glorot_uniform'}
        >>> check_options("multilayer_perceptron", {"activaton": "tanh"})
        Traceback (most recent call last):
        ValueError: an option of multilayer_perceptron must be one of hidden, activation, \
batch_normalization, dropout, initializer. Received 'activaton'. Did you mean `activation`?
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


def check_input(name: str, options: Mapping[str, Any], input_shape: tuple[int, ...]) -> None:
    """Refuse examples that a model with these options cannot take.

    Args:
        name: a name in ``MODELS``.
        options: as :func:`check_options` takes them, and found right by it.
        input_shape: the shape of one example.

    Raises:
        ValueError: the features do not make up the option ``image``.

    Example:
        >>> check_input("convolutional_network", {"image": [8, 8, 1]}, (4,))
        Traceback (most recent call last):
        ValueError: the axes of image must multiply to 4, the features of an example. \
Received [8, 8, 1]. Write another image, or take another model.
    """
    image = {**MODELS[name].options, **options}.get("image")
    features = math.prod(input_shape)
    if image is not None and len(input_shape) == 1 and math.prod(image) != features:
        raise ValueError(
            f"the axes of image must multiply to {features}, the features of an example. "
            f"Received {list(image)}. Write another image, or take another model."
        )


def _check_widths(option: str, value: object) -> None:
    is_list = isinstance(value, list | tuple) and len(value) > 0
    if not is_list or not all(type(width) is int and width >= 1 for width in value):  # type: ignore[attr-defined]
        shown = list(value) if isinstance(value, tuple) else value
        raise ValueError(
            f"{option} must be a list of one or more whole numbers >= 1, {_WIDTHS[option]}. "
            f"Received {shown!r}. Write for instance [64, 32]."
        )


_WIDTHS = {"hidden": "the width of each hidden layer", "filters": "those of each convolution"}


def _check_image(option: str, value: object) -> None:
    is_list = isinstance(value, list | tuple) and len(value) == 3
    if not is_list or not all(type(size) is int and size >= 1 for size in value):  # type: ignore[attr-defined]
        shown = list(value) if isinstance(value, tuple) else value
        raise ValueError(
            f"{option} must be a list of three whole numbers >= 1, height, width and channels. "
            f"Received {shown!r}. Write for instance [8, 8, 1]."
        )


def _check_size(option: str, value: object) -> None:
    if type(value) is not int or value < 1:
        raise ValueError(
            f"{option} must be a whole number >= 1. Received {value!r}. Write for instance 3."
        )


def _check_switch(option: str, value: object) -> None:
    if type(value) is not bool:
        raise ValueError(f"{option} must be true or false. Received {value!r}. Write true.")


def _check_dropout(option: str, value: object) -> None:
    if type(value) not in (int, float) or not 0 <= value < 1:  # type: ignore[operator]
        raise ValueError(
            f"{option} must be >= 0 and < 1, the share of units that are dropped. "
            f"Received {value!r}. Write for instance 0.5."
        )


def _check_activation(option: str, value: object) -> None:
    require_one_of(option, value, ACTIVATIONS)


def _check_initializer(option: str, value: object) -> None:
    require_one_of(option, value, INITIALIZERS)


_CHECKS: dict[str, Callable[[str, object], None]] = {
    "hidden": _check_widths,
    "filters": _check_widths,
    "image": _check_image,
    "kernel_size": _check_size,
    "pool_size": _check_size,
    "batch_normalization": _check_switch,
    "dropout": _check_dropout,
    "activation": _check_activation,
    "initializer": _check_initializer,
}
