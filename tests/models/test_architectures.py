"""Residual, deep linear, attention and recurrent models, against NumPy loops in float64."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from scipy.special import expit, softmax

from benchmark.models import build_model, check_input
from benchmark.models.plain import plain_model

NAMES = ("residual_perceptron", "deep_linear_network", "transformer", "lstm")
# float32 against float64, with up to ten layers of sums of eight terms of order one.
RELATIVE, ABSOLUTE = 1e-4, 2e-5
Array = np.ndarray
EPSILON = 1e-3
"""Keras's own, of a layer normalisation."""


def with_weights(name: str, features: int, options: dict[str, Any]) -> tuple[Any, Iterator[Array]]:
    """A model with drawn weights, biases and factors among them; and these in their order."""
    model = build_model(name, (features,), 3, options)
    generator = np.random.default_rng(0)
    weights = [0.6 * generator.normal(size=v.shape) for v in model.trainable_variables]
    for variable, value in zip(model.trainable_variables, weights, strict=True):
        variable.assign(value)
    return model, iter(weights)


def outputs(model: Any, x: Array) -> Array:
    return np.asarray(keras.ops.convert_to_numpy(model(x.astype(np.float32))))


def inputs(features: int) -> Array:
    return np.random.default_rng(1).normal(size=(7, features))


def normalized(x: Array, weights: Iterator[Array]) -> Array:
    gamma, beta = next(weights), next(weights)
    variance = x.var(axis=-1, keepdims=True)
    return (x - x.mean(axis=-1, keepdims=True)) / np.sqrt(variance + EPSILON) * gamma + beta


def dense(x: Array, weights: Iterator[Array]) -> Array:
    kernel = next(weights)
    return x @ kernel + next(weights)


@pytest.mark.parametrize("is_normalized", [True, False])
def test_residual_perceptron(is_normalized: bool) -> None:
    options = {"width": 5, "depth": 2, "activation": "tanh", "layer_normalization": is_normalized}
    model, weights = with_weights("residual_perceptron", 4, options)
    x = inputs(4)
    h = dense(x, weights)
    for _ in range(2):
        branch = normalized(h, weights) if is_normalized else h
        h = h + dense(np.tanh(dense(branch, weights)), weights)
    expected = dense(normalized(h, weights) if is_normalized else h, weights)
    np.testing.assert_allclose(outputs(model, x), expected, rtol=RELATIVE, atol=ABSOLUTE)


def test_deep_linear_network() -> None:
    model, weights = with_weights("deep_linear_network", 4, {"width": 5, "depth": 3})
    x = inputs(4)
    product = np.linalg.multi_dot(list(weights))
    np.testing.assert_allclose(outputs(model, x), x @ product, rtol=RELATIVE, atol=ABSOLUTE)


def test_a_perceptron_normalised_in_each_example() -> None:
    options = {"hidden": [5], "layer_normalization": True, "activation": "tanh"}
    model, weights = with_weights("multilayer_perceptron", 4, options)
    x = inputs(4)
    expected = dense(np.tanh(normalized(x @ next(weights), weights)), weights)
    np.testing.assert_allclose(outputs(model, x), expected, rtol=RELATIVE, atol=ABSOLUTE)


@pytest.mark.parametrize("steps", [3, 0])
def test_transformer(steps: int) -> None:
    options = {"steps": steps, "width": 6, "heads": 2, "depth": 2, "activation": "tanh"}
    model, weights = with_weights("transformer", 6, options)
    x = inputs(6)
    count = steps or 6
    tokens, positions = next(weights), next(weights)
    h = np.stack(
        [x.reshape(7, count, -1)[:, s] @ tokens[s] + positions[s] for s in range(count)], axis=1
    )
    for _ in range(2):
        n = normalized(h, weights)
        # Keras orders layers by their distance to the output, and keys are transposed once more.
        key, query, value = (dense(n, weights) for _ in range(3))
        heads = []
        for head in (slice(0, 3), slice(3, 6)):
            scores = query[..., head] @ np.swapaxes(key[..., head], 1, 2) / np.sqrt(3)
            heads.append(softmax(scores, axis=-1) @ value[..., head])
        h = h + dense(np.concatenate(heads, axis=-1), weights)
        h = h + dense(np.tanh(dense(normalized(h, weights), weights)), weights)
    expected = dense(normalized(h, weights).mean(axis=1), weights)
    np.testing.assert_allclose(outputs(model, x), expected, rtol=RELATIVE, atol=ABSOLUTE)


@pytest.mark.parametrize("depth", [1, 2])
def test_lstm(depth: int) -> None:
    model, weights = with_weights("lstm", 6, {"steps": 3, "width": 4, "depth": depth})
    x = inputs(6)
    sequence = [x.reshape(7, 3, 2)[:, step] for step in range(3)]
    for _ in range(depth):
        kernel, recurrent, bias = (next(weights) for _ in range(3))
        h = c = np.zeros((7, 4))
        states = []
        for signal in sequence:
            i, f, g, o = np.split(signal @ kernel + h @ recurrent + bias, 4, axis=-1)
            c = expit(f) * c + expit(i) * np.tanh(g)
            h = expit(o) * np.tanh(c)
            states.append(h)
        sequence = states
    expected = dense(sequence[-1], weights)
    np.testing.assert_allclose(outputs(model, x), expected, rtol=RELATIVE, atol=ABSOLUTE)


@pytest.mark.parametrize("name", ["transformer", "lstm"])
def test_steps_must_divide_the_features(name: str) -> None:
    with pytest.raises(ValueError, match=r"steps must divide 6, .* Received 4. Write one of 1, 2"):
        check_input(name, {"steps": 4}, (6,))
    check_input(name, {"steps": 0}, (7,))


@pytest.mark.parametrize("name", NAMES)
def test_the_model_that_is_saved_is_of_keras_alone(name: str, tmp_path: Path) -> None:
    options = {"dropout": 0.5} if name != "deep_linear_network" else {}
    model = build_model(name, (6,), 3, options)
    copy = plain_model(model)
    assert all(type(layer).__module__.startswith("keras.") for layer in copy.layers)
    copy.save(tmp_path / "model.keras")
    x = inputs(6)
    read = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(outputs(read, x), outputs(model, x), rtol=1e-6, atol=1e-6)
