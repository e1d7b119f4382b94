"""Muon, Shampoo and SOAP, each with its oracle in NumPy: by decompositions, where ours iterate."""

import numpy as np

from tests.optimizers.cases.adaptive import adam_points
from tests.optimizers.cases.case import Array, Case, Gradient


def muon_points(
    w: Array,
    gradient: Gradient,
    steps: int,
    *,
    learning_rate: float,
    momentum: float,
    rms_rate: float,
    adam_lr_ratio: float,
    adam_beta_1: float,
    adam_beta_2: float,
    epsilon: float,
    nesterov: bool = True,
) -> list[Array]:
    """Jordan 2024: the quintic on the singular values, five times."""
    if np.ndim(w) != 2:
        return adam_points(
            w,
            gradient,
            steps,
            learning_rate=learning_rate * adam_lr_ratio,
            beta_1=adam_beta_1,
            beta_2=adam_beta_2,
            epsilon=epsilon,
        )
    velocity, points = np.zeros_like(w), []
    for t in range(steps):
        g = gradient(w, t)
        velocity = momentum * velocity + g
        direction = g + momentum * velocity if nesterov else velocity
        left, s, right = np.linalg.svd(direction, full_matrices=False)
        s = s / (np.linalg.norm(s) + 1e-7)
        for _ in range(5):
            s = 3.4445 * s - 4.775 * s**3 + 2.0315 * s**5
        w = w - learning_rate * rms_rate * np.sqrt(max(w.shape)) * (left * s) @ right
        points.append(w)
    return points


def inverse_root(matrix: Array, order: int) -> Array:
    """A^(−1/p) by the eigenvalues."""
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * values ** (-1 / order)) @ vectors.T


def shampoo_points(
    w: Array,
    gradient: Gradient,
    steps: int,
    *,
    learning_rate: float,
    momentum: float,
    epsilon: float,
    precondition_frequency: int = 3,
) -> list[Array]:
    """Gupta, Koren, Singer 2018, algorithm 1; a vector with its one preconditioner."""
    shape = (np.size(w), 1) if np.ndim(w) < 2 else (-1, np.shape(w)[-1])
    sides = 1 if np.ndim(w) < 2 else 2
    matrix = np.reshape(w, shape)
    left, right = (epsilon * np.eye(size) for size in matrix.shape)
    velocity, points = np.zeros_like(matrix), []
    for t in range(steps):
        g = np.reshape(gradient(np.reshape(matrix, np.shape(w)), t), shape)
        left, right = left + g @ g.T, right + g.T @ g
        velocity = momentum * velocity + g
        if t % precondition_frequency == 0:
            roots = [inverse_root(side, 2 * sides) for side in (left, right)]
        update = roots[0] @ velocity
        matrix = matrix - learning_rate * (update @ roots[1] if sides == 2 else update)
        points.append(np.reshape(matrix, np.shape(w)))
    return points


def soap_points(
    w: Array,
    gradient: Gradient,
    steps: int,
    *,
    learning_rate: float,
    beta_1: float,
    beta_2: float,
    epsilon: float,
    precondition_frequency: int = 3,
) -> list[Array]:
    """Vyas et al. 2024, algorithms 3 and 4, from the identity."""
    numbers = {"learning_rate": learning_rate, "beta_1": beta_1, "beta_2": beta_2}
    if np.ndim(w) < 2:
        return adam_points(w, gradient, steps, amsgrad=False, **numbers, epsilon=epsilon)
    shape = (-1, np.shape(w)[-1])
    matrix = np.reshape(w, shape)
    m, v, points = np.zeros_like(matrix), np.zeros_like(matrix), []
    statistics = [np.zeros((size, size)) for size in matrix.shape]
    left, right = (np.eye(size) for size in matrix.shape)
    for t in range(1, steps + 1):
        g = np.reshape(gradient(np.reshape(matrix, np.shape(w)), t - 1), shape)
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * (left.T @ g @ right) ** 2
        unbiased = np.sqrt(1 - beta_2**t) / (1 - beta_1**t)
        step = left @ ((left.T @ m @ right) / (np.sqrt(v) + epsilon)) @ right.T
        matrix = matrix - learning_rate * unbiased * step
        for side, new in enumerate((g @ g.T, g.T @ g)):
            statistics[side] = beta_2 * statistics[side] + (1 - beta_2) * new
        if (t - 1) % precondition_frequency == 0:
            left, rows = turned(statistics[0], left)
            right, columns = turned(statistics[1], right)
            v = v[rows][:, columns]
        points.append(np.reshape(matrix, np.shape(w)))
    return points


def turned(statistics: Array, basis: Array) -> tuple[Array, Array]:
    """A power iteration and Householder's QR, the columns of most energy first."""
    damped = statistics / (np.trace(statistics) or 1.0) + 2.0**-20 * np.eye(len(basis))
    order = np.argsort(-np.diag(basis.T @ damped @ basis), kind="stable")
    orthogonal, triangle = np.linalg.qr(damped @ basis[:, order])
    return orthogonal * np.sign(np.diag(triangle)), order


# Numbers that float32 holds exactly, see `classical`.
MUON = {
    "learning_rate": 2.0**-4,
    "momentum": 0.75,
    "rms_rate": 0.25,
    "adam_lr_ratio": 0.5,
    "adam_beta_1": 0.75,
    "adam_beta_2": 0.9375,
    "epsilon": 2.0**-13,
}
NO_DECAY = {"weight_decay": None, "adam_weight_decay": None}
SHAMPOO = {"learning_rate": 2.0**-3, "momentum": 0.5, "epsilon": 2.0**-3}
SOAP = {"learning_rate": 2.0**-4, "beta_1": 0.75, "beta_2": 0.9375, "epsilon": 2.0**-10}
OFTEN = {"precondition_frequency": 3}
CASES = [
    Case(
        "muon",
        "muon",
        MUON,
        muon_points,
        ("Muon", {**MUON, **NO_DECAY}),
        NO_DECAY,
    ),
    Case("shampoo", "shampoo", SHAMPOO, shampoo_points, None, OFTEN),
    Case("soap", "soap", SOAP, soap_points, None, OFTEN),
]
