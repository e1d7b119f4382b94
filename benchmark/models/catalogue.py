"""The table of models, and the check of their options; without Keras."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from benchmark.models.foreign import check_foreign_options, is_foreign_model
from benchmark.models.options import (
    ACTIVATION,
    IMAGE,
    INITIALIZER,
    SHARE,
    STEPS,
    SWITCH,
    WHOLE,
    WIDTHS,
    Option,
    require_one_of,
)


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """What is known of a model without importing Keras.

    Args:
        summary: what it is, in a sentence.
        options: its options by name.
        target: ``"module:function"`` that builds it from input shape, units and options
            other than ``initializer``.

    Raises:
        TypeError: an option is not declared with its default, its rule and its meaning.

    Example:
        >>> ModelEntry("A model.", {"depth": 3}, "my_models:build")
        Traceback (most recent call last):
        TypeError: each option of a model must be an Option(default, rule, meaning). Received 3 \
for depth of my_models:build. Write for instance Option(3, WHOLE, "…") in \
benchmark/models/catalogue.py.
    """

    summary: str
    options: Mapping[str, Option]
    target: str

    def __post_init__(self) -> None:
        for name, option in self.options.items():
            if not isinstance(option, Option):
                raise TypeError(
                    "each option of a model must be an Option(default, rule, meaning). "
                    f"Received {option!r} for {name} of {self.target}. Write for instance "
                    f'Option({option!r}, WHOLE, "…") in benchmark/models/catalogue.py.'
                )

    @property
    def defaults(self) -> dict[str, Any]:
        """The options with their defaults."""
        return {name: option.default for name, option in self.options.items()}


_SHARED = {
    # Keras's own default of a Dense layer; Glorot and Bengio, Understanding the difficulty of
    # training deep feedforward neural networks, 2010, equation 16.
    "initializer": Option("glorot_uniform", INITIALIZER, "how the initial weights are drawn"),
}
_HIDDEN = {
    "activation": Option("relu", ACTIVATION, "the non-linear function of each hidden unit"),
    "batch_normalization": Option(
        False, SWITCH, "whether hidden layers are normalised over the mini-batch"
    ),
    "dropout": Option(0.0, SHARE, "the share of hidden units that are dropped in training"),
    **_SHARED,
}
_LAYER_NORMALIZATION = Option(False, SWITCH, "whether hidden layers are normalised in each example")
_WIDTHS = "the width of each hidden layer"
_STEPS = Option(0, STEPS, "the steps that the features are split into; 0 means one for each")

MODELS: dict[str, ModelEntry] = {
    "linear": ModelEntry(
        summary="One dense layer: softmax regression for classes, linear regression otherwise.",
        options=MappingProxyType(_SHARED),
        target="benchmark.models.linear:build",
    ),
    "multilayer_perceptron": ModelEntry(
        summary="Dense hidden layers with a non-linear activation, and a dense layer of logits.",
        options=MappingProxyType(
            {
                "hidden": Option((64,), WIDTHS, _WIDTHS),
                "layer_normalization": _LAYER_NORMALIZATION,
                **_HIDDEN,
            }
        ),
        target="benchmark.models.multilayer_perceptron:build",
    ),
    "residual_perceptron": ModelEntry(
        summary="Dense blocks with skip connections, normalised in each example, and logits.",
        options=MappingProxyType(
            {
                "width": Option(64, WHOLE, "the width of all layers but the last"),
                "depth": Option(2, WHOLE, "the number of blocks, of two dense layers each"),
                "activation": _HIDDEN["activation"],
                "layer_normalization": replace(_LAYER_NORMALIZATION, default=True),
                "dropout": _HIDDEN["dropout"],
                **_SHARED,
            }
        ),
        target="benchmark.models.residual_perceptron:build",
    ),
    "deep_linear_network": ModelEntry(
        summary="Dense layers without biases and non-linearities: a product of matrices.",
        options=MappingProxyType(
            {
                "width": Option(64, WHOLE, "the width of each hidden layer"),
                "depth": Option(3, WHOLE, "the number of hidden layers"),
                **_SHARED,
            }
        ),
        target="benchmark.models.deep_linear_network:build",
    ),
    "transformer": ModelEntry(
        summary="A transformer encoder over the features of a row, and a dense layer of logits.",
        options=MappingProxyType(
            {
                "steps": _STEPS,
                "width": Option(32, WHOLE, "the width of the token of each step"),
                "heads": Option(4, WHOLE, "the heads of the attention, which divide the width"),
                "depth": Option(2, WHOLE, "the number of blocks"),
                "activation": Option("gelu", ACTIVATION, "the function of the dense layers inside"),
                "dropout": Option(0.0, SHARE, "the share of each block that training drops"),
                **_SHARED,
            }
        ),
        target="benchmark.models.transformer:build",
    ),
    "lstm": ModelEntry(
        summary="Layers of long short-term memory over the features in steps, and logits.",
        options=MappingProxyType(
            {
                "steps": _STEPS,
                "width": Option(32, WHOLE, "the width of the memory of each layer"),
                "depth": Option(1, WHOLE, "the number of layers"),
                "dropout": Option(0.0, SHARE, "the share of the last outputs that training drops"),
                **_SHARED,
            }
        ),
        target="benchmark.models.lstm:build",
    ),
    "convolutional_network": ModelEntry(
        summary="Convolutions with pooling, dense hidden layers, and a dense layer of logits.",
        options=MappingProxyType(
            {
                # Of the dataset digits, whose rows are vectors.
                "image": Option((8, 8, 1), IMAGE, "height, width and channels of an example"),
                "filters": Option((8, 16), WIDTHS, "the number of filters of each convolution"),
                "kernel_size": Option(3, WHOLE, "the side of each kernel"),
                "pool_size": Option(2, WHOLE, "the side of each pooling window"),
                "hidden": Option((32,), WIDTHS, _WIDTHS),
                **_HIDDEN,
            }
        ),
        target="benchmark.models.convolutional_network:build",
    ),
}
"""The models by name."""


def check_options(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a model, completed by its defaults.

    Args:
        name: a name in ``MODELS``, or of a model that is not shipped (see
            :mod:`benchmark.models.foreign`).
        options: the options that differ from the defaults; lists may be tuples.

    Returns:
        All options of the model by name; lists as tuples.

    Raises:
        ValueError: the model or an option is unknown, or a value has the wrong form.

    Example:
        >>> check_options("multilayer_perceptron", {"hidden": [32, 16]})
        {'hidden': (32, 16), 'layer_normalization': False, 'activation': 'relu', \
'batch_normalization': False, 'dropout': 0.0, 'initializer': 'glorot_uniform'}
        >>> check_options("multilayer_perceptron", {"activaton": "tanh"})
        Traceback (most recent call last):
        ValueError: an option of multilayer_perceptron must be one of hidden, \
layer_normalization, activation, batch_normalization, dropout, initializer. \
Received 'activaton'. Did you mean `activation`?
    """
    if is_foreign_model(name):
        return check_foreign_options(name, options)
    require_one_of("model", name, MODELS)
    known = MODELS[name].options
    for option, value in options.items():
        require_one_of(f"an option of {name}", option, known)
        known[option].rule.check(option, value, known[option].meaning)
    plain = {key: tuple(v) if isinstance(v, list) else v for key, v in options.items()}
    completed = {**MODELS[name].defaults, **plain}
    if completed.get("batch_normalization") and completed.get("layer_normalization"):
        raise ValueError(
            "at most one of batch_normalization and layer_normalization must be true. Received "
            f"both for {name}. Remove one of them."
        )
    if completed.get("width", 1) % (heads := completed.get("heads", 1)):
        raise ValueError(
            f"heads must divide width. Received {heads} and {completed['width']} for {name}. "
            f"Write for instance width = {max(1, completed['width'] // heads) * heads}."
        )
    return completed


def check_input(name: str, options: Mapping[str, Any], input_shape: tuple[int, ...]) -> None:
    """Refuse examples that a model with these options cannot take.

    Args:
        name: a name in ``MODELS``.
        options: as :func:`check_options` takes them, and found right by it.
        input_shape: the shape of one example.

    Raises:
        ValueError: the features do not make up the option ``image``, or cannot be split into the
            option ``steps``.

    Example:
        >>> check_input("convolutional_network", {"image": [8, 8, 1]}, (4,))
        Traceback (most recent call last):
        ValueError: the axes of image must multiply to 4, the features of an example. \
Received [8, 8, 1]. Write another image, or take another model.
    """
    completed = {**MODELS[name].defaults, **options}
    image, steps = completed.get("image"), completed.get("steps")
    features = math.prod(input_shape)
    if image is not None and len(input_shape) == 1 and math.prod(image) != features:
        raise ValueError(
            f"the axes of image must multiply to {features}, the features of an example. "
            f"Received {list(image)}. Write another image, or take another model."
        )
    if steps and len(input_shape) == 1 and features % steps:
        divisors = [count for count in range(1, features + 1) if features % count == 0]
        raise ValueError(
            f"steps must divide {features}, the features of an example. Received {steps}. "
            f"Write one of {', '.join(map(str, divisors))}, or 0 for a step for each."
        )
