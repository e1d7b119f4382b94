"""Functions for the optimizers that ask for the objective, and all of them in NumPy too."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops

from benchmark.optimizers.objective import Objective, function_objective, objective_of

Array = np.ndarray[Any, Any]
SHAPES = ((2, 2), (2,))
"""Two variables, so that nothing may be computed for each of them alone."""


@dataclass(frozen=True)
class Dense:
    """A function of one flat float64 vector with its derivatives, written out by hand.

    ``gauss_newton`` is the matrix JᵀLJ, where the function has outputs of its own.
    """

    value: Callable[[Array], float]
    gradient: Callable[[Array], Array]
    hessian: Callable[[Array], Array]
    gauss_newton: Callable[[Array], Array]


def flat(arrays: Any) -> Array:
    """All tensors as one float64 vector."""
    return np.concatenate(
        [np.ravel(np.asarray(ops.convert_to_numpy(a), "float64")) for a in arrays]
    )


def parts(vector: Array) -> list[Array]:
    """One vector of six numbers as the two variables."""
    return [vector[:4].reshape(2, 2), vector[4:]]


def joined(weights: Any) -> Any:
    """The same for tensors."""
    return ops.concatenate([ops.reshape(weight, (-1,)) for weight in weights])


_RNG = np.random.default_rng(11)
_ROOT = _RNG.normal(size=(6, 6))
BOWL = _ROOT @ _ROOT.T / 6 + 0.3 * np.eye(6)
WAVES = np.array([1.0, 2.0, 1.5, 0.5, 1.0, 2.5])
START = 1.5 * _RNG.normal(size=6)
MAPS = _RNG.normal(size=(8, 6)) / 2
TARGETS = _RNG.normal(size=8) / 2

BUMPY = Dense(
    # wᵀAw/2 − Σ cos(b w): all variables hang together, and the Hessian has both signs.
    value=lambda w: float(w @ BOWL @ w / 2 - np.cos(WAVES * w).sum()),
    gradient=lambda w: BOWL @ w + WAVES * np.sin(WAVES * w),
    hessian=lambda w: BOWL + np.diag(WAVES**2 * np.cos(WAVES * w)),
    gauss_newton=lambda w: BOWL + np.diag(WAVES**2 * np.cos(WAVES * w)),
)


def bumpy() -> Objective:
    """``BUMPY`` in tensors; it has no outputs, so its Hessian stands for Gauss-Newton's."""

    def f(weights: Any) -> Any:
        w = joined(weights)
        matrix = ops.convert_to_tensor(BOWL, dtype=w.dtype)
        waves = ops.convert_to_tensor(WAVES, dtype=w.dtype)
        return ops.sum(w * ops.matmul(matrix, w)) / 2 - ops.sum(ops.cos(waves * w))

    return function_objective(f)


def _residuals(w: Array) -> Array:
    return np.tanh(MAPS @ w) - TARGETS


def _jacobian(w: Array) -> Array:
    return (1 - np.tanh(MAPS @ w) ** 2)[:, None] * MAPS


def _bend(w: Array) -> Array:
    z = np.tanh(MAPS @ w)
    return np.einsum("i,ij,ik->jk", _residuals(w) * -2 * z * (1 - z**2), MAPS, MAPS)


SQUARES = Dense(
    # Σ (tanh(M w) − y)²/2: nonlinear least squares.
    value=lambda w: float(_residuals(w) @ _residuals(w) / 2),
    gradient=lambda w: _jacobian(w).T @ _residuals(w),
    hessian=lambda w: _jacobian(w).T @ _jacobian(w) + _bend(w),
    gauss_newton=lambda w: _jacobian(w).T @ _jacobian(w),
)


def squares() -> Objective:
    """``SQUARES`` in tensors, as a model with outputs and a loss of these."""

    def outputs(weights: Any) -> Any:
        w = joined(weights)
        return ops.tanh(ops.matmul(ops.convert_to_tensor(MAPS, dtype=w.dtype), w)), []

    def loss(z: Any) -> Any:
        return ops.sum((z - ops.convert_to_tensor(TARGETS, dtype=z.dtype)) ** 2) / 2

    return objective_of(outputs, loss)


def quadratic(eigenvalues: Array) -> tuple[Objective, Array]:
    """A bowl of given eigenvalues, turned, with its minimum 0 at the second value."""
    rng = np.random.default_rng(len(eigenvalues))
    q, _ = np.linalg.qr(rng.normal(size=(len(eigenvalues),) * 2))
    matrix, minimum = q @ np.diag(eigenvalues) @ q.T, rng.normal(size=len(eigenvalues))

    def f(weights: Any) -> Any:
        away = weights[0] - ops.convert_to_tensor(minimum, dtype=weights[0].dtype)
        return ops.sum(away * ops.matmul(ops.convert_to_tensor(matrix, away.dtype), away)) / 2

    return function_objective(f), minimum


def rosenbrock() -> Objective:
    """The banana valley, a sum of two squares, with its minimum 0 at (1, 1)."""

    def residuals(weights: Any) -> Any:
        x, y = weights[0][0], weights[0][1]
        return ops.stack([1 - x, 10 * (y - x**2)]), []

    return objective_of(residuals, lambda z: ops.sum(z**2))
