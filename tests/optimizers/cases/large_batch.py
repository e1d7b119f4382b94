"""Lion, LAMB and Adafactor, each with its oracle in NumPy."""

import numpy as np

from tests.optimizers.cases.case import Array, Case, Gradient


def lion_points(
    w: Array,
    gradient: Gradient,
    steps: int,
    *,
    learning_rate: float,
    beta_1: float,
    beta_2: float,
) -> list[Array]:
    """Chen et al. 2023, algorithm 2, without weight decay."""
    m, points = np.zeros_like(w), []
    for t in range(steps):
        g = gradient(w, t)
        w = w - learning_rate * np.sign(beta_1 * m + (1 - beta_1) * g)
        m = beta_2 * m + (1 - beta_2) * g
        points.append(w)
    return points


def lamb_points(
    w: Array,
    gradient: Gradient,
    steps: int,
    *,
    learning_rate: float,
    beta_1: float,
    beta_2: float,
    epsilon: float,
) -> list[Array]:
    """You et al. 2020, algorithm 2, without weight decay and with φ the identity."""
    m, v, points = np.zeros_like(w), np.zeros_like(w), []
    for t in range(1, steps + 1):
        g = gradient(w, t - 1)
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g * g
        r = (m / (1 - beta_1**t)) / (np.sqrt(v / (1 - beta_2**t)) + epsilon)
        length, size = np.linalg.norm(np.ravel(r)), np.linalg.norm(np.ravel(w))
        w = w - learning_rate * (size / length if size > 0 and length > 0 else 1.0) * r
        points.append(w)
    return points


def adafactor_points(
    w: Array,
    gradient: Gradient,
    steps: int,
    *,
    learning_rate: float,
    epsilon_1: float,
    epsilon_2: float,
    clip_threshold: float,
    beta_2_decay: float = -0.75,
) -> list[Array]:
    """Shazeer & Stern 2018, algorithms 4 and 5; a matrix's v by its sums, not its means."""
    rows, columns, v, points = 0.0, 0.0, 0.0, []
    for t in range(1, steps + 1):
        g = gradient(w, t - 1)
        beta = 1 - t**beta_2_decay
        squares = g * g + epsilon_1
        if np.ndim(w) < 2:
            v = beta * v + (1 - beta) * squares
        else:
            rows = beta * rows + (1 - beta) * squares.sum(axis=1)
            columns = beta * columns + (1 - beta) * squares.sum(axis=0)
            v = np.outer(rows, columns) / rows.sum()
        u = g / np.sqrt(v)
        u = u / max(1.0, np.sqrt(np.mean(u * u)) / clip_threshold)
        rate = max(epsilon_2, np.sqrt(np.mean(w * w))) * min(learning_rate, t**-0.5)
        w = w - rate * u
        points.append(w)
    return points


# Numbers that float32 holds exactly, see `classical`.
LION = {"learning_rate": 2.0**-6, "beta_1": 0.75, "beta_2": 0.875}
LAMB = {"learning_rate": 2.0**-5, "beta_1": 0.75, "beta_2": 0.9375, "epsilon": 2.0**-13}
ADAFACTOR = {
    "learning_rate": 2.0**-5,
    "epsilon_1": 2.0**-10,
    "epsilon_2": 2.0**-6,
    "clip_threshold": 0.75,
}
DECAY = {"beta_2_decay": -0.75}
CASES = [
    # Steps of one length swing about the minimum by a few of them.
    Case("lion", "lion", LION, lion_points, ("Lion", LION)),
    Case("lamb", "lamb", LAMB, lamb_points, ("Lamb", LAMB)),
    Case(
        "adafactor",
        "adafactor",
        ADAFACTOR,
        adafactor_points,
        ("Adafactor", {**ADAFACTOR, **DECAY}),
        DECAY,
    ),
]
