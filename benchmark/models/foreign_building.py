"""Building the models that are not shipped, with definite weights, and checking them."""

import inspect
import random
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from benchmark.backend import keras_internals
from benchmark.backend.outputs import output_activation, output_operation
from benchmark.errors import failure_reason
from benchmark.models.foreign import (
    OWN_INITIALIZER,
    ForeignModelError,
    check_file,
    check_foreign_options,
    model_function,
)
from benchmark.models.initializers import INITIALIZERS, is_kernel
from benchmark.models.plain import with_mapped_layers
from benchmark.optimizers.provenance import is_saved_model

Weights = tuple[NDArray[np.float32], ...]
Draw = Callable[[int], Weights]
REGISTER = "@keras.saving.register_keras_serializable()"
_seeding = threading.Lock()


def build_foreign(
    name: str, input_shape: tuple[int, ...], units: int, options: Mapping[str, Any]
) -> keras.Model:
    """Build a model that is not shipped, with the weights that it has for the seed 0.

    Layers that TensorFlow cannot train side by side are replaced by equal ones that it can,
    see :func:`benchmark.models.plain.with_mapped_layers`.

    Args:
        name: ``"package.module:function"``, or a ``.keras`` file.
        input_shape: the shape of one example.
        units: number of outputs.
        options: as :func:`check_foreign_options` takes them; ``initializer`` is not used.

    Raises:
        UserError: the function fails, or what it returns is no model that can be trained here.
    """
    given = {k: v for k, v in check_foreign_options(name, options).items() if k != "initializer"}
    model = _built(name, tuple(input_shape), units, given, seed=0)
    _check(name, model, tuple(input_shape), units)
    with _seeded(0), keras_internals.fresh_names():  # a layer without a seed draws one
        return with_mapped_layers(model)


def check_foreign_model(
    name: str, input_shape: tuple[int, ...], units: int, options: Mapping[str, Any]
) -> None:
    """Build a model that is not shipped, and refuse what could not be trained or repeated.

    Args:
        name: as for :func:`build_foreign`.
        input_shape: the shape of one example.
        units: number of outputs.
        options: those that differ from the defaults.

    Raises:
        UserError: :func:`build_foreign` refuses it, or its own initial weights differ from call
            to call for the same seed.
    """
    completed = check_foreign_options(name, options)
    build_foreign(name, input_shape, units, options)
    if completed.pop("initializer") == OWN_INITIALIZER and not is_saved_model(name):
        first, second = (_weights(name, tuple(input_shape), units, completed, 1) for _ in range(2))
        if any(not np.array_equal(a, b) for a, b in zip(first, second, strict=True)):
            raise ForeignModelError(
                "the initial weights of a model must depend on its seed alone. Received "
                f"{name!r}, which draws others at each call. Draw them by the initializers of its "
                "layers, or write initializer = "
                f'"{next(iter(INITIALIZERS))}" in [problem.model].'
            )


def own_weights(
    name: str, input_shape: tuple[int, ...], units: int, options: Mapping[str, Any]
) -> Draw:
    """Return what draws a model's own initial weights for a seed.

    A function is called with Python's and NumPy's generators seeded, from which Keras takes the
    seeds of its initializers. The weights of a file are what it holds, for every seed.

    Args:
        name: ``"package.module:function"``, or a ``.keras`` file.
        input_shape: the shape of one example.
        units: number of outputs.
        options: as :func:`build_foreign` takes them.
    """
    given = {k: v for k, v in check_foreign_options(name, options).items() if k != "initializer"}

    @lru_cache(maxsize=8)  # the trials of a search share one seed
    def draw(seed: int) -> Weights:
        return _weights(name, tuple(input_shape), units, given, seed)

    return (lambda _: draw(0)) if is_saved_model(name) else draw


def scaled_kernels(
    model: keras.Model, values: Sequence[NDArray[np.float32]], scale: float | None
) -> list[NDArray[np.float32]]:
    """Return the weights of a model with its kernels multiplied by a scale; nothing means 1.

    Args:
        model: a built model.
        values: like ``model.trainable_variables``.
        scale: the hyperparameter ``fuzz``.
    """
    factor = np.float32(1 if scale is None else scale)
    return [
        value * factor if is_kernel(variable) else value.copy()
        for variable, value in zip(model.trainable_variables, values, strict=True)
    ]


def own_training(model: keras.Model) -> str:
    """Return the method of a model's class that only Keras's own trainer calls, or nothing.

    Args:
        model: a built model.

    Example:
        >>> own_training(keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)]))
        ''
    """
    for method in ("train_step", "compute_loss"):
        if getattr(type(model), method) is not getattr(keras.Model, method):
            return method
    return ""


def _weights(
    name: str, input_shape: tuple[int, ...], units: int, options: Mapping[str, Any], seed: int
) -> Weights:
    model = _built(name, input_shape, units, options, seed)
    if not model.built:
        model(np.zeros((1, *input_shape), "float32"))
    return tuple(np.array(variable.value) for variable in model.trainable_variables)


def _built(
    name: str, input_shape: tuple[int, ...], units: int, options: Mapping[str, Any], seed: int
) -> Any:
    with _seeded(seed), keras_internals.fresh_names():
        if is_saved_model(name):
            return _loaded(name)
        function = model_function(name)
        try:
            model = function(input_shape, units, **options)
            if isinstance(model, keras.Model) and not getattr(model, "inputs", None):
                # Within, for a layer draws its weights when it is first called.
                model(np.zeros((1, *input_shape), "float32"))
        except (Exception, SystemExit) as error:  # a function of anyone's
            shown = ", ".join(f"{key}={value!r}" for key, value in options.items())
            raise ForeignModelError(
                f"the function of a model must return one. Received {name!r}, which raises "
                f"{_reason(error)} for input_shape={input_shape}, outputs={units}"
                f"{', ' * bool(shown)}{shown}. Fix that function, or give it other options."
            ) from error
        return model


def _loaded(name: str) -> Any:
    check_file(name)
    try:
        return keras.saving.load_model(Path(name), compile=False, safe_mode=True)
    except (Exception, SystemExit) as error:  # whatever the file holds
        if "lambda" in str(error).lower():
            raise ForeignModelError(
                "a saved model must hold no code. Received a Lambda layer in "
                f"{name!r}, which Keras's safe mode refuses. Build the model by a function "
                "instead, and write my_module:build."
            ) from error
        raise ForeignModelError(
            f"a saved model must be readable by keras {keras.__version__}. Received {name!r}: "
            f"{_reason(error)}. Save it anew by model.save; build one with layers of your own by a "
            "function, written as my_module:build."
        ) from error


def _reason(error: BaseException) -> str:
    return failure_reason(error).rstrip(".")


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed what Keras's unseeded initializers draw from, and put it back."""
    with _seeding:
        python, legacy = random.getstate(), np.random.get_state()  # noqa: NPY002
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(legacy)  # noqa: NPY002


def _check(name: str, model: Any, input_shape: tuple[int, ...], units: int) -> None:
    """Refuse what is no model from examples to outputs that can be trained and copied."""
    if not isinstance(model, keras.Model):
        raise ForeignModelError(
            f"the function of a model must return a keras.Model. Received {name!r}, which returns "
            f"a {type(model).__name__}. Return keras.Model(inputs, outputs)."
        )
    if "training" not in inspect.signature(model.call).parameters:
        raise ForeignModelError(
            f"the call of a model must take `training`. Received {name!r}, whose class "
            f"{type(model).__name__} has no such argument. Write def call(self, inputs, "
            "training=False)."
        )
    _check_shapes(name, model, input_shape, units)
    if not model.trainable_variables:
        raise ForeignModelError(
            f"a model must have trainable weights. Received {name!r}, which has none. "
            "Set trainable to True in one of its layers."
        )
    last = output_operation(model)
    if units > 1 and last is not None and output_activation(last) == "softmax":
        raise ForeignModelError(
            "a model must return logits: the loss applies the softmax. Received "
            f"{name!r}, whose last layer {last.name!r} applies one already. Remove it."
        )
    try:
        keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(model))
    except (Exception, SystemExit) as error:  # a class of anyone's
        unknown = _unregistered(model)
        why = f"is not registered: {', '.join(unknown)}" if unknown else f"raises {_reason(error)}"
        raise ForeignModelError(
            "Keras must be able to copy a model: curvature takes a copy in float64, and the best "
            f"models are saved. Received {name!r}, of which a "
            f"{'class' if unknown else 'copy'} {why}. Give each class of your own a get_config and "
            f"the decorator {REGISTER}."
        ) from error


def _unregistered(model: keras.Model) -> list[str]:
    """The classes of a model and its layers that Keras would not find by their names."""
    classes = dict.fromkeys(map(type, (model, *keras_internals.layers(model))))
    return [
        kind.__name__
        for kind in classes
        if not kind.__module__.startswith("keras.")
        and ">" not in keras.saving.get_registered_name(kind)
    ]


def _check_shapes(name: str, model: keras.Model, input_shape: tuple[int, ...], units: int) -> None:
    try:
        output = model.compute_output_spec(keras.KerasTensor((None, *input_shape), "float32"))
        shapes = [tuple(tensor.shape) for tensor in keras.tree.flatten(output)]
    except (Exception, SystemExit) as error:  # whatever its layers raise
        raise ForeignModelError(
            f"a model must take examples of the shape {input_shape}. Received {name!r}, which "
            f"raises {_reason(error)}. Use input_shape for its keras.Input, or take another "
            "model or dataset."
        ) from error
    if shapes != [(None, units)]:
        raise ForeignModelError(
            f"a model must return one tensor of the shape (examples, {units}): a number for each "
            f"class, or one for a regression. Received {name!r}, which returns "
            f"{' and '.join(map(str, shapes))}. Let its last layer have {units} units."
        )
