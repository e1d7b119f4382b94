"""The multilayer perceptron."""

import keras

from benchmark.models.layers import dense_stack, flattened


def build(
    input_shape: tuple[int, ...],
    units: int,
    hidden: tuple[int, ...],
    activation: str,
    batch_normalization: bool = False,
    dropout: float = 0.0,
    layer_normalization: bool = False,
) -> keras.Model:
    """Build h_0 = x, h_l = d(a(n(h_{l-1} W_l + b_l))), logits = h_L W + b.

    Args:
        input_shape: the shape of one example; flattened to d numbers.
        units: number of outputs, k.
        hidden: the width of each hidden layer, at least one; L is their number.
        activation: the Keras name of a, which acts on each unit alone.
        batch_normalization: whether n normalises over the batch; its offset takes the place
            of b_l. Else n is the identity.
        dropout: share of the units that d drops in training, in [0, 1).
        layer_normalization: whether n normalises over the units of each example instead.

    Returns:
        A model with the variables W_1, b_1 (or factor and offset of n), …, W, b.

    Example:
        >>> build((64,), 10, hidden=(64,), activation="relu").count_params()
        4810
        >>> model = build((64,), 10, (64,), "relu", batch_normalization=True, dropout=0.5)
        >>> [v.name for v in model.trainable_variables]
        ['kernel', 'gamma', 'beta', 'kernel', 'bias']
    """
    layers = dense_stack(
        hidden, units, activation, batch_normalization, dropout, layer_normalization
    )
    return keras.Sequential([*flattened(input_shape), *layers], name="multilayer_perceptron")
