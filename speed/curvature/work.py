"""The network whose Hessian is taken, at weights trained by NumPy, and its true eigenvalues."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from speed.workloads import SEED

Array = np.ndarray[Any, Any]

LARGEST = 10
TOLERANCE = 1e-4
HIDDEN = (64,)
FIVE_THOUSAND = (67,)
"""Hidden units that make 5035 parameters."""
ONE_MILLION = (970, 970)
"""Hidden units that make 1014630 parameters."""


def rows() -> tuple[Array, Array]:
    """The training rows of digits and their classes, float64 and int64."""
    from speed.workloads import arrays

    train = arrays().train
    return train.x.astype(np.float64), train.y.astype(np.int64)


def initial_weights(hidden: Sequence[int]) -> list[Array]:
    """Kernels of He's variance and zero biases, in turn, float64.

    Args:
        hidden: units of the hidden layers.

    Example:
        >>> sum(w.size for w in initial_weights(FIVE_THOUSAND))
        5035
        >>> sum(w.size for w in initial_weights(ONE_MILLION))
        1014630
    """
    generator = np.random.default_rng(SEED)
    found: list[Array] = []
    for inputs, outputs in pairwise((64, *hidden, 10)):
        kernel = generator.normal(size=(inputs, outputs)) * np.sqrt(2 / inputs)
        found += [kernel, np.zeros(outputs)]
    return found


def trained_weights(steps: int = 200, learning_rate: float = 0.1) -> list[Array]:
    """Weights of the digits MLP after some steps of gradient descent on all rows.

    Args:
        steps: at the end the training accuracy is about 97 %.
        learning_rate: constant.
    """
    weights, (x, y) = initial_weights(HIDDEN), rows()
    for _ in range(steps):
        slopes = gradient(weights, x, y)
        weights = [w - learning_rate * g for w, g in zip(weights, slopes, strict=True)]
    # What float32 can hold, so that all arithmetics are given the same point.
    return [w.astype(np.float32).astype(np.float64) for w in weights]


def gradient(weights: Sequence[Array], x: Array, y: Array) -> list[Array]:
    """The gradient of the mean cross-entropy, by hand.

    Args:
        weights: two kernels and biases in turn.
        x: rows.
        y: classes.
    """
    hidden, _, error = _forward(weights, x, y)
    back = (error @ weights[2].T) * (hidden > 0)
    return [x.T @ back, back.sum(0), hidden.T @ error, error.sum(0)]


def product(weights: Sequence[Array], x: Array, y: Array, flat: Array) -> Array:
    """The Hessian of the mean cross-entropy times a vector, by hand (Pearlmutter, 1994).

    Args:
        weights: two kernels and biases in turn.
        x: rows.
        y: classes.
        flat: the vector.
    """
    v1, c1, v2, c2 = _split(flat, weights)
    hidden, p, error = _forward(weights, x, y)
    active = hidden > 0
    moved = (x @ v1 + c1) * active
    logits = moved @ weights[2] + hidden @ v2 + c2
    bent = p * (logits - np.sum(p * logits, axis=1, keepdims=True)) / len(x)
    back = (bent @ weights[2].T + error @ v2.T) * active
    parts = [x.T @ back, back.sum(0), moved.T @ error + hidden.T @ bent, bent.sum(0)]
    return np.concatenate([part.ravel() for part in parts])


def true_eigenvalues(weights: Sequence[Array], count: int = LARGEST) -> Array:
    """The largest eigenvalues to rounding, ascending, from NumPy and ARPACK alone.

    Args:
        weights: of the digits MLP.
        count: how many.
    """
    from scipy.sparse.linalg import LinearOperator, eigsh

    x, y = rows()
    size = sum(w.size for w in weights)
    multiply: Callable[[Array], Array] = partial(product, weights, x, y)
    operator = LinearOperator((size, size), matvec=multiply, dtype=np.float64)
    return np.sort(eigsh(operator, k=count, which="LA", tol=1e-12, return_eigenvectors=False))


def relative_error(found: Sequence[float], truth: Array) -> float:
    """The largest relative error of eigenvalues, in any order.

    Args:
        found: as many as there are true ones.
        truth: ascending.

    Example:
        >>> round(relative_error([4.0, 2.1], np.array([2.0, 4.0])), 9)
        0.05
    """
    return float(np.max(np.abs(np.sort(np.asarray(found, np.float64)) - truth) / np.abs(truth)))


def _forward(weights: Sequence[Array], x: Array, y: Array) -> tuple[Array, Array, Array]:
    w1, b1, w2, b2 = weights
    hidden = np.maximum(x @ w1 + b1, 0)
    logits = hidden @ w2 + b2
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    p = powers / powers.sum(axis=1, keepdims=True)
    error = p.copy()
    error[np.arange(len(y)), y] -= 1
    return hidden, p, error / len(y)


def _split(flat: Array, like: Sequence[Array]) -> list[Array]:
    ends = np.cumsum([part.size for part in like])[:-1]
    pieces = np.split(np.ravel(flat), ends)
    return [piece.reshape(part.shape) for piece, part in zip(pieces, like, strict=True)]
