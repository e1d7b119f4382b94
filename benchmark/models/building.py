"""Building a model by its name."""

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from benchmark.models.catalogue import MODELS, check_input, check_options
from benchmark.models.foreign import is_foreign_model
from benchmark.models.initializers import initial_weights

if TYPE_CHECKING:
    import keras


def build_model(
    name: str, input_shape: tuple[int, ...], units: int, options: Mapping[str, Any] | None = None
) -> "keras.Model":
    """Build a Keras model that returns logits, with definite initial weights.

    Its weights are those of the option ``initializer`` at its default scale and the seed 0;
    training code assigns the weights of its own scale and seed over them, see
    :func:`benchmark.models.initial_weights`. Keras's global random state is not touched.

    Args:
        name: a name in ``MODELS``, ``"package.module:function"`` or a ``.keras`` file. The last
            two have their own weights, see :mod:`benchmark.models.foreign_building`.
        input_shape: the shape of one example.
        units: number of outputs: one a class, or 1 for a regression.
        options: options of the model that differ from its defaults.

    Returns:
        A built model from (n, *input_shape) to logits of shape (n, units), without softmax.

    Raises:
        ValueError: the model or an option is unknown, a value has the wrong form, or
            the model cannot take examples of that shape.

    Example:
        >>> model = build_model("multilayer_perceptron", (4,), 3, {"hidden": [8]})
        >>> model.output_shape, [tuple(v.shape) for v in model.trainable_variables]
        ((None, 3), [(4, 8), (8,), (8, 3), (3,)])
    """
    if is_foreign_model(name):
        from benchmark.models.foreign_building import build_foreign

        return build_foreign(name, tuple(input_shape), units, options or {})
    checked = check_options(name, options or {})
    initializer = checked.pop("initializer")
    if units < 1 or not input_shape or min(input_shape) < 1:
        raise ValueError(
            "units and every axis of input_shape must be >= 1. "
            f"Received units {units} and input_shape {tuple(input_shape)}."
        )
    check_input(name, checked, tuple(input_shape))
    module, function = MODELS[name].target.split(":")
    model = getattr(import_module(module), function)(tuple(input_shape), units, **checked)
    values = initial_weights(model, initializer, None, seed=0)
    for variable, value in zip(model.trainable_variables, values, strict=True):
        variable.assign(value)
    return model
