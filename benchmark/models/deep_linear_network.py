"""A deep linear network."""

import keras

from benchmark.models.layers import flattened


def build(input_shape: tuple[int, ...], units: int, width: int, depth: int) -> keras.Model:
    """Build x ↦ x W_1 … W_L W, without biases and non-linearities.

    The function is that of one matrix of rank at most ``width``, but its training is not: the loss
    is not convex in the factors, it has saddles, and the curvature depends on their balance.

    Args:
        input_shape: the shape of one example; flattened to d numbers.
        units: number of outputs.
        width: of each hidden layer.
        depth: the number of hidden layers, L.

    References:
        Saxe, McClelland, Ganguli, Exact solutions to the nonlinear dynamics of learning in deep
        linear neural networks, 2014.

    Example:
        >>> model = build((4,), 3, width=5, depth=2)
        >>> [tuple(v.shape) for v in model.trainable_variables]
        [(4, 5), (5, 5), (5, 3)]
    """
    names = [*(f"hidden_{index}" for index in range(1, depth + 1)), "logits"]
    sizes = [*[width] * depth, units]
    layers = [
        keras.layers.Dense(size, use_bias=False, kernel_initializer="zeros", name=name)
        for size, name in zip(sizes, names, strict=True)
    ]
    return keras.Sequential([*flattened(input_shape), *layers], name="deep_linear_network")
