"""The classical optimizers, each with its oracle in NumPy."""

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
        1e-3,
        {"tolerance": 0.0},
    ),
    Case(
        "sgd",
        "sgd",
        PLAIN,
        descent_points,
        ("SGD", PLAIN),
        1e-3,
    ),
    Case("sgd_momentum", "sgd", BALL, heavy_ball_points, ("SGD", BALL), 5e-4),
    Case(
        "sgd_nesterov",
        "sgd",
        BALL,
        nesterov_points,
        ("SGD", {**BALL, "nesterov": True}),
        5e-4,
        {"nesterov": True},
    ),
    Case("momentum", "momentum", BALL, heavy_ball_points, ("SGD", BALL), 5e-4),
    Case(
        "nesterov",
        "nesterov",
        BALL,
        nesterov_points,
        ("SGD", {**BALL, "nesterov": True}),
        5e-4,
    ),
]
