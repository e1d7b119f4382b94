"""The one table of optimizers that drives the property tests, each with its oracle in NumPy.

A test with the argument ``case`` runs once for every row of ``CASES``.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from benchmark.optimizers import load_optimizer

HERE = Path(__file__).parent
Array = np.ndarray[Any, Any]
Gradient = Callable[[Array, int], Array]


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


@dataclass(frozen=True)
class Case:
    """An optimizer with settings that are not its defaults, its oracle and its Keras twin.

    Args:
        name: of the row.
        optimizer: its name in ``OPTIMIZERS``.
        numbers: numeric hyperparameters; also the arguments of ``points``.
        options: structural arguments.
        points: the oracle: weights after each step.
        twin: Keras's own class with its arguments.
        rate: a learning rate that suits the closed-form problems.
    """

    name: str
    optimizer: str
    numbers: dict[str, float]
    points: Callable[..., list[Array]]
    twin: tuple[str, dict[str, Any]]
    rate: float
    options: dict[str, Any] = field(default_factory=dict)

    def build(self, **changes: Any) -> Any:
        """Ours, with changed or further arguments."""
        return load_optimizer(self.optimizer)(**{**self.numbers, **self.options, **changes})

    def build_twin(self, **further: Any) -> Any:
        """Keras's, with further arguments."""
        name, arguments = self.twin
        return getattr(keras.optimizers, name)(**arguments, **further)


# Numbers that float32 holds exactly: Keras on TensorFlow rounds its Python floats to
# float32 even where it computes in float64.
PLAIN = {"learning_rate": 2.0**-4}
BALL = {"learning_rate": 2.0**-4, "momentum": 0.75}
ADAM = {"learning_rate": 2.0**-4, "beta_1": 0.75, "beta_2": 0.9375, "epsilon": 2.0**-13}
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


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run every test that asks for a ``case`` once for each row."""
    if "case" in metafunc.fixturenames:
        metafunc.parametrize("case", CASES, ids=[case.name for case in CASES], scope="module")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let pass what Keras 3.15 itself does: its variables' ``__array__`` lacks ``copy``."""
    known = pytest.mark.filterwarnings(
        "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
    )
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(known)


@pytest.fixture
def float64() -> Iterator[None]:
    """Let Keras compute in float64, JAX included."""
    usual, policy = keras.config.floatx(), keras.config.dtype_policy()
    is_jax = keras.backend.backend() == "jax"
    wide = False
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    if is_jax:
        import jax

        wide = bool(jax.config.jax_enable_x64)
        jax.config.update("jax_enable_x64", True)
    yield
    keras.config.set_floatx(usual)
    keras.config.set_dtype_policy(policy)
    if is_jax:
        jax.config.update("jax_enable_x64", wide)


@pytest.fixture(scope="session")
def noise() -> Array:
    """One vector a step that makes gradients look like those of mini-batches."""
    return np.random.default_rng(7).normal(size=(60, 6))


@pytest.fixture(scope="session")
def bumpy(noise: Array) -> Gradient:
    """The gradient of Σ (w²/2 − cos(3w)/3), with noise."""
    return lambda w, t: w + np.sin(3 * w) + 0.3 * noise[t][: w.size].reshape(w.shape)


@pytest.fixture(scope="session")
def follow() -> Callable[..., list[Array]]:
    """Apply a Keras optimizer to one variable and return its values after each step."""

    def follow(
        optimizer: Any, start: Array, gradient: Gradient, steps: int, dtype: str | None = None
    ) -> list[Array]:
        weights = keras.Variable(start, dtype=dtype or keras.config.floatx())
        points = []
        for t in range(steps):
            g = gradient(keras.ops.convert_to_numpy(weights), t)
            optimizer.apply([keras.ops.convert_to_tensor(g, dtype=weights.dtype)], [weights])
            points.append(np.array(keras.ops.convert_to_numpy(weights)))
        return points

    return follow
