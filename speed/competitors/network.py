"""The network of a workload as a plain Keras program would write it."""

from collections.abc import Mapping
from typing import Any

from benchmark.models import MODELS
from speed.workloads import Workload


def plain_model(workload: Workload) -> Any:
    """Return a new, uncompiled Keras model of logits.

    Args:
        workload: a multilayer perceptron, or the convolutional network.
    """
    import keras

    layers = keras.layers
    if workload.hidden:
        dense = [layers.Dense(units, activation="relu") for units in workload.hidden]
        return keras.Sequential([keras.Input((64,)), *dense, layers.Dense(10)])
    options = MODELS[workload.model].defaults
    stack = [layers.Reshape(options["image"])]
    for filters in options["filters"]:
        size = options["kernel_size"]
        stack.append(layers.Conv2D(filters, size, padding="same", activation="relu"))
        stack.append(layers.MaxPooling2D(options["pool_size"]))
    stack.append(layers.Flatten())
    stack += [layers.Dense(units, activation="relu") for units in options["hidden"]]
    return keras.Sequential([keras.Input((64,)), *stack, layers.Dense(10)])


def compiled_model(workload: Workload, settings: Mapping[str, Any]) -> Any:
    """Return a new model, compiled with momentum SGD, clipping and accuracy.

    Args:
        workload: the network.
        settings: ``learning_rate``, ``momentum``, ``global_clipnorm``.
    """
    import keras

    model = plain_model(workload)
    model.compile(
        optimizer=keras.optimizers.SGD(
            settings["learning_rate"],
            momentum=settings["momentum"],
            global_clipnorm=settings["global_clipnorm"],
        ),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model
