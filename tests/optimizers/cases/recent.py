"""The recent optimizers, each with its oracle in NumPy."""

from functools import partial

import numpy as np

from tests.optimizers.cases.case import Array, Case, Gradient
from tests.optimizers.cases.classical import averages


def schedule_free_sequences(
    w: Array,
    gradient: Gradient,
    steps: int,
    *,
    learning_rate: float,
    interpolation: float,
    warmup_steps: float = 0,
    weight_decay: float = 0.0,
    beta_2: float | None = None,
    epsilon: float = 0.0,
) -> tuple[list[Array], list[Array]]:
    """Defazio et al. 2024, equations 3 to 5 and algorithm 1, with x, y and z as they stand there.

    Returns:
        y before the next gradient, and x, after each step.
    """
    x, z, v, total = w, w, np.zeros_like(w), 0.0
    ys, xs = [], []
    for t in range(1, steps + 1):
        y = (1 - interpolation) * z + interpolation * x
        g = gradient(y, t - 1)
        rate = learning_rate * (min(1.0, t / warmup_steps) if warmup_steps else 1.0)
        direction = g
        if beta_2 is not None:
            v = beta_2 * v + (1 - beta_2) * g * g
            direction = g / (np.sqrt(v / (1 - beta_2**t)) + epsilon)
        z = z - rate * direction - rate * weight_decay * y
        total = total + rate**2
        x = (1 - rate**2 / total) * x + rate**2 / total * z
        xs.append(x)
        ys.append((1 - interpolation) * z + interpolation * x)
    return ys, xs


def schedule_free_sgd_points(
    w: Array, gradient: Gradient, steps: int, *, learning_rate: float, momentum: float
) -> list[Array]:
    """The weights that are trained."""
    numbers = {"learning_rate": learning_rate, "interpolation": momentum, "warmup_steps": 4}
    return schedule_free_sequences(w, gradient, steps, **numbers)[0]


def schedule_free_adamw_points(
    w: Array,
    gradient: Gradient,
    steps: int,
    *,
    learning_rate: float,
    beta_1: float,
    beta_2: float,
    epsilon: float,
) -> list[Array]:
    """The weights that are trained."""
    numbers = {"learning_rate": learning_rate, "beta_2": beta_2, "epsilon": epsilon}
    return schedule_free_sequences(w, gradient, steps, interpolation=beta_1, **numbers)[0]


def prodigy_points(
    w: Array,
    gradient: Gradient,
    steps: int,
    *,
    learning_rate: float,
    beta_1: float,
    beta_2: float,
    epsilon: float,
    initial_distance: float,
    distance_coefficient: float,
) -> list[Array]:
    """Mishchenko & Defazio 2024, algorithm 4, with the coefficient of the authors' code."""
    start, d, r = w, initial_distance, 0.0
    m, v, s, points = np.zeros_like(w), np.zeros_like(w), np.zeros_like(w), []
    for t in range(steps):
        g = gradient(w, t)
        m = beta_1 * m + (1 - beta_1) * d * g
        v = beta_2 * v + (1 - beta_2) * d**2 * g**2
        root = np.sqrt(beta_2)
        r = root * r + (1 - root) * learning_rate * d**2 * np.sum(g * (start - w))
        s = root * s + (1 - root) * learning_rate * d**2 * g
        w = w - learning_rate * d * m / (np.sqrt(v) + d * epsilon)
        norm = np.sum(np.abs(s))
        d = max(d, distance_coefficient * r / norm) if norm > 0 else d
        points.append(w)
    return points


def dog_points(
    w: Array,
    gradient: Gradient,
    steps: int,
    *,
    learning_rate: float,
    initial_movement: float,
    epsilon: float,
) -> list[Array]:
    """Ivgi et al. 2023, equation 2, with the r_ε of section 4."""
    start, distance, squares, points = w, 0.0, epsilon, []
    distance = initial_movement * (1 + np.sqrt(np.sum(w**2)))
    for t in range(steps):
        g = gradient(w, t)
        distance = max(distance, np.sqrt(np.sum((w - start) ** 2)))
        squares = squares + np.sum(g**2)
        w = w - learning_rate * distance / np.sqrt(squares) * g
        points.append(w)
    return points


# Numbers that float32 holds exactly, see `classical`.
FREE = {"learning_rate": 2.0**-1, "momentum": 0.75}
FREE_ADAM = {
    "learning_rate": 2.0**-4,
    "beta_1": 0.75,
    "beta_2": 0.9375,
    "epsilon": 2.0**-13,
}
PRODIGY = {
    "learning_rate": 1.0,
    "beta_1": 0.75,
    "beta_2": 1 - 2.0**-6,
    "epsilon": 2.0**-10,
    "initial_distance": 2.0**-8,
}
DOG = {"learning_rate": 1.0, "initial_movement": 2.0**-8, "epsilon": 2.0**-4}
CASES = [
    Case(
        "schedule_free_sgd",
        "schedule_free_sgd",
        FREE,
        schedule_free_sgd_points,
        None,
        {"warmup_steps": 4},
        lambda start, gradient, steps: schedule_free_sequences(
            start, gradient, steps, learning_rate=0.5, interpolation=0.75, warmup_steps=4
        )[1],
    ),
    Case(
        "schedule_free_adamw",
        "schedule_free_adamw",
        FREE_ADAM,
        schedule_free_adamw_points,
        None,
        {},
        lambda start, gradient, steps: schedule_free_sequences(
            start,
            gradient,
            steps,
            learning_rate=2.0**-4,
            interpolation=0.75,
            beta_2=0.9375,
            epsilon=2.0**-13,
        )[1],
    ),
    Case(
        "prodigy",
        "prodigy",
        PRODIGY,
        partial(prodigy_points, distance_coefficient=0.75),
        None,
        {"distance_coefficient": 0.75},
    ),
    Case(
        "dog",
        "dog",
        DOG,
        dog_points,
        None,
        {"averaging_power": 8.0},
        lambda start, gradient, steps: averages(
            dog_points(start, gradient, steps, **DOG), power=8.0
        ),
    ),
]
