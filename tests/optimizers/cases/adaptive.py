"""The adaptive optimizers, each with its oracle in NumPy."""

import numpy as np

from tests.optimizers.cases.case import Array, Case, Gradient


def adam_points(
    w: Array,
    gradient: Gradient,
    steps: int,
    *,
    learning_rate: float,
    beta_1: float,
    beta_2: float,
    epsilon: float,
    amsgrad: bool = False,
) -> list[Array]:
    """Kingma & Ba 2015, algorithm 1, with the ε that Keras's second form amounts to there."""
    m, v, largest, points = np.zeros_like(w), np.zeros_like(w), np.zeros_like(w), []
    for t in range(1, steps + 1):
        g = gradient(w, t - 1)
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g * g
        largest = np.maximum(largest, v)
        unbiased_m = m / (1 - beta_1**t)
        unbiased_v = (largest if amsgrad else v) / (1 - beta_2**t)
        epsilon_t = epsilon / np.sqrt(1 - beta_2**t)
        w = w - learning_rate * unbiased_m / (np.sqrt(unbiased_v) + epsilon_t)
        points.append(w)
    return points


# Numbers that float32 holds exactly, see `classical`.
ADAM = {"learning_rate": 2.0**-4, "beta_1": 0.75, "beta_2": 0.9375, "epsilon": 2.0**-13}
CASES = [
    Case("adam", "adam", ADAM, adam_points, ("Adam", ADAM), 2e-2),
    Case(
        "amsgrad",
        "adam",
        ADAM,
        lambda *arguments, **numbers: adam_points(*arguments, **numbers, amsgrad=True),
        ("Adam", {**ADAM, "amsgrad": True}),
        2e-2,
        {"amsgrad": True},
    ),
]
