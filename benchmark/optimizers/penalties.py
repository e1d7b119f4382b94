"""Penalties on the weights, as what they add to the gradient."""

from collections.abc import Mapping, Sequence
from typing import Any

from keras import ops

from benchmark.optimizers.tensors import Tensor, precision


def with_penalties(
    gradients: Sequence[Tensor], variables: Sequence[Any], numbers: Mapping[str, Tensor]
) -> list[Tensor]:
    """Return the gradients of the loss with its penalties, from those of the loss alone.

        J(W) + l1 · Σ |w| + l2 · Σ w²    has the gradient    ∇J(W) + l1 · sign(W) + 2 · l2 · W

    as with ``kernel_regularizer=keras.regularizers.L1L2(l1, l2)`` in every layer: the sums go
    over the weights of kernels, which have two axes or more; biases, and the factors and offsets
    of normalisation, are not penalised. sign(0) is 0 on every backend. Here the coefficients may
    be tensors, so that one compiled program serves every value. The loss itself is reported
    without the penalties.

    Args:
        gradients: one a variable.
        variables: the weights.
        numbers: ``"l1"``, ``"l2"``, or both.

    References:
        Goodfellow, Bengio, Courville, Deep Learning, 2016, section 7.1.

    Example:
        >>> import keras
        >>> kernel, bias = keras.Variable([[2.0, -4.0]]), keras.Variable([1.0])
        >>> total = with_penalties([ops.zeros((1, 2)), ops.zeros(1)], [kernel, bias], {"l2": 0.25})
        >>> [ops.convert_to_numpy(gradient).tolist() for gradient in total]
        [[[1.0, -2.0]], [0.0]]
    """
    return [
        _with_penalty(gradient, variable, numbers) if len(variable.shape) > 1 else gradient
        for gradient, variable in zip(gradients, variables, strict=True)
    ]


def penalty(variables: Sequence[Any], numbers: Mapping[str, Tensor]) -> Tensor:
    """Return l1 · Σ |w| + l2 · Σ w² over the kernels, for who asks for the objective itself.

    Example:
        >>> float(penalty([ops.convert_to_tensor([[2.0, -4.0]])], {"l1": 0.5, "l2": 0.25}))
        8.0
    """
    total: Tensor = ops.zeros((), precision(variables[0]))
    for weights in (variable for variable in variables if len(variable.shape) > 1):
        if "l1" in numbers:
            total += ops.cast(numbers["l1"], total.dtype) * ops.sum(ops.abs(weights))
        if "l2" in numbers:
            total += ops.cast(numbers["l2"], total.dtype) * ops.sum(ops.square(weights))
    return total


def with_penalty_products(
    products: Sequence[Tensor], vectors: Sequence[Tensor], numbers: Mapping[str, Tensor]
) -> list[Tensor]:
    """Return the products of a Hessian with the one of the penalties, 2 · l2 on the kernels.

    Example:
        >>> [product] = with_penalty_products([ops.zeros((1, 1))], [ops.ones((1, 1))], {"l2": 0.5})
        >>> float(product[0, 0])
        1.0
    """
    if "l2" not in numbers:
        return list(products)
    return [
        product + 2 * ops.cast(numbers["l2"], product.dtype) * vector
        if len(vector.shape) > 1
        else product
        for product, vector in zip(products, vectors, strict=True)
    ]


def _with_penalty(gradient: Tensor, variable: Any, numbers: Mapping[str, Tensor]) -> Tensor:
    dtype = precision(variable)
    weights, slope = ops.cast(variable, dtype), ops.cast(gradient, dtype)
    if "l1" in numbers:
        slope += ops.cast(numbers["l1"], dtype) * ops.sign(weights)
    if "l2" in numbers:
        slope += 2 * ops.cast(numbers["l2"], dtype) * weights
    return ops.cast(slope, gradient.dtype)
