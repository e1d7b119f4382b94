"""The table of models."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """What is known of a model without importing Keras.

    Args:
        summary: what it is, in a sentence.
        options: its options and their defaults; lists are given as tuples.
        target: ``"module:function"`` that builds it from input shape, units and options
            other than ``initializer``.
    """

    summary: str
    options: Mapping[str, Any]
    target: str


# Keras's own default of a Dense layer; Glorot and Bengio, Understanding the difficulty of
# training deep feedforward neural networks, 2010, equation 16.
_SHARED = {"initializer": "glorot_uniform"}
_HIDDEN = {"activation": "relu", "batch_normalization": False, "dropout": 0.0, **_SHARED}

MODELS: dict[str, ModelEntry] = {
    "linear": ModelEntry(
        summary="One dense layer: softmax regression for classes, linear regression otherwise.",
        options=MappingProxyType(_SHARED),
        target="benchmark.models.linear:build",
    ),
    "multilayer_perceptron": ModelEntry(
        summary="Dense hidden layers with a non-linear activation, and a dense layer of logits.",
        options=MappingProxyType({"hidden": (64,), **_HIDDEN}),
        target="benchmark.models.multilayer_perceptron:build",
    ),
    "convolutional_network": ModelEntry(
        summary="Convolutions with pooling, dense hidden layers, and a dense layer of logits.",
        options=MappingProxyType(
            {
                "image": (8, 8, 1),  # of the dataset digits, whose rows are vectors
                "filters": (8, 16),
                "kernel_size": 3,
                "pool_size": 2,
                "hidden": (32,),
                **_HIDDEN,
            }
        ),
        target="benchmark.models.convolutional_network:build",
    ),
}
"""The models by name."""
