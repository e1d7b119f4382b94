"""What must hold before the numbers of a curvature operator are trusted."""

import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from benchmark.backend import keras_internals
from benchmark.curvature.operators import SymmetricOperator, epsilon_of
from benchmark.curvature.program import in_arithmetic

ROWS = 4
"""Examples that are looked at together and one by one."""
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


def other_arithmetic(model: keras.Model, dtype: str) -> keras.Layer | None:
    """Return the first layer that computes floating-point numbers in another dtype, if any does.

    Args:
        model: a built model.
        dtype: in which all should.

    Example:
        >>> mixed = layers.Dense(1, dtype="mixed_float16", name="mixed")
        >>> model = keras.Sequential([keras.Input((3,)), mixed])
        >>> model.trainable_variables[0].dtype, other_arithmetic(model, "float32").name
        ('float32', 'mixed')
    """
    for layer in _layers(model):
        if isinstance(layer, layers.InputLayer | keras.Model):
            continue  # they compute nothing themselves
        computes = layer.compute_dtype
        if computes and keras.backend.is_float_dtype(computes) and computes != dtype:
            return layer
    return None


def refuse_other_arithmetic(model: keras.Model, dtype: str) -> None:
    """Refuse a model with a layer that computes in another arithmetic than it should.

    Args:
        model: a built model that was made for ``dtype``.
        dtype: in which all layers should compute.

    Raises:
        ValueError: one does not; the tolerance for zero would be too small by far.
    """
    layer = other_arithmetic(model, dtype)
    if layer is not None:
        raise ValueError(
            f"every layer must compute in {dtype}. Received {layer.compute_dtype} in "
            f"{layer.name!r} ({type(layer).__name__}), which keeps it in a copy of the model that "
            f"asks for {dtype}. Let its get_config and constructor pass on `dtype`."
        )


def check_rows(
    loss: Callable[..., Any], parameters: Sequence[Any], x: Any, y: Any, *state: Any
) -> None:
    """Check on some examples that the mean loss treats each of them by itself.

    The loss of up to four examples together must be the mean of their losses one by one, within
    the square root of machine epsilon of the sum of all sizes. Statistics of the batch, a sum in
    place of a mean and random numbers break that, whatever layer they come from.

    Args:
        loss: ``f(parameters, x, y, *state)`` in float64, as of
            :func:`benchmark.curvature.model_loss`.
        parameters: where it is taken.
        x: the examples, at least one; of one alone nothing can be told.
        y: their targets.
        state: what it takes besides.

    Raises:
        ValueError: they differ, so that no chunks can be added up, and there is no Hessian.
        FloatingPointError: the loss is not finite.

    Example:
        >>> def spread(parameters, x, y):
        ...     return ops.mean((x - ops.mean(x)) ** 2) * parameters[0]
        >>> check_rows(spread, [np.array(2.0)], np.arange(4.0), np.zeros(4))
        Traceback (most recent call last):
        ValueError: the loss must be a mean over single examples. Received 2.5 of 4 examples \
    together, and 0 as the mean of their losses one by one. A layer may use statistics of the \
    batch, or draw random numbers; freeze it, or take it out of the model.
    """
    chosen = np.unique(np.linspace(0, len(x) - 1, min(ROWS, len(x))).astype(int))

    point = [in_arithmetic(parameter, "float64") for parameter in parameters]
    rest = [[in_arithmetic(entry, "float64") for entry in entries] for entries in state]

    def of(rows: Any) -> float:
        data = [in_arithmetic(np.asarray(part)[rows], "float64") for part in (x, y)]
        return float(ops.convert_to_numpy(loss(point, *data, *rest)))

    together = of(chosen)
    single = [of(chosen[place : place + 1]) for place in range(len(chosen))]
    if not np.isfinite([together, *single]).all():
        raise FloatingPointError("the loss must be finite. Received NaN or infinity.")
    mean = float(np.mean(single))
    size = max(abs(together), float(np.abs(single).mean()))
    if abs(together - mean) > np.sqrt(np.finfo(np.float64).eps) * size:
        raise ValueError(
            f"the loss must be a mean over single examples. Received {together:.6g} of "
            f"{len(chosen)} examples together, and {mean:.6g} as the mean of their losses one by "
            "one. A layer may use statistics of the batch, or draw random numbers; freeze it, or "
            "take it out of the model."
        )


class AsymmetryError(ValueError):
    """Products are not symmetric: more than rounding of their own size explains."""


def check_products(operator: SymmetricOperator, seed: int = 0) -> None:
    """Check on random vectors that products are repeatable and symmetric.

    Two products H v must be equal to the last bit, and uᵀHv = vᵀHu within what rounding may
    do, √n × 100 machine epsilons of ‖u‖ ‖Hv‖.

    Args:
        operator: n × n, for three products.
        seed: of u and v.

    Raises:
        ValueError: products are not repeatable.
        AsymmetryError: they are not symmetric. Where they nearly vanish, this may be the rounding
            of what they are made of.
        FloatingPointError: a product is not finite.

    Example:
        >>> from scipy.sparse.linalg import aslinearoperator
        >>> check_products(aslinearoperator(np.array([[2.0, 1.0], [1.0, 2.0]])))
        >>> check_products(aslinearoperator(np.array([[0.0, 1.0], [0.0, 0.0]])))
        Traceback (most recent call last):
        benchmark.curvature.checks.AsymmetryError: products must be symmetric. Received uᵀHv = ... \
    and vᵀHu = .... The loss may not be twice differentiable here; shift the weights a little.
    """
    u, v = np.random.default_rng(seed).standard_normal((2, operator.shape[0]))
    product, again = operator.matvec(v), operator.matvec(v)
    if not (np.isfinite(product).all() and np.isfinite(again).all()):
        raise FloatingPointError("a product must be finite. Received NaN or infinity.")
    if not np.array_equal(product, again):
        raise ValueError(
            "products must be repeatable. Received two different ones for one vector, "
            f"{np.abs(product - again).max():.2g} apart. Freeze what is random in the loss."
        )
    other = operator.matvec(u)
    left, right = float(u @ product), float(v @ other)
    length = np.linalg.norm(u) * np.linalg.norm(product)
    length += np.linalg.norm(v) * np.linalg.norm(other)
    if not abs(left - right) <= 100 * np.sqrt(u.size) * epsilon_of(operator) * length:
        raise AsymmetryError(
            f"products must be symmetric. Received uᵀHv = {left:.6g} and vᵀHu = {right:.6g}. "
            "The loss may not be twice differentiable here; shift the weights a little."
        )


def _layers(model: keras.Model) -> Iterator[keras.Layer]:
    yield from keras_internals.layers(model)


def _is_random(layer: keras.Layer) -> bool:
    draws = any(isinstance(one, keras.random.SeedGenerator) for one in vars(layer).values())
    rates = [rate for name in RATES if isinstance(rate := getattr(layer, name, None), int | float)]
    return draws and (not rates or any(rates))


def _heeds_training(layer: keras.Layer) -> bool:
    return "training" in inspect.signature(layer.call).parameters
