"""Checks that a loss and its products pass before their numbers are trusted."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from keras import ops

from benchmark.curvature.operators import NOT_FINITE, SymmetricOperator, epsilon_of
from benchmark.curvature.program import in_arithmetic

ROWS = 4
"""Examples whose loss is taken together and one by one."""


def check_rows(
    loss: Callable[..., Any], parameters: Sequence[Any], x: Any, y: Any, *state: Any
) -> None:
    """Check on some examples that the loss is the mean of the losses of single examples.

    The loss of up to four examples together must be the mean of their losses one by one, within
    √ε times their size, with the machine epsilon ε. Statistics of the batch, a sum instead of a
    mean, and random numbers break this rule, whichever layer they come from.

    Args:
        loss: ``f(parameters, x, y, *state)`` in float64, such as that of
            :func:`benchmark.curvature.model_loss`.
        parameters: the weights.
        x: the examples, at least one; a single example shows nothing.
        y: their targets.
        state: further arguments of the loss.

    Raises:
        ValueError: the losses differ; chunks cannot be added up then, and there is no Hessian.
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
        data = [in_arithmetic(np.asarray(array)[rows], "float64") for array in (x, y)]
        return float(ops.convert_to_numpy(loss(point, *data, *rest)))

    together = of(chosen)
    single = [of(chosen[index : index + 1]) for index in range(len(chosen))]
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
    """Products are less symmetric than rounding explains."""


def check_products(operator: SymmetricOperator, seed: int = 0) -> None:
    """Check on random vectors that products are repeatable and symmetric.

    Two products H v must be equal to the last bit, and uᵀHv = vᵀHu within what rounding may
    do, √n × 100 machine epsilons of ‖u‖ ‖Hv‖.

    Args:
        operator: n × n; the check takes three products.
        seed: of u and v.

    Raises:
        ValueError: products are not repeatable.
        AsymmetryError: products are not symmetric. If they nearly vanish, the cause may be rounding
            inside the loss.
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
        raise FloatingPointError(NOT_FINITE)
    if not np.array_equal(product, again):
        raise ValueError(
            "products must be repeatable. Received two different ones for one vector, "
            f"{np.abs(product - again).max():.2g} apart. Freeze what is random in the loss."
        )
    image = operator.matvec(u)
    left, right = float(u @ product), float(v @ image)
    length = np.linalg.norm(u) * np.linalg.norm(product)
    length += np.linalg.norm(v) * np.linalg.norm(image)
    if not abs(left - right) <= 100 * np.sqrt(u.size) * epsilon_of(operator) * length:
        raise AsymmetryError(
            f"products must be symmetric. Received uᵀHv = {left:.6g} and vᵀHu = {right:.6g}. "
            "The loss may not be twice differentiable here; shift the weights a little."
        )
