"""The network of a workload as a plain Keras program would write it."""

from collections.abc import Mapping
from typing import Any

from benchmark.speed.workloads import Workload, new_model


def plain_model(workload: Workload) -> Any:
    """Return a new, uncompiled Keras model of logits.

    Args:
        workload: a multilayer perceptron is written with ``keras.Sequential``; another
            model is built by the project's own function, so that it is the same network.
    """
    import keras

    if not workload.hidden:
        return new_model(workload)
    layers = keras.layers
    hidden = [layers.Dense(units, activation="relu") for units in workload.hidden]
    return keras.Sequential([keras.Input((64,)), *hidden, layers.Dense(10)])


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
