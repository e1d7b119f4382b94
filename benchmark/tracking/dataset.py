"""The dataset of a study as input of its runs: what of it is sent."""

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmark.tracking.mlflow_internals import (
    DATASET_CONTEXT_TAG,
    DIGEST_LENGTH,
    SOURCE_NAME_TAG,
)
from benchmark.urls import without_secrets

if TYPE_CHECKING:
    from mlflow.entities import DatasetInput


@dataclass(frozen=True, slots=True, eq=False)
class TrackedDataset:
    """A dataset with its origin; only shapes, types and digest are sent, never the numbers.

    Args:
        name: the name of its card.
        source: where it comes from, for people: a loader, a file, an address.
        x: inputs, shape (samples, features).
        y: targets, shape (samples,).
        digest: its checksum; the first 36 characters are kept.

    Example:
        >>> TrackedDataset("tiny", "made here", np.zeros((2, 3)), np.zeros(2), "c0ffee").name
        'tiny'
    """

    name: str
    source: str
    x: np.ndarray[Any, Any]
    y: np.ndarray[Any, Any]
    digest: str


def dataset_input(dataset: TrackedDataset) -> "DatasetInput":
    """Return what ``MlflowClient.log_inputs`` takes."""
    code = import_module("mlflow.data.code_dataset_source")
    entities = import_module("mlflow.entities")
    described = import_module("mlflow.data.numpy_dataset").from_numpy(
        features=dataset.x,
        targets=dataset.y,
        source=code.CodeDatasetSource({SOURCE_NAME_TAG: without_secrets(dataset.source)}),
        name=dataset.name,
        digest=dataset.digest[:DIGEST_LENGTH],
    )
    entity = entities.Dataset.from_dictionary(described.to_dict())
    tag = entities.InputTag(DATASET_CONTEXT_TAG, "training")
    described_input: DatasetInput = entities.DatasetInput(entity, [tag])
    return described_input
