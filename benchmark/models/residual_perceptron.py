"""A residual network of dense layers."""

from typing import Any

import keras

from benchmark.models.dropout import HashedDropout
from benchmark.models.layers import flattened


def build(
    input_shape: tuple[int, ...],
    units: int,
    width: int,
    depth: int,
    activation: str,
    layer_normalization: bool = True,
    dropout: float = 0.0,
) -> keras.Model:
    """Build h_0 = x W_0 + b_0, h_l = h_{l-1} + d(a(n(h_{l-1}) U_l + c_l)) W_l + b_l, then logits.

    The logits are n(h_L) W + b. Nothing but sums lies on the way from the first layer to the last,
    so that signals and gradients pass any depth.

    Args:
        input_shape: the shape of one example; flattened to d numbers.
        units: number of outputs, k.
        width: of h, and of the inner layer of each block.
        depth: the number of blocks, L.
        activation: the Keras name of a, which acts on each unit alone.
        layer_normalization: whether n normalises each example; else it is the identity.
        dropout: share of the inner units that d drops in training, in [0, 1).

    References:
        He et al., Identity mappings in deep residual networks, 2016 (what lies on the branch);
        Ba, Kiros, Hinton, Layer normalization, 2016; Gorishniy et al., Revisiting deep learning
        models for tabular data, 2021, section 3.2 (dense blocks).

    Example:
        >>> model = build((4,), 3, width=8, depth=1, activation="relu")
        >>> [tuple(v.shape) for v in model.trainable_variables]
        [(4, 8), (8,), (8,), (8,), (8, 8), (8,), (8, 8), (8,), (8,), (8,), (8, 3), (3,)]
    """

    def dense(size: int, name: str, **arguments: Any) -> keras.Layer:
        return keras.layers.Dense(size, kernel_initializer="zeros", name=name, **arguments)

    def normalized(tensor: Any, name: str) -> Any:
        if not layer_normalization:
            return tensor
        return keras.layers.LayerNormalization(name=f"{name}_normalization")(tensor)

    inputs, *layers = flattened(input_shape)
    hidden = inputs
    for layer in [*layers, dense(width, "first")]:
        hidden = layer(hidden)
    for index in range(1, depth + 1):
        name = f"block_{index}"
        branch = normalized(hidden, name)
        branch = dense(width, f"{name}_inner", activation=activation)(branch)
        if dropout:
            # A seed, for Keras would draw one from Python's generator; an engine sets its own.
            branch = HashedDropout(dropout, seed=index, name=f"{name}_dropout")(branch)
        branch = dense(width, f"{name}_outer")(branch)
        hidden = keras.layers.Add(name=f"{name}_sum")([hidden, branch])
    outputs = dense(units, "logits")(normalized(hidden, "last"))
    return keras.Model(inputs, outputs, name="residual_perceptron")
