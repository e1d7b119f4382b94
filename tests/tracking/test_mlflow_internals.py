"""What MLflow does not document and we rely on is as it was."""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from benchmark.tracking import mlflow_internals
from benchmark.tracking.saved_views import is_supported
from tests.private_names import moved

pytestmark = pytest.mark.filterwarnings("ignore:::mlflow")

LIMITS = {
    "MAX_ENTITY_KEY_LENGTH": mlflow_internals.NAME_LENGTH,
    "MAX_PARAM_VAL_LENGTH": mlflow_internals.PARAM_LENGTH,
    "MAX_TAG_VAL_LENGTH": mlflow_internals.TAG_LENGTH,
    "MAX_DATASET_DIGEST_SIZE": mlflow_internals.DIGEST_LENGTH,
    "MAX_PARAMS_TAGS_PER_BATCH": mlflow_internals.PARAMS_PER_BATCH,
}
TAGS = {
    "MLFLOW_RUN_NAME": mlflow_internals.NAME_TAG,
    "MLFLOW_PARENT_RUN_ID": mlflow_internals.PARENT_TAG,
    "MLFLOW_USER": mlflow_internals.USER_TAG,
    "MLFLOW_SOURCE_NAME": mlflow_internals.SOURCE_NAME_TAG,
    "MLFLOW_SOURCE_TYPE": mlflow_internals.SOURCE_TYPE_TAG,
    "MLFLOW_DATASET_CONTEXT": mlflow_internals.DATASET_CONTEXT_TAG,
    "MLFLOW_RUN_NOTE": mlflow_internals.NOTE_TAG,
}
STATEMENTS = {
    "INPUTS_OF_RUN": "the dataset as input of each trial",
    "TAGS_OF_INPUT": "the dataset as input of each trial",
    "COUNT_RUNS": "doctor",
    "REVISION": "the refusal of a store that another MLflow wrote",
}


@pytest.mark.parametrize("name", LIMITS)
def test_limits_are_those_of_mlflow(name: str) -> None:
    limit = getattr(import_module("mlflow.utils.validation"), name, None)
    holds = limit is not None and limit >= LIMITS[name]
    assert holds, moved("mlflow", f"{name} ≥ {LIMITS[name]}", "names and values of runs")


def test_a_batch_of_metrics_is_below_the_limit() -> None:
    validation = import_module("mlflow.utils.validation")
    size = mlflow_internals.METRICS_PER_BATCH
    for name in ("MAX_METRICS_PER_BATCH", "MAX_ENTITIES_PER_BATCH"):
        assert getattr(validation, name, 0) >= size, moved(
            "mlflow", name, "metrics sent to a server"
        )


@pytest.mark.parametrize("name", TAGS)
def test_tags_are_those_of_mlflow(name: str) -> None:
    tags: Mapping[str, Any] = vars(import_module("mlflow.utils.mlflow_tags"))
    holds = tags.get(name) == TAGS[name]
    assert holds, moved("mlflow", f"the tag {TAGS[name]}", "how runs are nested and shown")


@pytest.fixture(scope="module")
def interface() -> list[str]:
    """The scripts of MLflow's interface; none where it was installed without."""
    folder = Path(str(import_module("mlflow").__file__)).parent / "server" / "js" / "build"
    return [path.read_text(encoding="utf-8") for path in folder.rglob("*.js")]


def test_the_interface_knows_the_kind_of_an_experiment(interface: list[str]) -> None:
    for word in (mlflow_internals.KIND_TAG, mlflow_internals.MODEL_DEVELOPMENT):
        known = not interface or any(word in script for script in interface)
        assert known, moved("mlflow", word, "the page of an experiment, which asks for its kind")


@pytest.mark.skipif(not is_supported(), reason="this MLflow keeps views in another form")
def test_the_interface_keeps_views_in_the_form_that_is_written(interface: list[str]) -> None:
    views = "the views that `ui` lists; update saved_views.py and VIEW_VERSIONS"
    limit = getattr(import_module("mlflow.utils.validation"), "MAX_EXPERIMENT_TAG_VAL_LENGTH", 0)
    holds = limit >= mlflow_internals.VIEW_LENGTH
    assert holds, moved("mlflow", f"tags of {mlflow_internals.VIEW_LENGTH} characters", views)
    words = (mlflow_internals.VIEW_TAG, mlflow_internals.VIEW_KEY, mlflow_internals.COLOUR_TAG)
    fields = ("deflate;", "updatedAt", "compareRunCharts", "hideEmptyCharts", "chartsSearchFilter")
    for word in (*words, *fields):
        known = not interface or any(word in script for script in interface)
        assert known, moved("mlflow", word, views)


@pytest.mark.parametrize("table", mlflow_internals.COLUMNS)
def test_tables_have_the_columns_that_are_written(store: Any, table: str) -> None:
    columns = {row[1] for row in store.rows(f"PRAGMA table_info({table})")}
    for column in mlflow_internals.COLUMNS[table]:
        users = "many trials in one transaction; each goes through MLflow's client now"
        assert column in columns, moved(
            "mlflow", f"the column {column} of the table {table}", users
        )


@pytest.mark.parametrize("name", STATEMENTS)
def test_statements_are_understood(store: Any, name: str) -> None:
    statement = getattr(mlflow_internals, name)
    refusal = ""
    with closing(sqlite3.connect(store.file)) as connection:
        try:
            connection.execute(statement, ("a run",) * statement.count("?"))
        except sqlite3.OperationalError as error:
            refusal = str(error)
    assert not refusal, moved("mlflow", f"{name} ({refusal})", STATEMENTS[name])


def test_revisions_of_the_schema_are_found(store: Any) -> None:
    revision = store.rows(mlflow_internals.REVISION)[0][0]
    known = revision in mlflow_internals.schema_revisions()
    users = "the refusal of a store that another MLflow wrote"
    assert known, moved("mlflow", "store/db_migrations/versions/*.py", users)
