"""What MLflow does not document and we rely on: limits, tags, and the tables of its database.

Nobody else names them. ``tests/tracking/test_mlflow_internals.py`` checks each, and says what of
ours breaks where a new version of MLflow has moved one.
"""

import re
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

# Limits (mlflow.utils.validation). MLflow refuses what is longer.
NAME_LENGTH = 250
PARAM_LENGTH = 6000
TAG_LENGTH = 8000
DIGEST_LENGTH = 36
# A request may hold 1000 metrics, and 1000 metrics, params and tags together.
METRICS_PER_BATCH = 900
PARAMS_PER_BATCH = 100

# Tags (mlflow.utils.mlflow_tags) and a value of one (mlflow.tracking.fluent).
NAME_TAG = "mlflow.runName"
PARENT_TAG = "mlflow.parentRunId"
USER_TAG = "mlflow.user"
SOURCE_NAME_TAG = "mlflow.source.name"
SOURCE_TYPE_TAG = "mlflow.source.type"
DATASET_CONTEXT_TAG = "mlflow.data.context"
NOTE_TAG = "mlflow.note.content"
COLOUR_TAG = "mlflow.runColor"
KIND_TAG = "mlflow.experimentKind"
MODEL_DEVELOPMENT = "custom_model_development"
"""The kind of an experiment whose page does not ask whether it is about language models."""

# Saved views: tags of the experiment, since MLflow 3.17 in this form (its interface, and
# mlflow.utils.validation for the length).
VIEW_TAG = "mlflow.sharedViewState."
VIEW_KEY = "viewStateShareKey"
VIEW_LENGTH = 20_000
VIEW_VERSIONS = (3, 17), (4, 0)
"""The first version, and the first one that may be different."""

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "runs": (
        "run_uuid",
        "name",
        "status",
        "start_time",
        "end_time",
        "artifact_uri",
        "source_type",
        "source_name",
        "entry_point_name",
        "user_id",
        "source_version",
        "lifecycle_stage",
        "experiment_id",
    ),
    "tags": ("run_uuid", "key", "value"),
    "params": ("run_uuid", "key", "value"),
    "metrics": ("run_uuid", "key", "value", "is_nan", "timestamp", "step"),
    "latest_metrics": ("run_uuid", "key", "value", "is_nan", "timestamp", "step"),
    "inputs": ("input_uuid", "source_type", "source_id", "destination_type", "destination_id"),
    "input_tags": ("input_uuid", "name", "value"),
}
"""What :mod:`benchmark.tracking.embedded` writes, by table."""

INSERT_CHILD = """
INSERT INTO runs (run_uuid, name, status, start_time, end_time, artifact_uri, source_type,
    source_name, entry_point_name, user_id, source_version, lifecycle_stage, experiment_id)
SELECT ?, ?, ?, ?, ?, replace(r.artifact_uri, ?, ?), r.source_type,
    r.source_name, r.entry_point_name, r.user_id, r.source_version, r.lifecycle_stage,
    r.experiment_id
FROM runs r JOIN experiments e ON e.experiment_id = r.experiment_id
WHERE r.run_uuid = ? AND r.lifecycle_stage = 'active' AND e.lifecycle_stage = 'active'
"""
"""A child beside its parent; takes the run, its values, parent, run and parent again."""
REPLACE_EARLIER_METRIC = """
ON CONFLICT (key, run_uuid) DO UPDATE SET value = excluded.value, is_nan = excluded.is_nan,
    timestamp = excluded.timestamp, step = excluded.step
WHERE (excluded.step, excluded.timestamp, excluded.value) > (step, timestamp, value)
"""
INPUTS_OF_RUN = (
    "SELECT input_uuid, source_type, source_id FROM inputs"
    " WHERE destination_type = 'RUN' AND destination_id = ?"
)
TAGS_OF_INPUT = "SELECT name, value FROM input_tags WHERE input_uuid = ?"
COUNT_RUNS = "SELECT COUNT(*) FROM runs"
REVISION_TABLE = "alembic_version"
REVISION = "SELECT version_num FROM alembic_version"


def schema_revisions() -> set[str]:
    """Return the revisions of the schema that the installed MLflow knows, without importing it.

    Returns:
        An empty set where MLflow keeps its migrations elsewhere.
    """
    package = find_spec("mlflow")
    if package is None or package.origin is None:
        return set()
    folder = Path(package.origin).parent / "store" / "db_migrations" / "versions"
    texts = (path.read_text(encoding="utf-8") for path in folder.glob("*.py"))
    return {match[1] for text in texts for match in re.finditer(r'(?m)^revision = "(\w+)"', text)}
