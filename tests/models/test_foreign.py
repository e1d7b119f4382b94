"""Models that are not shipped: how they are named, checked and given their weights."""

import random
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from benchmark.errors import UserError
from benchmark.models import build_model, check_options, initial_weights
from benchmark.models.foreign_building import (
    check_foreign_model,
    own_training,
    own_weights,
    scaled_kernels,
)
from benchmark.models.plain import plain_model, with_mapped_layers
from tests.models import own_models

OWN = "tests.models.own_models"
BUILD = f"{OWN}:build"


def outputs(model: Any, x: np.ndarray) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(model(x.astype(np.float32))))


def test_options_are_the_arguments_of_the_function() -> None:
    assert check_options(BUILD, {"width": 3}) == {
        "width": 3, "activation": "tanh", "initializer": "model",
    }  # fmt: skip
    model = build_model(BUILD, (5,), 2, {"width": 3, "activation": "relu"})
    assert [tuple(v.shape) for v in model.trainable_variables] == [(5, 3), (3,), (3, 2), (2,)]
    # In every process alike, whatever was built before.
    assert [layer.name for layer in model.layers] == ["input_layer", "dense", "dense_1"]


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        (BUILD, {"widht": 3}, "an option of .*:build must be one of width, activation, init.*"
         "Received 'widht'. Did you mean `width`"),
        (BUILD, {"initializer": "glorot"}, "initializer must be one of model, truncated_normal"),
        (f"{OWN}:failing", {}, "must be given. Received no width .*Write width = … in"),
        (f"{OWN}:nowhere", {}, "must be a function of .*which is nothing of that name"),
        (f"{OWN}:OWN", {}, "which is nothing of that name"),
        (f"{OWN}:no_outputs", {}, r"the number of outputs. .*no_outputs' with the arguments"),
        (f"{OWN}:reserved", {}, "must not be called name or initializer.*Rename the argument"),
        ("no_such_module:build", {}, "the module of a model must be there.*no_such_module"),
        (":build", {}, "must be written as package.module:function"),
        ("nowhere.keras", {}, "must be a file that model.save wrote.*beside the study file"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_refused(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_options(name, options)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("failing", {"width": 2}, r"RuntimeError: no model of width 2 .*own_models.py:\d+\) for "),
        ("nothing", {}, "must return a keras.Model. .* which returns a NoneType"),
        ("softmax", {}, "must return logits: .* whose last layer 'last' applies one already"),
        ("too_few", {}, r"shape \(examples, 3\).*returns \(None, 2\). Let its last layer have 3"),
        ("other_inputs", {}, r"must take examples of the shape \(4,\)"),
        ("untrained", {}, "must have trainable weights"),
        ("uncopied", {}, "must be able to copy a model.*Unregistered.*register_keras_serializ"),
        ("drawing", {}, "must depend on its seed alone.*initializer = "),
    ],
)
def test_what_cannot_be_trained_is_refused(
    name: str, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        check_foreign_model(f"{OWN}:{name}", (4,), 3, options)


def test_what_draws_its_weights_elsewhere_is_taken_with_an_initializer() -> None:
    check_foreign_model(f"{OWN}:drawing", (4,), 3, {"initializer": "he_normal"})


def test_own_weights_depend_on_the_seed_alone() -> None:
    model = build_model(BUILD, (50,), 3, {"width": 200})
    draw = own_weights(BUILD, (50,), 3, {"width": 200})
    before = random.getstate()
    first, second = draw(1), draw(2)
    assert random.getstate() == before
    for value, variable in zip(first, model.trainable_variables, strict=True):
        assert value.shape == tuple(variable.shape)
    again = own_weights(BUILD, (50,), 3, {"width": 200})(1)
    np.testing.assert_array_equal(first[0], again[0])
    assert not np.array_equal(first[0], second[0])
    # He: variance 2 / fan_in, over 10,000 weights, whose deviation is then known to 0.7 %.
    assert np.std(first[0]) == pytest.approx(np.sqrt(2 / 50), rel=0.03)
    scaled = scaled_kernels(model, [*first[:1], *(value + 1 for value in first[1:])], 0.5)
    np.testing.assert_array_equal(scaled[0], np.float32(0.5) * first[0])
    np.testing.assert_array_equal(scaled[1], first[1] + 1)


def test_an_initializer_keeps_what_it_does_not_know() -> None:
    inputs = keras.Input((3,))
    model = keras.Model(inputs, keras.layers.PReLU()(keras.layers.Dense(2)(inputs)))
    given = [np.full(v.shape, 0.25, "float32") for v in model.trainable_variables]
    with pytest.raises(ValueError, match="must be a weight of two axes"):
        initial_weights(model, "he_normal", None, 0)
    kernel, bias, slope = initial_weights(model, "he_normal", None, 0, given)
    assert slope.tolist() == given[2].tolist() and not bias.any() and kernel.std() > 0


def test_a_saved_model_keeps_its_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    saved = own_models.build((4,), 3)
    saved.save("my.keras")
    check_foreign_model("my.keras", (4,), 3, {})
    model = build_model("my.keras", (4,), 3)
    x = np.random.default_rng(0).normal(size=(5, 4))
    np.testing.assert_array_equal(outputs(model, x), outputs(saved, x))
    draw = own_weights("my.keras", (4,), 3, {})
    np.testing.assert_array_equal(draw(0)[0], np.asarray(saved.trainable_variables[0].value))
    assert draw(5) is draw(0)
    with pytest.raises(ValueError, match=r"an option of my.keras must be one of initializer"):
        check_options("my.keras", {"width": 3})
    with pytest.raises(UserError, match=r"must take examples of the shape \(9,\)"):
        check_foreign_model("my.keras", (9,), 3, {})


def test_a_saved_model_runs_no_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    layers = [keras.Input((4,)), keras.layers.Lambda(lambda x: 2 * x), keras.layers.Dense(3)]
    keras.Sequential(layers).save("code.keras")
    with pytest.raises(UserError, match=r"must hold no code. Received a Lambda layer in 'code.k"):
        check_foreign_model("code.keras", (4,), 3, {})
    (tmp_path / "broken.keras").write_text("no archive")
    with pytest.raises(UserError, match=r"must be readable by keras .* Received 'broken.keras'"):
        check_foreign_model("broken.keras", (4,), 3, {})


def test_layers_that_cannot_be_mapped_are_exchanged_and_put_back() -> None:
    given = own_models.with_state((4,), 3)
    model = with_mapped_layers(given)
    kinds = [type(layer).__name__ for layer in model.layers]
    assert {"Convolution", "MaxPooling", "HashedDropout"} <= set(kinds)
    x = np.random.default_rng(1).normal(size=(6, 4))
    # float32 sums in another order.
    np.testing.assert_allclose(outputs(model, x), outputs(given, x), rtol=1e-5, atol=1e-6)
    back = [type(layer).__name__ for layer in plain_model(model).layers]
    assert back == [type(layer).__name__ for layer in given.layers]
    strided = own_models.with_strides((4,), 3)
    assert with_mapped_layers(strided) is strided
    written = own_models.written((4,), 3)
    assert with_mapped_layers(written) is written and plain_model(written) is written


def test_a_training_step_of_its_own_is_seen() -> None:
    assert own_training(own_models.own_step((4,), 3)) == "compute_loss"
    assert own_training(build_model(f"{OWN}:written", (4,), 3)) == ""
