"""The trained model of a trial as people use it: raw features in, the dataset's own units out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from benchmark.data import Prepared, prepare_problem
from benchmark.engine.task import Array, trained_model
from benchmark.trial import DatasetProblem, Trial

INPUT, OFFSET, DIVISOR, UNIT = "raw_features", "feature_offset", "feature_divisor", "target_unit"
"""The layers before and behind the trained model."""
COARSE = 1e-3
"""The error of a scaled feature in single precision that the user is told of."""


@dataclass(frozen=True, slots=True, eq=False)
class ExportedModel:
    """A model that takes raw features, and what is known of them.

    Args:
        model: built of Keras's own layers, from float32 (rows, features) to logits, or to the
            target in its own unit.
        features: the names of the columns.
        example: a few rows of the dataset, float64.
        outputs: what comes out, in words.
        notice: where single precision is too coarse for a feature, a sentence; else empty.
    """

    model: keras.Model
    features: tuple[str, ...]
    example: np.ndarray[Any, np.dtype[np.float64]]
    outputs: str
    notice: str


def exported_model(trial: Trial, weights: Sequence[Array]) -> ExportedModel:
    """Return the model of a trial with its scaling in front and the target's unit behind.

    A trained model knows scaled features only: x' = (x - o) / s, whose o and s were fitted to
    the training part (:func:`benchmark.data.prepare`). Two ``Rescaling`` layers do the same
    here; subtracting comes first, because x - o is then exact where x is near o. The target of a
    regression was standardised: a last one returns it to its unit. ``Normalization`` is not
    used: it takes a deviation below 1e-7 for 1e-7.

    Args:
        trial: a trial on a dataset.
        weights: those of the trial's result.
    """
    assert isinstance(trial.problem, DatasetProblem), "a closed form has no model to use"
    problem = trial.problem
    data = prepare_problem(problem)
    trained = trained_model(trial, weights)
    inputs = keras.Input((len(data.features),), name=INPUT)
    outputs = inputs
    if problem.scaling != "none":
        offset, divisor = data.input_offset, data.input_divisor
        outputs = keras.layers.Rescaling(1.0, (-offset).tolist(), name=OFFSET)(outputs)
        outputs = keras.layers.Rescaling((1 / divisor).tolist(), name=DIVISOR)(outputs)
    outputs = trained(outputs)
    meaning = f"logits of {data.card.classes} classes; the largest names the class"
    if not data.card.classes:
        outputs = keras.layers.Rescaling(data.target_deviation, data.target_mean, name=UNIT)(
            outputs
        )
        meaning = "the target in the dataset's own unit"
    model = keras.Model(inputs, outputs, name=trained.name)
    return ExportedModel(model, data.features, data.example, meaning, _notice(trial, problem, data))


def takes_raw_features(model: keras.Model) -> bool:
    """Whether a model was made by :func:`exported_model`: it scales its inputs itself."""
    return any(layer.name == INPUT for layer in model.layers)


def with_standardised_target(model: keras.Model) -> keras.Model:
    """Return a model that :func:`exported_model` made, without the target's unit behind it."""
    if not any(layer.name == UNIT for layer in model.layers):
        return model
    return keras.Model(model.input, model.get_layer(UNIT).input, name=model.name)


def _notice(trial: Trial, problem: DatasetProblem, data: Prepared) -> str:
    offset = data.input_offset
    exact = data.example - offset
    rounded = data.example.astype(np.float32) - offset.astype(np.float32)
    errors = np.max(np.abs(rounded - exact), axis=0, initial=0.0) / data.input_divisor
    worst = int(np.argmax(errors))
    if problem.scaling == "none" or errors[worst] <= COARSE:
        return ""
    return (
        f"The saved model of {trial.label} computes in single precision, which is coarse for the "
        f"feature {data.features[worst]}: its values lie around {offset[worst]:.6g}, and an "
        f"error of {errors[worst]:.2g} is left in it after scaling. Subtract a constant from it "
        "in the dataset."
    )
