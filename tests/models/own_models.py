"""Models as a user writes them, imported by name as a user's are."""

import random
from typing import Any

import keras
from keras import layers


def build(
    input_shape: tuple[int, ...], outputs: int, width: int = 4, activation: str = "tanh"
) -> keras.Model:
    inputs = keras.Input(input_shape)
    hidden = layers.Dense(width, activation=activation, kernel_initializer="he_normal")(inputs)
    return keras.Model(inputs, layers.Dense(outputs)(hidden))


def with_state(input_shape: tuple[int, ...], outputs: int, rate: float = 0.4) -> keras.Model:
    """Random layers, batch statistics and a convolution, all of Keras."""
    inputs = keras.Input(input_shape)
    x = layers.Reshape((2, 2, 1))(inputs)
    x = layers.Conv2D(3, 2, padding="same", activation="tanh")(x)
    x = layers.MaxPooling2D(2)(x)
    x = layers.BatchNormalization(momentum=0.9)(layers.Flatten()(x))
    return keras.Model(inputs, layers.Dense(outputs)(layers.Dropout(rate)(x)))


def with_strides(input_shape: tuple[int, ...], outputs: int) -> keras.Model:
    """A convolution that TensorFlow cannot map over trials."""
    inputs = keras.Input(input_shape)
    x = layers.Conv2D(2, 2, strides=2)(layers.Reshape((2, 2, 1))(inputs))
    return keras.Model(inputs, layers.Dense(outputs)(layers.Flatten()(x)))


@keras.saving.register_keras_serializable("own_models")
class Doubled(keras.Model):
    """A model whose training step is its own: it minimises twice the loss."""

    def compute_loss(self, *given: Any, **named: Any) -> Any:
        return 2 * super().compute_loss(*given, **named)


def own_step(input_shape: tuple[int, ...], outputs: int) -> keras.Model:
    inputs = keras.Input(input_shape)
    return Doubled(inputs, layers.Dense(outputs)(inputs))


@keras.saving.register_keras_serializable("own_models")
class Written(keras.Model):
    """A model without a graph of its layers."""

    def __init__(self, outputs: int, **named: Any) -> None:
        super().__init__(**named)
        self.outputs_of = outputs
        self.hidden = layers.Dense(3, activation="tanh")
        self.logits = layers.Dense(outputs)

    def call(self, inputs: Any, training: bool = False) -> Any:
        del training
        return self.logits(self.hidden(inputs))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "outputs": self.outputs_of}


def written(_: tuple[int, ...], outputs: int) -> keras.Model:
    return Written(outputs)


class Unregistered(layers.Layer):
    def call(self, inputs: Any) -> Any:
        return inputs


def uncopied(input_shape: tuple[int, ...], outputs: int) -> keras.Model:
    inputs = keras.Input(input_shape)
    return keras.Model(inputs, layers.Dense(outputs)(Unregistered()(inputs)))


def softmax(input_shape: tuple[int, ...], outputs: int) -> keras.Model:
    inputs = keras.Input(input_shape)
    return keras.Model(inputs, layers.Dense(outputs, activation="softmax", name="last")(inputs))


def too_few(input_shape: tuple[int, ...], outputs: int) -> keras.Model:
    return build(input_shape, outputs - 1)


def other_inputs(_: tuple[int, ...], outputs: int) -> keras.Model:
    return build((7,), outputs)


def untrained(input_shape: tuple[int, ...], outputs: int) -> keras.Model:
    model = build(input_shape, outputs)
    model.trainable = False
    return model


def nothing(input_shape: tuple[int, ...], outputs: int) -> None:
    del input_shape, outputs


def failing(input_shape: tuple[int, ...], outputs: int, width: int) -> keras.Model:
    raise RuntimeError(f"no model of width {width} for {input_shape} and {outputs}")


def drawing(input_shape: tuple[int, ...], outputs: int) -> keras.Model:
    model = build(input_shape, outputs)
    shift = random.SystemRandom().random()
    model.trainable_variables[0].assign_add(shift * keras.ops.ones(model.weights[0].shape))
    return model


def no_outputs(input_shape: tuple[int, ...]) -> keras.Model:
    return build(input_shape, 1)


def reserved(input_shape: tuple[int, ...], outputs: int, initializer: str = "zeros") -> keras.Model:
    del initializer
    return build(input_shape, outputs)
