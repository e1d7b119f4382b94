"""Models of Keras's own layers, and of the layers that take their places in training."""

from typing import Any

import keras
import numpy as np

from benchmark.backend import keras_internals
from benchmark.models.convolutional_network import Convolution, largest_of_squares
from benchmark.models.dropout import HashedDropout


@keras.saving.register_keras_serializable(package="benchmark")
class MaxPooling(keras.layers.MaxPooling2D):
    """``keras.layers.MaxPooling2D`` over squares side by side, whose gradient XLA can compile."""

    def call(self, inputs: Any) -> Any:
        """Return the maximum over each square.

        Args:
            inputs: of shape (n, height, width, channels).
        """
        return largest_of_squares(inputs, self.pool_size[0])


_PLAIN: dict[type[keras.Layer], type[keras.Layer]] = {
    Convolution: keras.layers.Conv2D,
    HashedDropout: keras.layers.Dropout,
    MaxPooling: keras.layers.MaxPooling2D,
}


def plain_model(model: keras.Model) -> keras.Model:
    """Copy a model with layers of Keras alone, so that Keras alone can read it from a file.

    Args:
        model: a built model; the copy has the same variables with values of its own. A model
            of a class of the user's is returned as it is.

    Example:
        >>> layers = [keras.Input((8, 8, 1)), Convolution(4, 3, padding="same")]
        >>> [type(layer).__name__ for layer in plain_model(keras.Sequential(layers)).layers]
        ['Conv2D']
    """
    return _with_layers(model, _PLAIN) if _is_graph(model) else model


def with_mapped_layers(model: keras.Model) -> keras.Model:
    """Copy a model with layers that are trained side by side on both backends.

    TensorFlow can neither map a convolution or a random draw over trials, nor differentiate a
    maximum over windows in a deterministic program. Dropout, convolutions of stride 1 with
    padding "same" and maxima over squares side by side are replaced by layers with the same
    arguments, variables and outputs; those of Dropout are drawn from the trial's seed.

    Args:
        model: a built model. It is returned as it is where nothing is replaced, or where it is of
            a class of the user's, whose layers cannot be exchanged.

    Example:
        >>> layers = [keras.Input((4,)), keras.layers.Dropout(0.5), keras.layers.Dense(1)]
        >>> [type(layer).__name__ for layer in with_mapped_layers(keras.Sequential(layers)).layers]
        ['HashedDropout', 'Dense']
    """
    replaced = {plain: ours for ours, plain in _PLAIN.items()}
    layers = keras_internals.layers(model) if _is_graph(model) else ()
    return _with_layers(model, replaced) if any(map(_is_mappable, layers)) else model


def _with_layers(
    model: keras.Model, kinds: dict[type[keras.Layer], type[keras.Layer]]
) -> keras.Model:
    def exchanged(layer: keras.Layer) -> keras.Layer:
        kind = kinds.get(type(layer), type(layer))
        is_ours = kind in _PLAIN and not _is_mappable(layer)
        return (type(layer) if is_ours else kind).from_config(layer.get_config())

    copy = keras.models.clone_model(model, clone_function=exchanged, recursive=True)
    for variable, value in zip(copy.variables, model.variables, strict=True):
        variable.assign(np.asarray(value.value))
    return copy


def _is_graph(model: keras.Model) -> bool:
    """Whether a model is Keras's own graph of layers, and no class of the user's."""
    return type(model).__module__.startswith("keras.")


def _is_mappable(layer: keras.Layer) -> bool:
    """Whether one of our layers computes what a layer of Keras does."""
    match layer:
        case keras.layers.Dropout():
            return type(layer) is keras.layers.Dropout and layer.noise_shape is None
        case keras.layers.Conv2D():
            is_simple = (*layer.strides, *layer.dilation_rate, layer.groups) == (1, 1, 1, 1, 1)
            is_usual = layer.padding == "same" and layer.data_format == "channels_last"
            return type(layer) is keras.layers.Conv2D and is_simple and is_usual
        case keras.layers.MaxPooling2D():
            is_usual = layer.padding == "valid" and layer.data_format == "channels_last"
            is_square = len({*layer.pool_size, *layer.strides}) == 1
            return type(layer) is keras.layers.MaxPooling2D and is_usual and is_square
    return False
