"""The best model of each compared optimizer, logged so that MLflow can load and serve it."""

import re
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.models import ModelSignature
    from pandas import DataFrame

TRIAL_TAG = "trial"
LABEL_TAG = "label"
INPUTS_TAG = "inputs"
OUTPUTS_TAG = "outputs"
PARENT_TAG = "kappabench.parent"
PAGE = 50


@dataclass(frozen=True, slots=True, eq=False)
class LoggedModel:
    """A trained model to log.

    Args:
        label: the compared optimizer that trained it.
        model: a built Keras model without a compiled optimizer or loss.
        input_example: a few rows as the model takes them, shape (examples, features).
        trial_number: the trial that trained it.
        features: the names of the columns that it takes.
        outputs: what it gives, in words.
    """

    label: str
    model: Any
    input_example: np.ndarray[Any, Any]
    trial_number: int
    features: tuple[str, ...]
    outputs: str = ""


def model_name(label: str) -> str:
    """Return the name under which the model of a label is logged.

    Example:
        >>> model_name("adam"), model_name("sgd.slow")
        ('best adam', 'best sgd_slow')
    """
    return "best " + re.sub(r"[/:.%\"']", "_", label)


def log_model(
    client: "MlflowClient",
    experiment_id: str,
    parent_id: str,
    child_id: str | None,
    entry: LoggedModel,
) -> str:
    """Log one model with its signature, and return its identifier; imports MLflow.

    MLflow's ``keras`` flavour is taken: it saves the ``.keras`` file, which loads on
    every Keras backend, natively and as a ``pyfunc``. The high-level
    ``mlflow.keras.log_model`` is not used because it goes through the process-wide
    active run and tracking URI, and would reopen the finished run.

    A parent has one model a label. One of the same trial that is already complete is
    kept; an incomplete one, left by an interruption, and one of another trial, which
    was the best before, are replaced.

    Args:
        client: the store.
        experiment_id: the experiment.
        parent_id: the parent run.
        child_id: the run of the trial, which is the model's source; where there is none, the
            parent is. Both show the model as output.
        entry: the model.
    """
    name = model_name(entry.label)
    known = _known_models(client, experiment_id, parent_id, child_id, name)
    # `a:b` and `a_b` have one name.
    known = [model for model in known if model.tags.get(LABEL_TAG, entry.label) == entry.label]
    complete = _keep_one(client, known, entry)
    if complete is not None:
        return complete
    run_ids = [child_id, parent_id] if child_id else [parent_id]
    logged = client.create_logged_model(
        experiment_id,
        name=name,
        source_run_id=run_ids[0],
        tags={
            LABEL_TAG: entry.label,
            INPUTS_TAG: f"raw features of the dataset, unscaled: {len(entry.features)} columns",
            OUTPUTS_TAG: entry.outputs,
            TRIAL_TAG: str(entry.trial_number),
            PARENT_TAG: parent_id,
        },
        model_type="keras",
    )
    with tempfile.TemporaryDirectory() as folder:
        _save(entry, folder, logged.model_id, run_ids[0])
        client.log_model_artifacts(logged.model_id, folder)
    _link(client, run_ids, logged.model_id)
    client.finalize_logged_model(logged.model_id, "READY")
    return str(logged.model_id)


def _known_models(
    client: "MlflowClient", experiment_id: str, parent_id: str, child_id: str | None, name: str
) -> list[Any]:
    """Return the models of a name that belong to a parent run.

    The source alone does not tell: it is another run where the child was replaced, or was
    not sent when the model was, or where another trial was the best before.
    """
    # Those of an earlier version carry no tag of the parent, which shows them as output.
    shown = client.get_run(parent_id).outputs
    identifiers = {output.model_id for output in shown.model_outputs} if shown else set()
    return [
        model
        for model in _named_models(client, experiment_id, name)
        if model.tags.get(PARENT_TAG) == parent_id
        or model.model_id in identifiers
        or model.source_run_id in (parent_id, child_id)
    ]


def _named_models(client: "MlflowClient", experiment_id: str, name: str) -> Iterator[Any]:
    token: str | None = None
    while True:
        page = client.search_logged_models(
            [experiment_id],
            filter_string=f"name = '{name}'",  # A model's name has no quotes.
            max_results=PAGE,
            page_token=token,
        )
        yield from page
        token = page.token
        if not token:
            return


def _keep_one(client: "MlflowClient", known: list[Any], entry: LoggedModel) -> str | None:
    """Keep the complete model of the trial, if there is one, and delete all others."""
    complete: str | None = None
    for model in known:
        is_complete = str(model.status) == "READY"
        if (
            complete is None
            and is_complete
            and model.tags.get(TRIAL_TAG) == str(entry.trial_number)
        ):
            complete = str(model.model_id)
        else:
            client.delete_logged_model(model.model_id)
    return complete


def _save(entry: LoggedModel, folder: str, model_id: str, run_id: str) -> None:
    model = import_module("mlflow.models").Model
    import_module("mlflow.keras").save_model(
        entry.model,
        folder,
        # The flavour refuses a signature of named columns, and keeps the one of its model.
        mlflow_model=model(
            model_id=model_id, model_uuid=model_id, run_id=run_id, signature=_signature(entry)
        ),
        input_example=_frame(entry),
        # Given, so that MLflow does not load the model in a new process to find them out.
        pip_requirements=_requirements(),
    )


def _frame(entry: LoggedModel) -> "DataFrame":
    frame: DataFrame = import_module("pandas").DataFrame(
        entry.input_example, columns=list(entry.features)
    )
    return frame


def _signature(entry: LoggedModel) -> "ModelSignature":
    types = import_module("mlflow.types")
    output_shape = tuple(entry.model.compute_output_shape((None, len(entry.features))))
    # Doubles: MLflow takes any numbers for them, and refuses a double where it expects a float.
    inputs = [types.ColSpec("double", name) for name in entry.features]
    outputs = types.TensorSpec(np.dtype(entry.model.compute_dtype), (-1, *output_shape[1:]))
    signature: ModelSignature = import_module("mlflow.models").ModelSignature(
        inputs=types.Schema(inputs), outputs=types.Schema([outputs])
    )
    return signature


def _requirements() -> list[str]:
    # Looked up, not imported: a model in hand means that its caller has Keras loaded.
    backend = sys.modules["keras"].config.backend()
    return [_pinned(module) for module in ("mlflow", "keras", backend, "numpy")]


def _pinned(module: str) -> str:
    try:
        return f"{module}=={version(module)}"
    except PackageNotFoundError:  # For instance tensorflow from the distribution tensorflow-cpu.
        distribution = packages_distributions()[module][0]
        return f"{distribution}=={version(distribution)}"


def _link(client: "MlflowClient", run_ids: list[str], model_id: str) -> None:
    output = import_module("mlflow.entities").LoggedModelOutput
    for run_id in run_ids:
        client.log_outputs(run_id, [output(model_id, step=0)])
