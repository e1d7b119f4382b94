"""Parameters, tags and metrics of one run through MLflow's client, in requests of allowed size."""

import time
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from benchmark.tracking.child import Point
from benchmark.tracking.mlflow_internals import METRICS_PER_BATCH, PARAMS_PER_BATCH

if TYPE_CHECKING:
    from mlflow import MlflowClient


def send_params(client: "MlflowClient", run_id: str, params: Mapping[str, str]) -> None:
    """Write parameters; those that are there must have the same values.

    Args:
        client: the store.
        run_id: the run.
        params: values by name.
    """
    param = import_module("mlflow.entities").Param
    entities = [param(name, value) for name, value in params.items()]
    _send(client, run_id, "params", entities, PARAMS_PER_BATCH)


def send_tags(client: "MlflowClient", run_id: str, tags: Mapping[str, str]) -> None:
    """Write tags over those that are there.

    Args:
        client: the store.
        run_id: the run.
        tags: values by name.
    """
    tag = import_module("mlflow.entities").RunTag
    entities = [tag(name, value) for name, value in tags.items()]
    _send(client, run_id, "tags", entities, PARAMS_PER_BATCH)


def send_points(
    client: "MlflowClient", run_id: str, points: Sequence[Point], timestamp: int | None = None
) -> None:
    """Write values of metrics; MLflow passes over those that it has with the same time.

    Args:
        client: the store.
        run_id: the run.
        points: the values.
        timestamp: their time, in milliseconds of Unix time; by default now.
    """
    metric = import_module("mlflow.entities").Metric
    when = int(1000 * time.time()) if timestamp is None else timestamp
    entities = [metric(point.key, point.value, when, point.step) for point in points]
    _send(client, run_id, "metrics", entities, METRICS_PER_BATCH)


def _send(
    client: "MlflowClient", run_id: str, kind: str, entities: Sequence[Any], most: int
) -> None:
    """Write entities of one kind, as many in a request as MLflow takes."""
    for start in range(0, len(entities), most):
        client.log_batch(run_id, **{kind: entities[start : start + most]})
