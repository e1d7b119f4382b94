"""The classical optimizers, each with its oracle in NumPy."""

from functools import partial

import numpy as np

from tests.optimizers.cases.case import Array, Case, Gradient


def descent_points(w: Array, gradient: Gradient, steps: int, learning_rate: float) -> list[Array]:
    """Cauchy's method as it stands in every textbook."""
    points = []
    for t in range(steps):
        w = w - learning_rate * gradient(w, t)
        points.append(w)
    return points


def heavy_ball_points(
    w: Array, gradient: Gradient, steps: int, learning_rate: float, momentum: float
) -> list[Array]:
    """Polyak 1964 without any velocity: the last two points decide."""
    before, points = w, []
    for t in range(steps):
        w, before = w - learning_rate * gradient(w, t) + momentum * (w - before), w
        points.append(w)
    return points


def nesterov_points(
    w: Array, gradient: Gradient, steps: int, learning_rate: float, momentum: float
) -> list[Array]:
    """Nesterov 1983 in two sequences: a gradient step at y, then a look ahead along x."""
    x, y, points = w, w, []
    for t in range(steps):
        stepped = y - learning_rate * gradient(y, t)
        y, x = stepped + momentum * (stepped - x), stepped
        points.append(y)
    return points


def dampened_points(
    w: Array, gradient: Gradient, steps: int, learning_rate: float, momentum: float
) -> list[Array]:
    """The velocity written out: (1 − β) Σ β^(t − i) gᵢ."""
    gradients: list[Array] = []
    points = []
    for t in range(steps):
        gradients.append(gradient(w, t))
        weights = (1 - momentum) * momentum ** np.arange(t, -1, -1.0)
        w = w - learning_rate * sum(c * g for c, g in zip(weights, gradients, strict=True))
        points.append(w)
    return points


def averages(points: list[Array], power: float = 0.0) -> list[Array]:
    """Shamir & Zhang 2013, section 4: the average of the points so far, after each."""
    average, averaged = np.zeros_like(points[0]), []
    for t, point in enumerate(points, start=1):
        average = (1 - (power + 1) / (t + power)) * average + (power + 1) / (t + power) * point
        averaged.append(average)
    return averaged


def barzilai_borwein_points(
    w: Array, gradient: Gradient, steps: int, *, learning_rate: float, short_step: bool = False
) -> list[Array]:
    """Barzilai & Borwein 1988, equations 5 and 6; no step without positive curvature is new."""
    before, g_before, step, points = w, np.zeros_like(w), learning_rate, []
    for t in range(steps):
        g = gradient(w, t)
        s, y = (w - before).ravel(), (g - g_before).ravel()
        if t > 0 and s @ y > 0:
            step = (s @ y) / (y @ y) if short_step else (s @ s) / (s @ y)
        before, g_before = w, g
        w = w - step * g
        points.append(w)
    return points


# Numbers that float32 holds exactly: Keras on TensorFlow rounds its Python floats to
# float32 even where it computes in float64.
PLAIN = {"learning_rate": 2.0**-4}
BALL = {"learning_rate": 2.0**-4, "momentum": 0.75}
CASES = [
    Case(
        "gradient_descent",
        "gradient_descent",
        PLAIN,
        descent_points,
        ("SGD", PLAIN),
        {"tolerance": 0.0},
    ),
    Case(
        "sgd",
        "sgd",
        PLAIN,
        descent_points,
        ("SGD", PLAIN),
    ),
    Case("sgd_momentum", "sgd", BALL, heavy_ball_points, ("SGD", BALL)),
    Case(
        "sgd_nesterov",
        "sgd",
        BALL,
        nesterov_points,
        ("SGD", {**BALL, "nesterov": True}),
        {"nesterov": True},
    ),
    Case("momentum", "momentum", BALL, heavy_ball_points, ("SGD", BALL)),
    Case(
        "nesterov",
        "nesterov",
        BALL,
        nesterov_points,
        ("SGD", {**BALL, "nesterov": True}),
    ),
    Case("dampened_momentum", "dampened_momentum", BALL, dampened_points, None),
    Case(
        "averaged_sgd",
        "averaged_sgd",
        PLAIN,
        descent_points,
        ("SGD", PLAIN),
        {"averaging_power": 2.0},
        lambda start, gradient, steps: averages(
            descent_points(start, gradient, steps, **PLAIN), power=2.0
        ),
    ),
    # The long step may climb far out of Rosenbrock's valley: `test_barzilai_borwein`.
    Case(
        "barzilai_borwein",
        "barzilai_borwein",
        PLAIN,
        partial(barzilai_borwein_points, short_step=True),
        None,
        {"short_step": True},
    ),
]
