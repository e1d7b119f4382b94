import inspect
import subprocess
import sys
from importlib import import_module
from typing import Any

import pytest

from benchmark.models import (
    ACTIVATIONS,
    DEFAULT_SCALE,
    INITIALIZERS,
    MODELS,
    ModelEntry,
    Option,
    check_options,
)
from benchmark.models.options import WHOLE
from tests.source_tree import ROOT


def test_tables_and_checks_need_no_keras() -> None:
    code = (
        "import sys, benchmark.models as m; [m.check_options(n, {}) for n in m.MODELS];"
        "heavy = {'sklearn', 'pandas', 'keras', 'tensorflow', 'jax', 'scipy'};"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", MODELS)
def test_defaults_pass_their_own_check(name: str) -> None:
    entry = MODELS[name]
    assert check_options(name, {}) == entry.defaults
    assert check_options(name, entry.defaults) == entry.defaults
    assert entry.summary.endswith(".")


@pytest.mark.parametrize("name", MODELS)
def test_options_are_the_arguments_of_the_function_that_builds(name: str) -> None:
    module, function = MODELS[name].target.split(":")
    arguments = list(inspect.signature(getattr(import_module(module), function)).parameters)[2:]
    assert {*arguments, "initializer"} == MODELS[name].options.keys(), (
        f"the arguments of {function} in {module} after input_shape and units must be the options "
        f"of {name!r} in benchmark/models/catalogue.py. Add what is missing in one of the two."
    )


def test_every_file_of_a_model_is_in_the_table() -> None:
    targets = {entry.target for entry in MODELS.values()}
    for file in (ROOT / "benchmark" / "models").glob("*.py"):
        if "\ndef build(" in file.read_text(encoding="utf-8"):
            assert f"benchmark.models.{file.stem}:build" in targets, (
                f"{file.name} must be the target of a model. "
                "Add an entry to MODELS in benchmark/models/catalogue.py."
            )


def test_an_option_without_a_rule_is_refused() -> None:
    with pytest.raises(TypeError, match=r"Received 3 for depth of x:build. Write .*catalogue.py"):
        ModelEntry("A model.", {"depth": 3}, "x:build")  # type: ignore[dict-item]
    with pytest.raises(ValueError, match=r"the default must be a whole number >= 1, its depth"):
        Option(0, WHOLE, "its depth")


def test_given_options_win_and_lists_become_tuples() -> None:
    given = {"hidden": [8, 4], "initializer": "he_normal"}
    assert check_options("multilayer_perceptron", given) == {
        "hidden": (8, 4),
        "layer_normalization": False,
        "activation": "relu",
        "batch_normalization": False,
        "dropout": 0.0,
        "initializer": "he_normal",
    }


def test_tables_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        MODELS["linear"].options["initializer"] = "he_normal"  # type: ignore[index]


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        (
            "multilayer_perceptrn",
            {},
            "model must be one of linear, .*Did you mean `multilayer_perc",
        ),
        (
            "linear",
            {"hidden": [3]},
            "an option of linear must be one of initializer. Received 'hidden'",
        ),
        ("multilayer_perceptron", {"hiden": [3]}, "Received 'hiden'. Did you mean `hidden`"),
        ("multilayer_perceptron", {"hidden": []}, r"hidden must be a list of .* Received \[\]"),
        ("multilayer_perceptron", {"hidden": 64}, r"Received 64. Write for instance \[64, 32\]"),
        ("multilayer_perceptron", {"hidden": [8, 0]}, r"Received \[8, 0\]"),
        ("multilayer_perceptron", {"hidden": (8, 2.0)}, r"Received \[8, 2.0\]"),
        ("multilayer_perceptron", {"hidden": [True]}, r"Received \[True\]"),
        ("multilayer_perceptron", {"hidden": "64"}, "Received '64'"),
        ("multilayer_perceptron", {"activation": "rellu"}, "activation must .*Did you mean `relu"),
        ("multilayer_perceptron", {"activation": 3}, "Received 3"),
        ("multilayer_perceptron", {"activation": ["relu"]}, r"Received \['relu'\]"),
        ("multilayer_perceptron", {"dropout": 1.0}, "dropout must be >= 0 and < 1.* Received 1.0"),
        ("multilayer_perceptron", {"dropout": True}, "dropout must be .* Received True"),
        ("multilayer_perceptron", {"dropout": "a"}, "dropout must be .* Received 'a'"),
        (
            "multilayer_perceptron",
            {"batch_normalization": 1},
            "true or false, .* Received 1",
        ),
        ("convolutional_network", {"filters": [0]}, r"each convolution. Received \[0\]"),
        ("convolutional_network", {"image": (8, 8)}, r"image must .* three .* Received \[8, 8\]"),
        ("convolutional_network", {"kernel_size": 0}, "kernel_size must be a whole .* Received 0"),
        ("convolutional_network", {"pool_size": 1.5}, "pool_size must be a whole .* Received 1.5"),
        ("transformer", {"steps": -1}, "steps must be a whole number >= 0 that divides"),
        ("transformer", {"heads": 3}, "heads must divide width. Received 3 and 32 .* width = 30"),
        (
            "multilayer_perceptron",
            {"layer_normalization": True, "batch_normalization": True},
            "at most one of batch_normalization and layer_normalization must be true",
        ),
        ("linear", {"initializer": "glorot"}, "initializer must be one of .*Did you mean `glorot_"),
        ("linear", {"initializer": None}, "initializer must be one of .*Received None"),
    ],
)
def test_wrong_options_are_refused(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_options(name, options)


def test_every_initializer_has_a_default_scale() -> None:
    assert set(DEFAULT_SCALE) == set(INITIALIZERS)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activations_are_those_of_keras(activation: str) -> None:
    import keras

    assert keras.activations.get(activation) is getattr(keras.activations, activation)
