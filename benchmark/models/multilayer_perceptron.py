"""The multilayer perceptron."""

import keras


def build(
    input_shape: tuple[int, ...], units: int, hidden: tuple[int, ...], activation: str
) -> keras.Model:
    """Build h_0 = x, h_l = a(h_{l-1} W_l + b_l), logits = h_L W + b.

    Args:
        input_shape: the shape of one example; flattened to d numbers.
        units: number of outputs, k.
        hidden: the width of each hidden layer, at least one; L is their number.
        activation: the Keras name of a, which acts on each unit alone.

    Returns:
        A model with the variables W_1, b_1, …, W, b.

    Example:
        >>> build((64,), 10, hidden=(64,), activation="relu").count_params()
        4810
    """
    layers = [keras.Input(input_shape)]
    if len(input_shape) > 1:
        layers.append(keras.layers.Flatten(name="flatten"))
    # Zeros are only a placeholder that draws no random number: build_model sets the weights.
    layers += [
        keras.layers.Dense(
            width, activation=activation, kernel_initializer="zeros", name=f"hidden_{index}"
        )
        for index, width in enumerate(hidden, start=1)
    ]
    layers.append(keras.layers.Dense(units, kernel_initializer="zeros", name="logits"))
    return keras.Sequential(layers, name="multilayer_perceptron")
