import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression

from benchmark.models import INITIALIZERS, MODELS, build_model, initial_weights
from benchmark.models.plain import plain_model

ACTIVATIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "relu": lambda z: np.maximum(z, 0),
    "tanh": np.tanh,
    "silu": lambda z: z / (1 + np.exp(-z)),
}


SHAPES: dict[str, tuple[int, ...]] = {"convolutional_network": (64,)}


def shape_of(name: str) -> tuple[int, ...]:
    return SHAPES.get(name, (6,))


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
    model = build_model(name, shape_of(name), units)
    assert model.output_shape == (None, units)
    assert model.name == name
    assert keras.activations.serialize(model.layers[-1].activation) == "linear"
    x = np.random.default_rng(3).normal(size=(5, *shape_of(name)))
    assert outputs(model, 100 * x).shape == (5, units)


@pytest.mark.parametrize("name", ["linear", "multilayer_perceptron"])
def test_images_are_flattened(name: str) -> None:
    generator = np.random.default_rng(4)
    images = generator.normal(size=(3, 4, 2, 2))
    plain, shaped = build_model(name, (16,), 2), build_model(name, (4, 2, 2), 2)
    np.testing.assert_array_equal(outputs(plain, images.reshape(3, 16)), outputs(shaped, images))


@pytest.mark.parametrize("initializer", INITIALIZERS)
@pytest.mark.parametrize("name", MODELS)
def test_built_model_carries_its_initial_weights(name: str, initializer: str) -> None:
    model = build_model(name, shape_of(name), 3, {"initializer": initializer})
    expected = initial_weights(model, initializer, None, seed=0)
    for variable, value in zip(model.trainable_variables, expected, strict=True):
        assert tuple(variable.shape) == value.shape
        np.testing.assert_array_equal(np.asarray(variable.value), value)
        role = variable.path.split("/")[-1]
        if role == "gamma":
            assert (value == 1).all()
        else:
            assert (not value.any()) == (role in ("bias", "beta") or initializer == "zeros")


def test_building_leaves_the_global_random_state_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise AssertionError("a number of Keras's global stream was drawn")

    monkeypatch.setattr(keras.random.SeedGenerator, "next", refuse)
    with pytest.raises(AssertionError):
        keras.random.normal((3,))
    # Keras takes the seeds of unseeded layers from Python's own generator.
    before = random.getstate()
    build_model("multilayer_perceptron", (6,), 3, {"dropout": 0.5, "batch_normalization": True})
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


def convolved(images: np.ndarray, kernel: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """A sum over shifts of the image, with zeros around it."""
    size, (_, height, width, _) = kernel.shape[0], images.shape
    before = (size - 1) // 2
    around = (before, size - 1 - before)
    padded = np.pad(images, ((0, 0), around, around, (0, 0)))
    shifts = [(i, j) for i in range(size) for j in range(size)]
    return bias + sum(padded[:, i : i + height, j : j + width] @ kernel[i, j] for i, j in shifts)


def pooled(images: np.ndarray, size: int) -> np.ndarray:
    count, height, width, channels = images.shape
    result = np.zeros((count, height // size, width // size, channels))
    for row in range(height // size):
        for column in range(width // size):
            square = images[:, row * size : (row + 1) * size, column * size : (column + 1) * size]
            result[:, row, column] = square.max(axis=(1, 2))
    return result


@pytest.mark.parametrize(("kernel_size", "pool_size"), [(3, 2), (2, 3), (1, 1)])
def test_convolutions_equal_a_numpy_loop(kernel_size: int, pool_size: int) -> None:
    options: dict[str, Any] = {"filters": [3, 4], "hidden": [5], "kernel_size": kernel_size}
    options |= {"pool_size": pool_size, "image": [7, 5, 2], "activation": "tanh"}
    model = build_model("convolutional_network", (70,), 3, options)
    generator = np.random.default_rng(0)
    weights = [0.5 * generator.normal(size=v.shape) for v in model.trainable_variables]
    assign(model, weights)
    x = generator.normal(size=(6, 70))
    expected = x.reshape(6, 7, 5, 2)
    for layer in (0, 2):
        expected = np.tanh(convolved(expected, weights[layer], weights[layer + 1]))
        if min(expected.shape[1:3]) >= pool_size:
            expected = pooled(expected, pool_size)
    hidden = np.tanh(expected.reshape(6, -1) @ weights[4] + weights[5])
    expected = hidden @ weights[6] + weights[7]
    # float32 against float64, with sums of up to eighteen terms.
    np.testing.assert_allclose(outputs(model, x), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 1)])
def test_an_image_keeps_its_shape(shape: tuple[int, ...]) -> None:
    images = np.random.default_rng(1).normal(size=(3, *shape))
    shaped = build_model("convolutional_network", shape, 4, {"image": [9, 9, 9]})
    plain = build_model("convolutional_network", (64,), 4)
    np.testing.assert_array_equal(outputs(plain, images.reshape(3, 64)), outputs(shaped, images))


@pytest.mark.parametrize("name", ["convolutional_network", "multilayer_perceptron"])
def test_normalisation_stands_before_the_activation_and_in_place_of_the_bias(name: str) -> None:
    model = build_model(name, (64,), 2, {"hidden": [5], "batch_normalization": True})
    names = [variable.path.split("/")[-1] for variable in model.trainable_variables]
    layers = 3 if name == "convolutional_network" else 1
    assert names == [*["kernel", "gamma", "beta"] * layers, "kernel", "bias"]
    values = dict(zip(names[-5:], numpy_weights(model)[-5:], strict=True))
    assert (values["gamma"] == 1).all()
    assert (values["beta"] == 0).all()


def test_dropout_drops_and_scales_hidden_units_in_training_only() -> None:
    options = {"hidden": [400], "dropout": 0.25, "activation": "linear"}
    model = build_model("multilayer_perceptron", (1,), 400, options)
    weights = numpy_weights(model)
    assign(model, [np.ones((1, 400)), weights[1], np.eye(400), weights[3]])
    x = np.ones((1, 1), np.float32)
    np.testing.assert_array_equal(np.asarray(model(x, training=False)), np.ones((1, 400)))
    trained = np.asarray(model(x, training=True))
    np.testing.assert_allclose(trained[trained != 0], 1 / 0.75, rtol=1e-6)  # of float32
    # Five deviations of a mean of 400 draws.
    assert abs((trained == 0).mean() - 0.25) < 5 * np.sqrt(0.25 * 0.75 / 400)


def test_vectors_that_hold_no_such_image_are_refused() -> None:
    with pytest.raises(ValueError, match=r"image must multiply to 6.* Received \[8, 8, 1\]"):
        build_model("convolutional_network", (6,), 3)


def test_models_are_kept_and_read_by_keras_alone(tmp_path: Path) -> None:
    options = {"batch_normalization": True, "dropout": 0.5}
    model = plain_model(build_model("convolutional_network", (64,), 3, options))
    model.save(tmp_path / "model.keras")
    code = (
        "import sys, keras, numpy; model = keras.saving.load_model(sys.argv[1]);"
        "numpy.save(sys.argv[2], model(numpy.ones((2, 64), 'float32')));"
        "assert 'benchmark' not in sys.modules"
    )
    files = [str(tmp_path / "model.keras"), str(tmp_path / "outputs.npy")]
    subprocess.run([sys.executable, "-c", code, *files], check=True, cwd=tmp_path)
    np.testing.assert_array_equal(np.load(files[1]), outputs(model, np.ones((2, 64))))


def test_the_plain_copy_has_the_same_outputs_and_layers_of_keras() -> None:
    model = build_model("convolutional_network", (64,), 3, {"batch_normalization": True})
    generator = np.random.default_rng(5)
    for variable in model.variables:
        variable.assign(generator.uniform(0.1, 0.5, size=variable.shape))
    copy = plain_model(model)
    assert "Conv2D" in {type(layer).__name__ for layer in copy.layers}
    assert all(type(layer).__module__.startswith("keras.") for layer in copy.layers)
    x = generator.normal(size=(5, 64))
    # float32 sums in another order.
    np.testing.assert_allclose(outputs(copy, x), outputs(model, x), rtol=1e-5)
