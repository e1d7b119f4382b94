"""A convolution by matrix products, which frameworks batch over filters too."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="benchmark")
class Convolution(keras.layers.Conv2D):
    """``keras.layers.Conv2D`` of stride 1 and padding "same", computed as one matrix product.

    Every place of the image becomes a row of what its filter sees. The sums are those of
    Keras's layer, whose arguments, variables and outputs it has. But its products have a
    leading axis over trials like any other, where a convolution has none: TensorFlow would
    do one trial after the other.
    """

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        """Return the convolution without bias and activation.

        Args:
            inputs: of shape (n, height, width, channels).
            kernel: of shape (k, k, channels, filters).
        """
        _, height, width, channels = inputs.shape
        rows, columns, _, filters = kernel.shape
        around = [((size - 1) // 2, size // 2) for size in (rows, columns)]
        padded = ops.pad(inputs, ((0, 0), *around, (0, 0)))
        seen = [
            padded[:, i : i + height, j : j + width] for i in range(rows) for j in range(columns)
        ]
        size = rows * columns * channels
        products = ops.matmul(
            ops.reshape(ops.concatenate(seen, axis=-1), (-1, size)),
            ops.reshape(kernel, (size, filters)),
        )
        return ops.reshape(products, (-1, height, width, filters))
