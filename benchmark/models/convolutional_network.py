"""A small convolutional network, its convolutions as products of matrices."""

from typing import Any

import keras
from keras import ops

from benchmark.models.layers import activated, dense_stack


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


def build(
    input_shape: tuple[int, ...],
    units: int,
    image: tuple[int, ...],
    filters: tuple[int, ...],
    kernel_size: int,
    pool_size: int,
    hidden: tuple[int, ...],
    activation: str,
    batch_normalization: bool = False,
    dropout: float = 0.0,
) -> keras.Model:
    """Build convolutions with pooling, then dense hidden layers and a dense layer of logits.

    Each convolution keeps height and width (zeros around the image), is normalised where
    that is wanted, and is followed by its non-linearity and a maximum over squares.

    Args:
        input_shape: the shape of one example. A vector is made an image; an image of
            (height, width) or (height, width, channels) stays as it is.
        units: number of outputs.
        image: height, width and channels of what a vector holds.
        filters: how many each convolution has, at least one.
        kernel_size: height and width of the filters.
        pool_size: height and width of the squares; 1 means none.
        hidden: the width of each dense hidden layer.
        activation: the Keras name of a function that acts on each unit alone.
        batch_normalization: whether convolutions and hidden layers are normalised.
        dropout: share of the dense hidden units that are dropped in training, in [0, 1).

    Raises:
        ValueError: a vector does not hold the image.

    References:
        LeCun et al., Gradient-based learning applied to document recognition, 1998.

    Example:
        >>> model = build((64,), 10, (8, 8, 1), (4,), 3, 2, (16,), "relu")
        >>> [tuple(v.shape) for v in model.trainable_variables]
        [(3, 3, 1, 4), (4,), (64, 16), (16,), (16, 10), (10,)]
    """
    start = outputs = keras.Input(input_shape)
    if len(input_shape) != 3:
        shape = (*input_shape, 1) if len(input_shape) == 2 else image
        outputs = keras.layers.Reshape(shape, name="image")(outputs)
    for index, count in enumerate(filters, start=1):

        def convolution(count: int = count, **arguments: Any) -> keras.Layer:
            return Convolution(count, kernel_size, padding="same", **arguments)

        name = f"convolution_{index}"
        for layer in activated(convolution, name, activation, batch_normalization):
            outputs = layer(outputs)
        outputs = largest_of_squares(outputs, pool_size)
    outputs = keras.layers.Flatten(name="flatten")(outputs)
    for layer in dense_stack(hidden, units, activation, batch_normalization, dropout):
        outputs = layer(outputs)
    return keras.Model(start, outputs, name="convolutional_network")


def largest_of_squares(images: Any, size: int) -> Any:
    """Take the maximum over squares; rows and columns that fill no square are left out.

    Not ``MaxPooling2D``: XLA has no deterministic gradient of it on TensorFlow.

    Args:
        images: of shape (n, height, width, channels).
        size: height and width of a square; images that are smaller stay as they are.
    """
    height, width, channels = images.shape[1:]
    rows, columns = height // size, width // size
    if size == 1 or not rows or not columns:
        return images
    rest = ((0, height - rows * size), (0, width - columns * size))
    whole = keras.layers.Cropping2D(rest)(images)
    squares = keras.layers.Reshape((rows, size, columns, size, channels))(whole)
    return keras.ops.max(squares, axis=(2, 4))
