"""A recurrent network with long short-term memory."""

import math

import keras

from benchmark.models.dropout import HashedDropout


def build(
    input_shape: tuple[int, ...],
    units: int,
    steps: int,
    width: int,
    depth: int,
    dropout: float = 0.0,
) -> keras.Model:
    """Build layers of LSTM cells over the steps of the features, and logits of the last output.

    The loop over the steps is written out, so that trials can be trained side by side.

    Args:
        input_shape: the shape of one example: (steps, features), or a vector that is split.
        units: number of outputs.
        steps: how many steps a vector is split into, in the order of its features; 0 means one
            for each feature.
        width: of the memory of each layer.
        depth: the number of layers.
        dropout: share of the last outputs that are dropped in training, in [0, 1).

    References:
        Hochreiter and Schmidhuber, Long short-term memory, 1997; the gate that forgets is that of
        Gers, Schmidhuber and Cummins, Learning to forget, 2000. Its biases start at 0, as all.

    Example:
        >>> model = build((6,), 3, steps=3, width=4, depth=1)
        >>> [tuple(v.shape) for v in model.trainable_variables]
        [(2, 16), (4, 16), (16,), (4, 3), (3,)]
    """
    inputs = hidden = keras.Input(input_shape)
    if len(input_shape) != 2:
        features = math.prod(input_shape)
        count = steps or features
        hidden = keras.layers.Reshape((count, features // count), name="steps")(hidden)
    for index in range(1, depth + 1):
        hidden = keras.layers.LSTM(
            width,
            return_sequences=index < depth,
            unroll=True,
            use_cudnn=False,
            kernel_initializer="zeros",
            recurrent_initializer="zeros",
            seed=index,  # of a dropout that it does not do; Keras would draw one
            name=f"lstm_{index}",
        )(hidden)
    if dropout:
        hidden = HashedDropout(dropout, seed=depth + 1, name="dropout")(hidden)
    logits = keras.layers.Dense(units, kernel_initializer="zeros", name="logits")
    return keras.Model(inputs, logits(hidden), name="lstm")
