"""Keras models by name, their options and their initial weights.

Importing this package does not import Keras: the tables are read by ``list`` and
``validate``; Keras is imported when a model is built.
"""

from benchmark.models.building import build_model
from benchmark.models.catalogue import MODELS, ModelEntry, check_input, check_options
from benchmark.models.initializers import DEFAULT_SCALE, INITIALIZERS, initial_weights
from benchmark.models.options import ACTIVATIONS, Option

__all__ = [
    "ACTIVATIONS",
    "DEFAULT_SCALE",
    "INITIALIZERS",
    "MODELS",
    "ModelEntry",
    "Option",
    "build_model",
    "check_input",
    "check_options",
    "initial_weights",
]
