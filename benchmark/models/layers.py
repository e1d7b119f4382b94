"""Layers that several models share."""

from collections.abc import Callable
from typing import Any

import keras

from benchmark.models.dropout import HashedDropout

# Keras's 0.99 has forgotten the start after some 500 updates; a training of a small dataset
# has a few hundred. Ioffe and Szegedy name none; 0.9 is PyTorch's default.
_MOMENTUM = 0.9


def flattened(input_shape: tuple[int, ...]) -> list[keras.Layer]:
    """The input, made a vector where it is none.

    Args:
        input_shape: the shape of one example.
    """
    layers = [keras.Input(input_shape)]
    return layers if len(input_shape) == 1 else [*layers, keras.layers.Flatten(name="flatten")]


def activated(
    layer: Callable[..., keras.Layer],
    name: str,
    activation: str,
    batch_normalization: bool,
    layer_normalization: bool = False,
) -> list[keras.Layer]:
    """A layer of weights with its non-linearity, normalised before it where that is wanted.

    A normalised layer has no bias: the offset of the normalisation takes its place, and
    both together would be a direction in which the loss is flat.

    Args:
        layer: makes the layer from Keras's arguments.
        name: of the layer, and with an ending of those behind it.
        activation: the Keras name of a function of each unit alone.
        batch_normalization: whether to normalise over the batch; Ioffe and Szegedy, Batch
            Normalization, 2015, section 3.2.
        layer_normalization: whether to normalise over the units of each example instead; Ba,
            Kiros, Hinton, Layer normalization, 2016.
    """
    # Zeros are only a placeholder that draws no random number: build_model sets the weights.
    if not batch_normalization and not layer_normalization:
        return [layer(activation=activation, kernel_initializer="zeros", name=name)]
    return [
        layer(use_bias=False, kernel_initializer="zeros", name=name),
        keras.layers.LayerNormalization(name=f"{name}_normalization")
        if layer_normalization
        else keras.layers.BatchNormalization(momentum=_MOMENTUM, name=f"{name}_normalization"),
        keras.layers.Activation(activation, name=f"{name}_activation"),
    ]


def dense_stack(
    hidden: tuple[int, ...],
    units: int,
    activation: str,
    batch_normalization: bool,
    dropout: float,
    layer_normalization: bool = False,
) -> list[keras.Layer]:
    """Hidden dense layers, and a dense layer of logits.

    Args:
        hidden: the width of each hidden layer.
        units: number of outputs.
        activation: of the hidden layers.
        batch_normalization: whether the hidden layers are normalised.
        dropout: share of the hidden units that are dropped in training, in [0, 1);
            Srivastava et al., Dropout, 2014.
        layer_normalization: whether each example is normalised instead, see :func:`activated`.
    """
    layers: list[keras.Layer] = []
    for index, width in enumerate(hidden, start=1):

        def dense(width: int = width, **arguments: Any) -> keras.Layer:
            return keras.layers.Dense(width, **arguments)

        normalizations = (batch_normalization, layer_normalization)
        layers += activated(dense, f"hidden_{index}", activation, *normalizations)
        if dropout:
            # A seed, for Keras would draw one from Python's generator; an engine sets its own.
            layers.append(HashedDropout(dropout, seed=index, name=f"dropout_{index}"))
    logits = keras.layers.Dense(units, kernel_initializer="zeros", name="logits")
    return [*layers, logits]
