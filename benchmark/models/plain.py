"""Models of Keras's own layers."""

import keras

from benchmark.models.convolutional_network import Convolution
from benchmark.models.dropout import HashedDropout

_PLAIN = {Convolution: keras.layers.Conv2D, HashedDropout: keras.layers.Dropout}


def plain_model(model: keras.Model) -> keras.Model:
    """Copy a model with layers of Keras alone, so that Keras alone can read it from a file.

    Args:
        model: a built model; the copy has the same variables with values of its own.

    Example:
        >>> layers = [keras.Input((8, 8, 1)), Convolution(4, 3, padding="same")]
        >>> [type(layer).__name__ for layer in plain_model(keras.Sequential(layers)).layers]
        ['Conv2D']
    """

    def plain(layer: keras.Layer) -> keras.Layer:
        kind = _PLAIN.get(type(layer), type(layer))
        return kind.from_config(layer.get_config())

    copy = keras.models.clone_model(model, clone_function=plain)
    for variable, value in zip(copy.variables, model.variables, strict=True):
        variable.assign(value)
    return copy
