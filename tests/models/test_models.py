import random
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression

from benchmark.models import INITIALIZERS, MODELS, build_model, initial_weights

ACTIVATIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "relu": lambda z: np.maximum(z, 0),
    "tanh": np.tanh,
    "silu": lambda z: z / (1 + np.exp(-z)),
}


def numpy_weights(model: Any) -> list[np.ndarray]:
    return [np.asarray(v.value, np.float64) for v in model.trainable_variables]


def assign(model: Any, values: list[np.ndarray]) -> None:
    for variable, value in zip(model.trainable_variables, values, strict=True):
        variable.assign(value)


def outputs(model: Any, x: np.ndarray) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(model(x.astype(np.float32))))


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("hidden", [[5], [6, 3, 4]])
def test_perceptron_equals_a_numpy_loop(hidden: list[int], activation: str) -> None:
    options = {"hidden": hidden, "activation": activation}
    model = build_model("multilayer_perceptron", (4,), 3, options)
    generator = np.random.default_rng(0)
    weights = [generator.normal(size=v.shape) for v in model.trainable_variables]
    assign(model, weights)
    x = generator.normal(size=(10, 4))
    expected = x
    for layer in range(len(hidden)):
        z = expected @ weights[2 * layer] + weights[2 * layer + 1]
        expected = ACTIVATIONS[activation](z)
    expected = expected @ weights[-2] + weights[-1]
    # float32 against float64, with up to four layers of sums of six terms of order ten.
    np.testing.assert_allclose(outputs(model, x), expected, rtol=1e-4, atol=1e-5)


def test_linear_with_softmax_equals_scikit_learns_probabilities() -> None:
    generator = np.random.default_rng(1)
    x, y = generator.normal(size=(60, 5)), generator.integers(3, size=60)
    reference = LogisticRegression().fit(x, y)
    model = build_model("linear", (5,), 3)
    assign(model, [reference.coef_.T, reference.intercept_])
    probabilities = softmax(outputs(model, x).astype(np.float64), axis=1)
    # Logits of order one in float32.
    np.testing.assert_allclose(probabilities, reference.predict_proba(x), atol=1e-6)


def test_cross_entropy_from_logits_is_the_formula() -> None:
    generator = np.random.default_rng(2)
    x, y = generator.normal(size=(20, 4)), generator.integers(3, size=20)
    model = build_model("linear", (4,), 3, {"initializer": "he_normal"})
    w, b = numpy_weights(model)
    probabilities = softmax(x @ w + b, axis=1)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    value = float(loss(y, model(x.astype(np.float32))))
    # A mean of 20 float32 terms.
    assert value == pytest.approx(-np.log(probabilities[np.arange(20), y]).mean(), rel=1e-5)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("units", [1, 7])
def test_shapes_and_logits(name: str, units: int) -> None:
    model = build_model(name, (6,), units)
    assert model.output_shape == (None, units)
    assert model.name == name
    assert keras.activations.serialize(model.layers[-1].activation) == "linear"
    x = np.random.default_rng(3).normal(size=(5, 6))
    assert outputs(model, 100 * x).shape == (5, units)


@pytest.mark.parametrize("name", MODELS)
def test_images_are_flattened(name: str) -> None:
    generator = np.random.default_rng(4)
    images = generator.normal(size=(3, 4, 2, 2))
    plain, shaped = build_model(name, (16,), 2), build_model(name, (4, 2, 2), 2)
    np.testing.assert_array_equal(outputs(plain, images.reshape(3, 16)), outputs(shaped, images))


@pytest.mark.parametrize("initializer", INITIALIZERS)
@pytest.mark.parametrize("name", MODELS)
def test_built_model_carries_its_initial_weights(name: str, initializer: str) -> None:
    model = build_model(name, (6,), 3, {"initializer": initializer})
    expected = initial_weights(model, initializer, None, seed=0)
    for variable, value in zip(model.trainable_variables, expected, strict=True):
        assert tuple(variable.shape) == value.shape
        np.testing.assert_array_equal(np.asarray(variable.value), value)
        is_bias = variable.path.endswith("bias")
        assert (not value.any()) == is_bias


def test_building_leaves_the_global_random_state_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise AssertionError("a number of Keras's global stream was drawn")

    monkeypatch.setattr(keras.random.SeedGenerator, "next", refuse)
    with pytest.raises(AssertionError):
        keras.random.normal((3,))
    # Keras takes the seeds of unseeded layers from Python's own generator.
    before = random.getstate()
    build_model("multilayer_perceptron", (6,), 3)
    assert random.getstate() == before


@pytest.mark.parametrize(("shape", "units"), [((4,), 0), ((0,), 3), ((), 3)])
def test_impossible_shapes_are_refused(shape: tuple[int, ...], units: int) -> None:
    with pytest.raises(ValueError, match="units and every axis of input_shape must be >= 1"):
        build_model("linear", shape, units)


def test_wrong_options_are_refused() -> None:
    with pytest.raises(ValueError, match="Did you mean `hidden`"):
        build_model("multilayer_perceptron", (4,), 3, {"hiden": [4]})


def test_models_train_with_the_public_api() -> None:
    generator = np.random.default_rng(6)
    x = generator.normal(size=(200, 4)).astype(np.float32)
    y = (x[:, 0] * x[:, 1] > 0).astype(np.int32)
    model = build_model("multilayer_perceptron", (4,), 2, {"hidden": [16]})
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.02), loss, metrics=["accuracy"])
    history = model.fit(x, y, batch_size=20, epochs=30, shuffle=False, verbose=0).history
    assert history["loss"][-1] < 0.5 * history["loss"][0]
    assert history["accuracy"][-1] > 0.9
