"""The functions that optimizers are examined on, of a list of tensors, in ``keras.ops``."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from keras import ops
from keras.backend import standardize_dtype

from benchmark.problems import build_problem

Array = np.ndarray[Any, Any]
Tensor = Any
SHAPES = ((4, 2), (2,))
"""A matrix and a vector: some optimizers treat the two differently."""
DIMENSION = 10
CONDITION_NUMBER = 1e4
PARABOLA, ROSENBROCK, QUADRATIC, NOISE = range(4)
VALLEY = 4.5 * DIMENSION / 2
"""The floor of Rosenbrock's valley lies below 4.2 where the start's x is, from 24.2."""


def split(theta: Array) -> list[Array]:
    """Cut vectors of ``DIMENSION`` numbers, along the last axis, into arrays of ``SHAPES``."""
    matrix, vector = SHAPES
    size = int(np.prod(matrix))
    first = theta[..., :size].reshape(*theta.shape[:-1], *matrix)
    return [first, theta[..., size:].reshape(*theta.shape[:-1], *vector)]


def joined(weights: Sequence[Tensor]) -> Tensor:
    """The opposite of :func:`split`, for tensors of one trial."""
    return ops.concatenate([ops.reshape(tensor, (-1,)) for tensor in weights])


@cache
def _bowl() -> Any:
    return build_problem(
        "quadratic", {"dimension": DIMENSION, "condition_number": CONDITION_NUMBER}
    )


def starting_point(kind: int) -> Array:
    """Where a function is minimised from, a float32 vector."""
    signs = np.where(np.arange(DIMENSION) % 2, 1.0, -1.0)
    theta = {
        PARABOLA: 1 + 1.5 * signs,
        ROSENBROCK: np.where(signs < 0, -1.2, 1.0),
        QUADRATIC: _bowl().start,
        NOISE: 0.5 * signs,
    }[kind]
    return np.asarray(theta, "float32")


def parabola(theta: Tensor) -> Tensor:
    """½ ‖θ − 1‖²."""
    return ops.sum(ops.square(theta - 1)) / 2


def rosenbrock(theta: Tensor) -> Tensor:
    """Σ (1 − x)² + 100 (y − x²)² over pairs (x, y) of coordinates; Moré et al. 1981."""
    pairs = ops.reshape(theta, (-1, 2))
    x, y = pairs[:, 0], pairs[:, 1]
    return ops.sum(ops.square(1 - x) + 100 * ops.square(y - ops.square(x)))


def quadratic(theta: Tensor) -> Tensor:
    """½ (θ − θ*)ᵀ H (θ − θ*) with the eigenvalues of H from 10⁻⁴ to 1."""
    return _bowl().value(theta, np.zeros((1, 1), "float32"))[0]


def bumpy(weights: Sequence[Tensor], step: Tensor) -> Tensor:
    """Σ w²/2 − cos(3w)/3 + a noise that changes with the step; for weights of any shape."""
    return sum(_bumpy(tensor, step) for tensor in weights)


def _bumpy(weights: Tensor, step: Tensor) -> Tensor:
    w = weights
    if standardize_dtype(w.dtype) == "bfloat16":
        w = ops.cast(w, "float32")
    noise = 0.3 * _noise(w, step)
    return ops.sum(ops.square(w) / 2 - ops.cos(3 * w) / 3 + noise * w)


def _noise(weights: Tensor, step: Tensor) -> Tensor:
    """Numbers in [−1, 1] that look drawn: one for each weight and step."""
    size = int(np.prod(weights.shape))
    order = np.sin(1.7 * np.arange(1, size + 1)).reshape(tuple(weights.shape))
    phase = ops.cast(step, weights.dtype)
    return ops.sin(ops.convert_to_tensor(40 * order, dtype=weights.dtype) + 2.3 * phase)


def any_of_them(weights: Sequence[Tensor], kind: Tensor, scale: Tensor, step: Tensor) -> Tensor:
    """The function of a kind, a number; noise has gradients of the size ``scale``."""
    theta = joined(weights)
    noise = scale * ops.sum(_noise(theta, step) * theta)
    # Each is computed for all, so that functions of several kinds go side by side; at zero
    # where it is not asked for, since there an infinite value would make the gradient NaN.
    value_of_kind = ops.where(kind == NOISE, noise, ops.zeros_like(noise))
    for which, function in FUNCTIONS.items():
        asked = kind == which
        value = function(ops.where(asked, theta, ops.zeros_like(theta)))
        value_of_kind = ops.where(asked, value, value_of_kind)
    return value_of_kind


FUNCTIONS = {PARABOLA: parabola, ROSENBROCK: rosenbrock, QUADRATIC: quadratic}
"""Those that have a minimum, by kind."""


def values(kind: int, theta: Array) -> Array:
    """A function at each row of points, in float64 and NumPy alone."""
    points = theta.astype("float64")
    if kind == PARABOLA:
        return np.asarray(np.sum((points - 1) ** 2, -1) / 2)
    if kind == ROSENBROCK:
        x, y = points[..., 0::2], points[..., 1::2]
        return np.asarray(np.sum((1 - x) ** 2 + 100 * (y - x**2) ** 2, -1))
    offset = points - _bowl().minimum
    return np.asarray(np.einsum("...i,ij,...j->...", offset, _bowl().hessian(offset), offset) / 2)
