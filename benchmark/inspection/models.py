"""The subject of a saved Keras model on a dataset."""

from pathlib import Path
from typing import Any

import keras
import numpy as np

from benchmark.backend import keras_internals
from benchmark.backend.outputs import output_activation, output_operation
from benchmark.curvature.losses import other_arithmetic
from benchmark.data import Prepared, prepare
from benchmark.engine.export import takes_raw_features, with_standardised_target
from benchmark.errors import failure_reason
from benchmark.inspection.settings import InspectionError, Settings
from benchmark.inspection.subject import Array, Subject, checked_loss, drawn
from benchmark.trial import named_seed

CROSSENTROPY = "sparse_categorical_crossentropy"
FRACTIONS = (0.6, 0.2, 0.2)
NOISE_BATCH = 32
ROWS = 16
"""Examples whose outputs show whether a model returns probabilities."""


def model_subject(
    file: Path, dataset: str, loss: str | None, scaling: str | None, settings: Settings
) -> Subject:
    """Load a model and the data over which its curvature is taken.

    The split is that of a study with the same seed and the default fractions.

    Args:
        file: a file that ``model.save`` wrote.
        dataset: the name of a dataset card.
        loss: the name of a Keras loss; by default that of the dataset's task.
        scaling: the scaling of the inputs; by default ``standard``, or ``none`` for the saved
            model of a run, which scales its inputs itself.
        settings: what to measure.

    Raises:
        InspectionError: the file is no model, or the model does not fit the dataset or the loss.
        DatasetError: there is no such dataset, or the scaling is unknown.
    """
    model = _loaded(file)
    scaling = _scaling(model, scaling, file)
    data = prepare(dataset, FRACTIONS, scaling, named_seed(settings.seed, "split"))
    # The targets of the data are standardised too.
    model = with_standardised_target(model)
    notes = _of_precision(model)
    part = {"train": data.train, "validation": data.validation, "test": data.test}[settings.part]
    x, note = _inputs(model, part.x, file, dataset)
    _check_outputs(model, data, file)
    y = part.y if data.card.classes else part.y.reshape(-1, 1)
    chosen, words = _loss(model, loss, data, settings)
    if words.startswith(CROSSENTROPY):
        model = _giving_logits(model, file)
        if _are_probabilities(model, x[:ROWS]):
            chosen = keras.losses.SparseCategoricalCrossentropy(from_logits=False)
            words = f"{CROSSENTROPY} of probabilities"
    x, y = drawn(x, y, settings)
    _try_loss(model, chosen, x[:2], y[:2], words)
    return Subject(
        title=f"The curvature of {file.name} on {dataset}",
        source=str(file),
        loss=checked_loss(model, chosen, str(file)),
        weights=[np.asarray(v.value).copy() for v in model.trainable_variables],
        state=[np.asarray(v.value).copy() for v in model.non_trainable_variables],
        x=x,
        y=y,
        facts=[
            ("model", str(file)),
            ("layers", ", ".join(type(layer).__name__ for layer in model.layers)),
            ("dataset", dataset),
            ("loss", words),
            ("scaling", scaling),
            ("examples", f"{len(x)} of the part {settings.part}, split by seed {settings.seed}"),
        ],
        notes=[*note, *notes],
        batch_size=NOISE_BATCH,
    )


def _loaded(file: Path) -> keras.Model:
    try:
        model = keras.saving.load_model(file, compile=False)
    except (Exception, SystemExit) as error:  # whatever the file holds
        reason = failure_reason(error)
        raise InspectionError(
            f"--model must be readable by keras {keras.__version__}. Received {file}: {reason}"
        ) from None
    if not isinstance(model, keras.Model) or not model.trainable_variables:
        raise InspectionError(
            f"--model must have trainable weights. Received {file}, which has none."
        )
    return model


def _scaling(model: keras.Model, scaling: str | None, file: Path) -> str:
    """Return the scaling that the inputs still need."""
    if not takes_raw_features(model):
        return scaling or "standard"
    if scaling not in (None, "none"):
        raise InspectionError(
            f"--scaling must be none for a model that scales its inputs itself. Received {scaling} "
            f"for {file}, the saved model of a run. Leave it out."
        )
    return "none"


def _of_precision(model: keras.Model) -> list[str]:
    """Say if the examined function differs from what the model computes, because of rounding."""
    layer = other_arithmetic(model, "float32")
    if layer is None or layer.compute_dtype == "float64":
        return []
    return [
        f"The model computes in {layer.compute_dtype} (layer {layer.name!r} first): its curvature "
        "is that of the same layers in float64, without the rounding that it trains with."
    ]


def _inputs(model: keras.Model, x: Array, file: Path, dataset: str) -> tuple[Array, list[str]]:
    """Return the inputs in the shape that the model takes, and a note if it is a new one."""
    shape = _one_shape(model.input_shape, "input", file)[1:]
    given = x.shape[1:]
    fits = len(shape) == len(given) and all(
        a in (None, b) for a, b in zip(shape, given, strict=True)
    )
    if fits:
        return x, []
    sizes = [size for size in shape if size is not None]
    if len(sizes) == len(shape) and int(np.prod(sizes)) == int(np.prod(given)):
        words = f"The inputs of {given} numbers were given the shape {shape} that the model takes."
        return x.reshape(-1, *sizes), [words]
    raise InspectionError(
        f"the inputs of the model must fit the dataset: {dataset} has examples of shape {given}. "
        f"Received {file}, which takes {shape}. Name the dataset it was made for."
    )


def _check_outputs(model: keras.Model, data: Prepared, file: Path) -> None:
    shape = _one_shape(model.output_shape, "output", file)
    if len(shape) == 2 and shape[1] in (None, data.card.units):
        return
    raise InspectionError(
        f"the outputs of the model must fit the dataset: {data.card.name} asks for "
        f"{data.card.units} a row. Received {file}, whose outputs have the shape {shape}. "
        "Name the dataset it was made for."
    )


def _one_shape(shape: Any, which: str, file: Path) -> tuple[int | None, ...]:
    if isinstance(shape, tuple) and all(size is None or isinstance(size, int) for size in shape):
        return shape
    raise InspectionError(
        f"the model must have one {which}. Received {file}, whose {which} shapes are {shape}. "
        "Make a model of the part to examine."
    )


def _loss(
    model: keras.Model, name: str | None, data: Prepared, settings: Settings
) -> tuple[Any, str]:
    """Return the loss, and its name in words."""
    if name is None:
        name = CROSSENTROPY if data.card.classes else "mean_squared_error"
    if name == CROSSENTROPY:
        words = f"{name} of {'the inputs of the softmax' if _has_softmax(model) else 'logits'}"
        return keras.losses.SparseCategoricalCrossentropy(from_logits=True), words
    if "crossentropy" in name and settings.matrix == "gauss_newton":
        # Keras computes it from the input of a sigmoid, not from the outputs.
        raise InspectionError(
            f"the Gauss-Newton matrix needs a loss of the outputs themselves. Received {name}. "
            f"Take {CROSSENTROPY}, or --matrix hessian."
        )
    try:
        loss = keras.losses.get(name)
    except (ValueError, TypeError):
        loss = None
    if loss is None:
        raise InspectionError(
            f"--loss must be the name of a Keras loss, such as sparse_categorical_crossentropy or "
            f"mean_squared_error. Received {name!r}."
        )
    return loss, name


def _has_softmax(model: keras.Model) -> bool:
    return output_activation(output_operation(model)) == "softmax"


def _giving_logits(model: keras.Model, file: Path) -> keras.Model:
    """Return the model without its softmax, because the cross-entropy of logits is exact.

    Keras does the same by a hidden attribute of the probabilities; a derivative with respect to
    the probabilities would then be zero.
    """
    activation = output_activation(output_operation(model))
    if activation == "sigmoid":
        # Keras uses the input of the sigmoid on TensorFlow, and its output on JAX.
        raise InspectionError(
            f"{CROSSENTROPY} must be of logits or of a softmax. Received {file}, whose outputs "
            "come out of sigmoid. Save the model without it, or name another --loss."
        )
    if activation != "softmax":
        return model
    last = output_operation(model)
    if getattr(last, "activation", None) is not None:
        last.activation = keras.activations.linear
        return model
    if last is keras_internals.operation_of(model.outputs[0]):
        return keras.Model(model.inputs[0], keras_internals.input_of(model.outputs[0]))
    raise InspectionError(
        "a softmax must be the last layer of the model itself, or the activation of its last "
        f"layer. Received {file}, whose softmax {last.name!r} lies in a model inside. "
        "Save a model of all layers one after the other."
    )


def _are_probabilities(model: keras.Model, x: Array) -> bool:
    """Return whether outputs are ≥ 0 and sum to one, as logits do not."""
    outputs = np.asarray(keras.ops.convert_to_numpy(model(x, training=False)), np.float64)
    # Sums of float16 numbers are accurate to 1e-3.
    return bool((outputs >= 0).all() and np.allclose(outputs.sum(axis=-1), 1, atol=1e-2))


def _try_loss(model: keras.Model, loss: Any, x: Array, y: Array, words: str) -> None:
    """Refuse a loss that does not fit the outputs of the model and the targets of the dataset."""
    try:
        value = float(keras.ops.mean(loss(y, model(x, training=False))))
    except (Exception, SystemExit) as error:  # whatever a loss raises at wrong shapes
        reason = failure_reason(error)
        raise InspectionError(
            f"--loss must fit the outputs of the model and the targets of the dataset. "
            f"Received {words}: {reason}"
        ) from None
    if not np.isfinite(value):
        raise InspectionError(
            f"the loss must be finite. Received {value} of {words}. Was the model trained to NaN?"
        )
