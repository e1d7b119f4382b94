"""The linear model: softmax regression or linear regression."""

import keras

from benchmark.models.layers import flattened


def build(input_shape: tuple[int, ...], units: int) -> keras.Model:
    """Build x ↦ xW + b.

    With ``units`` classes and the softmax cross-entropy from logits it is softmax
    (multinomial logistic) regression, with one unit and the squared error linear
    regression; both losses are convex in (W, b).

    Args:
        input_shape: the shape of one example; flattened to d numbers.
        units: number of outputs, k.

    Returns:
        A model with the variables W of shape (d, k) and b of shape (k,).

    Example:
        >>> build((4,), 3).count_params()
        15
    """
    # Zeros are only a placeholder that draws no random number: build_model sets the weights.
    logits = keras.layers.Dense(units, kernel_initializer="zeros", name="logits")
    return keras.Sequential([*flattened(input_shape), logits], name="linear")
