"""Fixtures of the optimizers' tests.

A test with the argument ``case`` runs once for every row of ``cases.CASES``.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from tests.optimizers.cases import CASES
from tests.optimizers.cases.case import Array, Gradient

HERE = Path(__file__).parent
REPRESENTATIVES = {"sgd_momentum", "adam", "schedule_free_sgd", "dog", "adafactor"}
"""One row for each kind of state: like the weights, evaluated elsewhere, shared, other shapes."""
OF_THE_RULE = {
    "test_follows_the_numpy_loop_in_float64",
    "test_takes_the_steps_of_keras_in_float64",
    "test_an_elementwise_rule_serves_trials_side_by_side",
    "test_takes_scalar_variables",
    "test_config_round_trip",
    "test_every_number_out_of_range_is_refused",
}
"""Tests that every row takes by default; what all inherit is slow but for the representatives."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run every test that asks for a ``case`` once for each row."""
    if "case" not in metafunc.fixturenames:
        return
    is_of_the_rule = metafunc.function.__name__ in OF_THE_RULE
    rows = [
        pytest.param(
            case,
            id=case.name,
            marks=[pytest.mark.slow] * (not is_of_the_rule and case.name not in REPRESENTATIVES),
        )
        for case in CASES
    ]
    metafunc.parametrize("case", rows, scope="module")


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
