"""What is dropped, against the published hash in Python's integers."""

import keras
import numpy as np
import pytest

from benchmark import backend
from benchmark.models.dropout import HashedDropout

MASK = 2**32 - 1


def pcg3d(x: int, y: int, z: int) -> int:
    x, y, z = ((value * 1664525 + 1013904223) & MASK for value in (x, y, z))
    for last in (False, True):
        x = (x + y * z) & MASK
        y = (y + z * x) & MASK
        z = (z + x * y) & MASK
        if not last:
            x, y, z = (value ^ (value >> 16) for value in (x, y, z))
    return x


def draws(rows: int, width: int, rate: float, seed: int, count: int = 1) -> list[np.ndarray]:
    """What is kept in some draws in a row."""
    layer = HashedDropout(rate, seed=seed)
    ones = np.ones((rows, width), np.float32)
    return [np.asarray(layer(ones, training=True)) > 0 for _ in range(count)]


def test_units_are_kept_as_the_hash_says() -> None:
    for count, mask in enumerate(draws(5, 7, 0.3, seed=2**31 - 1, count=3)):
        positions = np.arange(35).reshape(5, 7)
        expected = np.vectorize(lambda position: pcg3d(2**31 - 1, count, int(position)))(positions)  # noqa: B023
        np.testing.assert_array_equal(mask, expected >= round(0.3 * 2**32))


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_draws_rows_and_units_are_independent(rate: float) -> None:
    first, second = (mask.astype("float64") for mask in draws(500, 64, rate, 3, count=2))
    reseeded = draws(500, 64, rate, 4)[0].astype("float64")
    bound = 5 * np.sqrt(1 / first.size)  # five deviations of a mean of that many
    deviation = np.sqrt(rate * (1 - rate))
    assert abs(first.mean() - (1 - rate)) < bound * deviation
    for left, right in (
        (first, second), (first, reseeded), (first[1:], first[:-1]), (first[:, 1:], first[:, :-1]),
    ):  # fmt: skip
        correlation = ((left - 1 + rate) * (right - 1 + rate)).mean() / deviation**2
        assert abs(correlation) < bound


def test_compiled_and_smaller_batches_drop_the_same() -> None:
    layer = HashedDropout(0.4, seed=5)
    layer.build((None, 6))
    state = np.asarray(layer.seed_generator.state.value)
    x = np.random.default_rng(0).normal(size=(9, 6)).astype(np.float32)

    def drop(state, x):
        return layer.stateless_call([], [state], x, training=True)[0]

    compiled = np.asarray(backend.compile(drop)(state, x))
    np.testing.assert_array_equal(compiled, np.asarray(layer(x, training=True)))
    np.testing.assert_array_equal(np.asarray(backend.compile(drop)(state, x[:4])), compiled[:4])
    mapped = backend.compile(backend.vectorize(drop, (0, None)))
    np.testing.assert_array_equal(np.asarray(mapped(np.stack([state + 1, state]), x))[1], compiled)


def test_nothing_is_dropped_outside_training() -> None:
    x = np.ones((3, 2, 2), np.float32)
    layer = HashedDropout(0.5, seed=1)
    np.testing.assert_array_equal(np.asarray(layer(x)), x)
    assert np.asarray(layer(x, training=True)).shape == x.shape
    assert isinstance(layer, keras.layers.Dropout)
