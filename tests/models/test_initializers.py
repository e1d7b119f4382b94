import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from benchmark.models import DEFAULT_SCALE, INITIALIZERS, initial_weights
from benchmark.models.initializers import TRUNCATED_DEVIATION

SHAPE = (80, 125)  # 10,000 draws
KERAS = {
    "truncated_normal": "TruncatedNormal",
    "normal": "RandomNormal",
    "uniform": "RandomUniform",
    "glorot_uniform": "GlorotUniform",
    "glorot_normal": "GlorotNormal",
    "he_uniform": "HeUniform",
    "he_normal": "HeNormal",
    "lecun_uniform": "LecunUniform",
    "lecun_normal": "LecunNormal",
}
OF_A_LAW = list(KERAS)


def model_of(*shapes: tuple[int, ...], role: str = "kernel") -> Any:
    variables = [SimpleNamespace(shape=s, path=f"layer_{i}/{role}") for i, s in enumerate(shapes)]
    return SimpleNamespace(trainable_variables=variables)


def drawn(
    initializer: str, scale: float | None = None, shape: tuple[int, ...] = SHAPE, seed: int = 0
) -> np.ndarray:
    return initial_weights(model_of(shape), initializer, scale, seed)[0]


def deviation(initializer: str, scale: float, shape: tuple[int, int]) -> float:
    """The closed form."""
    fan_in, fan_out = shape
    family = initializer.removesuffix("_uniform").removesuffix("_normal")
    return {
        "truncated": scale * math.sqrt(stats.truncnorm(-2, 2).var()),
        "uniform": scale / math.sqrt(3),
        "glorot": scale * math.sqrt(2 / (fan_in + fan_out)),
        "he": scale * math.sqrt(2 / fan_in),
        "lecun": scale * math.sqrt(1 / fan_in),
        "normal": scale,
    }[family]


def distribution(initializer: str, scale: float, shape: tuple[int, int]) -> Any:
    """The law in SciPy, from its deviation."""
    sigma = deviation(initializer, scale, shape)
    if "uniform" in initializer:
        return stats.uniform(-math.sqrt(3) * sigma, 2 * math.sqrt(3) * sigma)
    if initializer == "normal":
        return stats.norm(scale=sigma)
    return stats.truncnorm(-2, 2, scale=sigma / stats.truncnorm(-2, 2).std())


def test_deviation_of_the_truncated_gaussian() -> None:
    # Agrees with the number in keras/src/initializers/random_initializers.py too.
    assert pytest.approx(stats.truncnorm(-2, 2).std(), rel=1e-12) == TRUNCATED_DEVIATION
    assert pytest.approx(0.87962566103423978, rel=1e-12) == TRUNCATED_DEVIATION


@pytest.mark.parametrize("scale", [0.01, 0.7, 3.0])
@pytest.mark.parametrize("initializer", OF_A_LAW)
def test_draws_follow_the_law(initializer: str, scale: float) -> None:
    values = drawn(initializer, scale).ravel()
    # One of 27 fixed draws falls below 0.002 by chance once in 19 suites of other seeds.
    assert stats.kstest(values, distribution(initializer, scale, SHAPE).cdf).pvalue > 0.002
    # The deviation of 10,000 draws has a relative error below 1/√(2·10⁴) = 0.7 %; four of them.
    assert values.std() == pytest.approx(deviation(initializer, scale, SHAPE), rel=0.03)
    assert abs(values.mean()) < 4 * values.std() / 100
    low, high = distribution(initializer, scale, SHAPE).support()
    if initializer == "normal":
        assert 3 < np.abs(values).max() / scale < 5  # of 10,000: beyond 5 once in 170 such draws
        return
    # The bound itself, rounded to float32.
    assert low * (1 + 1e-6) <= values.min() < 0.99 * low
    assert 0.99 * high < values.max() <= high * (1 + 1e-6)


@pytest.mark.parametrize("initializer", OF_A_LAW)
def test_same_distribution_as_keras_at_the_default_scale(initializer: str) -> None:
    import keras

    # 200,000 draws on either side: one seed of Keras alone can be an outlier of its own law.
    reference = getattr(keras.initializers, KERAS[initializer])
    expected = np.stack([np.asarray(reference(seed=seed)(SHAPE)) for seed in range(20)])
    values = np.stack([drawn(initializer, seed=seed) for seed in range(20)])
    assert stats.ks_2samp(values.ravel(), expected.ravel()).pvalue > 0.002
    # Relative errors below 0.16 % each; four and a half of both.
    assert values.std() == pytest.approx(expected.std(), rel=0.01)


@pytest.mark.parametrize("initializer", ["glorot_uniform", "he_normal"])
def test_fans_of_a_convolution_are_those_of_keras(initializer: str) -> None:
    import keras

    shape = (3, 3, 8, 40)
    scale = getattr(keras.initializers, KERAS[initializer])(seed=1)
    expected = np.asarray(keras.ops.convert_to_numpy(scale(shape)))
    # 2,880 draws on either side: relative errors below 1.4 % each; three and a half of both.
    assert drawn(initializer, shape=shape).std() == pytest.approx(expected.std(), rel=0.07)


def test_every_initializer_has_its_law_or_its_own_test() -> None:
    assert set(INITIALIZERS) == {*OF_A_LAW, "orthogonal", "zeros"}


@pytest.mark.parametrize("shape", [(12, 5), (5, 12), (7, 7), (3, 3, 2, 10), (3, 3, 2, 30)])
def test_orthogonal_weights_are_so_and_have_the_law_of_keras(shape: tuple[int, ...]) -> None:
    import keras

    weights = drawn("orthogonal", 0.5, shape, seed=4).astype("float64").reshape(-1, shape[-1])
    smaller = weights.T @ weights if len(weights) >= shape[-1] else weights @ weights.T
    np.testing.assert_allclose(smaller, 0.25 * np.eye(len(smaller)), atol=1e-7)  # float32
    # A column of Q is uniform on the sphere: its elements have the law of Keras's.
    many = [drawn("orthogonal", 1.0, shape, seed).ravel()[:4] for seed in range(400)]
    reference = keras.initializers.Orthogonal
    theirs = [np.asarray(reference(seed=seed)(shape)).ravel()[:4] for seed in range(400)]
    assert stats.ks_2samp(np.ravel(many), np.ravel(theirs)).pvalue > 0.002


def test_zeros_are_zero_at_every_scale() -> None:
    np.testing.assert_array_equal(drawn("zeros", 3.0, (4, 5)), np.zeros((4, 5), np.float32))


@given(st.sampled_from(list(INITIALIZERS)), st.floats(1e-6, 1e3), st.integers(0, 2**63))
def test_scale_is_a_factor(initializer: str, scale: float, seed: int) -> None:
    unit = drawn(initializer, 1.0, (6, 4), seed)
    np.testing.assert_allclose(drawn(initializer, scale, (6, 4), seed), scale * unit, rtol=1e-6)


@pytest.mark.parametrize("initializer", INITIALIZERS)
def test_default_scale_and_type(initializer: str) -> None:
    usual = drawn(initializer)
    assert usual.dtype == np.float32
    np.testing.assert_array_equal(usual, drawn(initializer, DEFAULT_SCALE[initializer]))


def test_seed_and_position_decide_each_weight() -> None:
    def weights(seed: int) -> list[np.ndarray]:
        return initial_weights(model_of((5, 4), (5, 4)), "uniform", 0.1, seed)

    first, again, reseeded = weights(1), weights(1), weights(2)
    for a, b, c in zip(first, again, reseeded, strict=True):
        np.testing.assert_array_equal(a, b)
        assert not np.isin(a, c).any()
    assert not np.isin(first[0], first[1]).any()
    # The second weight does not depend on the size of the first.
    alone = initial_weights(model_of((50, 7), (5, 4)), "uniform", 0.1, 1)[1]
    np.testing.assert_array_equal(alone, first[1])


def test_draw_is_the_documented_numpy_stream() -> None:
    generator = np.random.default_rng(np.random.SeedSequence(9, spawn_key=(1,)))
    expected = (0.2 * generator.uniform(-1, 1, (3, 2))).astype(np.float32)
    weights = initial_weights(model_of((4, 3), (3, 2)), "uniform", 0.2, 9)
    np.testing.assert_array_equal(weights[1], expected)


@pytest.mark.parametrize(("role", "value"), [("bias", 0), ("beta", 0), ("gamma", 1), ("scale", 1)])
def test_biases_are_zero_and_factors_one(role: str, value: float) -> None:
    weights = initial_weights(model_of((7,), role=role), "he_normal", 5.0, 0)
    np.testing.assert_array_equal(weights[0], np.full(7, value, np.float32))


def test_unknown_kind_of_variable_is_refused() -> None:
    with pytest.raises(ValueError, match="Received 'layer_0/kernel' of shape"):
        initial_weights(model_of((7,)), "uniform", 0.1, 0)


@pytest.mark.parametrize("scale", [0.0, -0.1, math.nan, math.inf])
def test_wrong_scale_is_refused(scale: float) -> None:
    with pytest.raises(ValueError, match=r"fuzz must be > 0 and finite. Received"):
        drawn("uniform", scale)


def test_unknown_initializer_is_refused() -> None:
    with pytest.raises(ValueError, match=r"initializer must be one of .* Received 'unifrm'"):
        drawn("unifrm", 0.1)
