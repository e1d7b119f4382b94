"""Keras's private names that we use are where they were."""

import inspect
import pkgutil
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import keras
import numpy as np
import pytest

import benchmark.optimizers
from benchmark.backend import keras_internals
from tests.private_names import INTERNALS, bound_in, moved, private_names

STEPS = "penalties, clipping, weight decay and the rule of every optimizer"


def _optimizer() -> Any:
    optimizer = keras.optimizers.SGD(0.5, use_ema=True)
    optimizer.build([keras.Variable([1.0])])
    return optimizer


def _model() -> Any:
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    model.compile("sgd", "mean_squared_error")
    return model


def _finds_index() -> bool:
    optimizer = _optimizer()
    return bool(optimizer._get_variable_index(optimizer._trainable_variables[0]) == 0)


def _finds_inner_layers() -> bool:
    inner = keras.layers.Dense(2)
    model = keras.Sequential([keras.Input((3, 2)), keras.layers.TimeDistributed(inner)])
    return inner not in model.layers and inner in model._flatten_layers(include_self=False)


def _has_node() -> bool:
    history = _model().outputs[0]._keras_history
    nodes = history.operation._inbound_nodes
    return hasattr(nodes[history.node_index], "input_tensors")


def _remembers_logits() -> bool:
    outputs = keras.activations.softmax(keras.ops.convert_to_tensor([[1.0, 2.0]]))
    # An array of JAX takes no attribute, so Keras cannot hang the logits on it.
    return keras.backend.backend() == "jax" or hasattr(outputs, "_keras_logits")


def _dtypes() -> Any:
    return import_module("keras.src.backend.common.dtypes").BIT64_TO_BIT32_DTYPE


def _has_moments() -> bool:
    if keras.backend.backend() != "tensorflow":
        return True
    module = import_module("keras.src.backend.tensorflow.nn")
    return list(inspect.signature(module._compute_moments).parameters) == ["x", "axes", "keepdims"]


def _counts_names() -> bool:
    with keras_internals.fresh_names():
        first = keras.layers.Dense(1).name
    with keras_internals.fresh_names():
        return first == keras.layers.Dense(1).name == "dense"


CONTRACT: Mapping[str, tuple[Callable[[], bool], str]] = {
    "_learning_rate": (
        lambda: isinstance(_optimizer()._learning_rate, keras.Variable),
        "the learning rate as a value of a compiled program",
    ),
    "_iterations": (
        lambda: int(_optimizer()._iterations) == 0,
        "whether an average of weights has begun",
    ),
    "_trainable_variables": (
        lambda: len(_optimizer()._trainable_variables) == 1,
        "stateless_apply, reset and minimize",
    ),
    "_get_variable_index": (
        _finds_index,
        "the state variables of a weight",
    ),
    "_use_weight_decay": (
        lambda: _optimizer()._use_weight_decay(keras.Variable([1.0])),
        "weights that are excluded from weight decay",
    ),
    "_model_variables_moving_average": (
        lambda: len(_optimizer()._model_variables_moving_average) == 1,
        "use_ema on TensorFlow",
    ),
    "_layout": (
        lambda: hasattr(keras.Variable([1.0]), "_layout"),
        "the distribution layout of state variables",
    ),
    "_loss_tracker": (
        lambda: hasattr(_model()._loss_tracker, "update_state"),
        "the loss that fit prints for optimizers that take the objective",
    ),
    "_compile_loss": (
        lambda: float(_model()._compile_loss(np.zeros((1, 2)), np.ones((1, 2)), None)) == 1.0,
        "fit with optimizers that take the objective",
    ),
    "_keras_history": (
        lambda: isinstance(_model().outputs[0]._keras_history.operation, keras.layers.Dense),
        "the layer that gives a model's outputs: loss and Gauss-Newton products",
    ),
    "_inbound_nodes": (_has_node, "inspecting a saved model whose last layer is a softmax"),
    "_keras_logits": (_remembers_logits, "the refusal of losses of probabilities"),
    "_shape_tuple": (
        lambda: (
            keras.backend.backend() == "jax"
            or keras.ops.zeros((2, 3))._shape_tuple() == keras.ops.zeros((2, 3)).shape == (2, 3)
        ),
        "which kept program a call takes",
    ),
    "_flatten_layers": (
        _finds_inner_layers,
        "the refusal of random layers and of batch statistics",
    ),
    "keras.src.backend.tensorflow.nn": (
        _has_moments,
        "second derivatives of normalisations on TensorFlow",
    ),
    "keras.src.backend.common.global_state": (
        _counts_names,
        "the names of layers, alike in every process",
    ),
    "keras.src.backend.common.dtypes": (
        lambda: "float64" in _dtypes(),
        "curvature in float64 on JAX",
    ),
}
"""What must hold of each private name, and what of ours uses it."""


@pytest.mark.parametrize("name", CONTRACT)
def test_a_private_name_of_keras_is_there(name: str) -> None:
    holds, users = CONTRACT[name]
    try:
        is_there = bool(holds())
    except (AttributeError, ImportError, TypeError, KeyError):
        is_there = False
    assert is_there, moved("keras", name, users)


def test_each_private_name_has_its_contract() -> None:
    assert {name for name, _ in private_names(INTERNALS["keras"])} == set(CONTRACT)


def test_keras_calls_each_step_that_we_replace(monkeypatch: pytest.MonkeyPatch) -> None:
    hooks = [name for name in vars(keras_internals.OptimizerHooks) if name in HOOKS]
    assert set(hooks) == set(HOOKS)
    calls: list[str] = []
    for name in HOOKS:
        step = getattr(keras.optimizers.Optimizer, name, None)
        assert step is not None, moved("keras", name, STEPS)

        def spy(self: Any, *given: Any, _name: str = name, _step: Any = step) -> Any:
            calls.append(_name)
            return _step(self, *given)

        monkeypatch.setattr(keras.optimizers.Optimizer, name, spy)
    weights = keras.Variable([1.0])
    optimizer = keras.optimizers.SGD(0.5, weight_decay=0.1, clipnorm=1.0, use_ema=True)
    optimizer.apply([keras.ops.convert_to_tensor([1.0])], [weights])
    optimizer.finalize_variable_values([weights])
    steps = [name for name in dict.fromkeys(calls) if name != "_var_key"]
    for name in HOOKS:
        assert name in calls, moved("keras", name, STEPS)
    assert steps == [name for name in HOOKS if name != "_var_key"], "Keras has another order"


HOOKS = (
    "_backend_apply_gradients",
    "_clip_gradients",
    "_apply_weight_decay",
    "_backend_update_step",
    "_overwrite_model_variables_with_average_value",
    "_var_key",
)
"""Private methods of Keras's optimizer that ``OptimizerHooks`` overrides, in their order."""


def test_no_other_class_overrides_a_private_method_of_keras() -> None:
    known = {
        name
        for kind in (keras.optimizers.Optimizer, keras.Model, keras.Layer, keras.losses.Loss)
        for name in dir(kind)
        if name.startswith("_") and not name.startswith("__")
    }
    for module in pkgutil.walk_packages(benchmark.optimizers.__path__, "benchmark.optimizers."):
        for kind in vars(import_module(module.name)).values():
            if inspect.isclass(kind) and kind.__module__ == module.name:
                overridden = known & set(vars(kind))
                assert not overridden, f"{kind.__module__}.{kind.__name__} overrides {overridden}"


def test_the_hooks_are_all_that_the_module_overrides() -> None:
    overridden = {name for name in bound_in(INTERNALS["keras"]) if name.startswith("_")}
    assert {name for name in overridden if hasattr(keras.optimizers.Optimizer, name)} == set(HOOKS)
