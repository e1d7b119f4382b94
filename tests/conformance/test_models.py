"""The properties of a model, and models that break them."""

import json
from typing import Any

import keras
import pytest
from typer.testing import CliRunner

from benchmark.conformance.models import MODEL_PROPERTIES, check_model
from benchmark.run import app

OWN = "tests.models.own_models"
QUICK = [name for name in MODEL_PROPERTIES if "sequential" not in name]


@keras.saving.register_keras_serializable("test_models")
class Centred(keras.layers.Layer):
    """Takes the mean over the rows away, also where the model is evaluated."""

    def call(self, inputs: Any) -> Any:
        return inputs - keras.ops.mean(inputs, axis=0, keepdims=True)


@keras.saving.register_keras_serializable("test_models")
class Stopped(keras.layers.Layer):
    """Lets no gradient pass."""

    def call(self, inputs: Any) -> Any:
        return keras.ops.stop_gradient(inputs)


def centred(input_shape: tuple[int, ...], outputs: int) -> keras.Model:
    inputs = keras.Input(input_shape)
    return keras.Model(inputs, Centred()(keras.layers.Dense(outputs)(inputs)))


def stopped(input_shape: tuple[int, ...], outputs: int) -> keras.Model:
    inputs = keras.Input(input_shape)
    return keras.Model(inputs, Stopped()(keras.layers.Dense(outputs)(inputs)))


def test_a_model_passes() -> None:
    examination = check_model(f"{OWN}:build", "wine", {"width": 3}, QUICK)
    assert [result.words for result in examination.results] == [""] * len(QUICK)


@pytest.mark.parametrize(
    ("name", "failed", "words"),
    [
        ("centred", "rows alone", "The outputs of a row alone and among others are"),
        ("stopped", "gradients", "Every gradient is zero at the first weights."),
    ],
)
def test_what_is_broken_fails(name: str, failed: str, words: str) -> None:
    [result] = check_model(f"{__name__}:{name}", properties=[failed]).failures
    assert words in result.words


def test_the_command_prints_a_document_and_refuses_in_sentences() -> None:
    arguments = ["check-model", f"{OWN}:with_strides", "--json"]
    outcome = CliRunner().invoke(app, arguments)
    assert outcome.exit_code == 0, outcome.output
    document = json.loads(outcome.stdout)
    results = {result["name"]: result for result in document["results"]}
    if keras.backend.backend() == "tensorflow":
        assert "trained one after the other" in results["vectorized as sequential"]["words"]
    refusals = {
        ("linear", "--dataset", "irs"): "--dataset must be one of",
        ("linear", "--set", "hidden=[3]"): "an option of linear must be one of initializer",
        (f"{OWN}:softmax",): "a model must return logits",
        ("linear", "--set", "hidden"): "must be NAME=VALUE",
    }
    for given, message in refusals.items():
        outcome = CliRunner().invoke(app, ["check-model", *given])
        assert outcome.exit_code == 2 and message in outcome.output, outcome.output
