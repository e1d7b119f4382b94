"""What must hold before the numbers of a curvature operator are trusted."""

import inspect
from collections.abc import Iterator

import keras
import numpy as np
from keras import layers

from benchmark.curvature.operators import SymmetricOperator, epsilon_of

RATES = ("rate", "dropout", "recurrent_dropout", "stddev")
"""What Keras calls the strength of a random layer; at zero it draws nothing that matters."""


def refuse_unfrozen_layers(model: keras.Model, *, training: bool) -> None:
    """Refuse a model whose loss is no function of its weights and single examples.

    A random layer gives another loss at each call, and batch statistics tie the examples of a
    chunk together, so neither has one Hessian. In inference mode Keras freezes both.

    Args:
        model: a built model.
        training: whether it will be called as training does.

    Raises:
        ValueError: a layer is random, or uses batch statistics, and is not frozen.

    Example:
        >>> model = keras.Sequential([keras.Input((3,)), layers.Dropout(0.5, name="drop")])
        >>> refuse_unfrozen_layers(model, training=False)
        >>> refuse_unfrozen_layers(model, training=True)
        Traceback (most recent call last):
        ValueError: every layer must be deterministic. Received the random layer 'drop' \
    (Dropout), which training=True leaves on. Take training=False, or set its rate to 0.
    """
    for layer in _layers(model):
        what = f"{layer.name!r} ({type(layer).__name__})"
        if training and isinstance(layer, layers.BatchNormalization) and layer.trainable:
            raise ValueError(
                "every layer must treat examples one by one. Received batch statistics in "
                f"{what}, which training=True leaves on. Take training=False, or set its "
                "trainable to False."
            )
        if not _is_random(layer):
            continue
        if training:
            raise ValueError(
                f"every layer must be deterministic. Received the random layer {what}, which "
                "training=True leaves on. Take training=False, or set its rate to 0."
            )
        if not _heeds_training(layer):
            raise ValueError(
                f"every layer must be deterministic. Received the random layer {what}, whose "
                "call has no argument `training` that could freeze it. Give it one, or take it "
                "out of the model."
            )


def check_products(operator: SymmetricOperator, seed: int = 0) -> None:
    """Check on random vectors that products are repeatable and symmetric.

    Two products H v must be equal to the last bit, and uᵀHv = vᵀHu within what rounding may
    do, √n × 100 machine epsilons of ‖u‖ ‖Hv‖.

    Args:
        operator: n × n, for three products.
        seed: of u and v.

    Raises:
        ValueError: one of the two does not hold.

    Example:
        >>> from scipy.sparse.linalg import aslinearoperator
        >>> check_products(aslinearoperator(np.array([[2.0, 1.0], [1.0, 2.0]])))
        >>> check_products(aslinearoperator(np.array([[0.0, 1.0], [0.0, 0.0]])))
        Traceback (most recent call last):
        ValueError: products must be symmetric. Received uᵀHv = ... and vᵀHu = .... \
    The loss may not be twice differentiable here; shift the weights a little.
    """
    u, v = np.random.default_rng(seed).standard_normal((2, operator.shape[0]))
    product, again = operator.matvec(v), operator.matvec(v)
    if not np.array_equal(product, again, equal_nan=True):
        raise ValueError(
            "products must be repeatable. Received two different ones for one vector, "
            f"{np.abs(product - again).max():.2g} apart. Freeze what is random in the loss."
        )
    other = operator.matvec(u)
    left, right = float(u @ product), float(v @ other)
    length = np.linalg.norm(u) * np.linalg.norm(product)
    length += np.linalg.norm(v) * np.linalg.norm(other)
    if not abs(left - right) <= 100 * np.sqrt(u.size) * epsilon_of(operator) * length:
        raise ValueError(
            f"products must be symmetric. Received uᵀHv = {left:.6g} and vᵀHu = {right:.6g}. "
            "The loss may not be twice differentiable here; shift the weights a little."
        )


def _layers(model: keras.Model) -> Iterator[keras.Layer]:
    # Not model.layers, which leaves out the layer inside a wrapper.
    yield from model._flatten_layers(include_self=False)


def _is_random(layer: keras.Layer) -> bool:
    draws = any(isinstance(one, keras.random.SeedGenerator) for one in vars(layer).values())
    rates = [rate for name in RATES if isinstance(rate := getattr(layer, name, None), int | float)]
    return draws and (not rates or any(rates))


def _heeds_training(layer: keras.Layer) -> bool:
    return "training" in inspect.signature(layer.call).parameters
