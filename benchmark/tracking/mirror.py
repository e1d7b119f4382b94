"""One run of a study in MLflow: a parent run, and a child run for each finished trial."""

import getpass
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmark.tracking.child import ChildRun, Point, child_run, metric_name, run_status
from benchmark.tracking.client import open_client
from benchmark.tracking.embedded import EmbeddedStore
from benchmark.tracking.location import TrackingError, artifact_root_of, sqlite_file
from benchmark.tracking.mlflow_internals import (
    DATASET_CONTEXT_TAG,
    DIGEST_LENGTH,
    KIND_TAG,
    METRICS_PER_BATCH,
    MODEL_DEVELOPMENT,
    PARAMS_PER_BATCH,
    PARENT_TAG,
    SOURCE_NAME_TAG,
    SOURCE_TYPE_TAG,
    USER_TAG,
)
from benchmark.tracking.models import LoggedModel, log_model
from benchmark.trial import Report, Status, TrialResult
from benchmark.urls import without_secrets

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import DatasetInput

RUN_TAG = "kappabench.run"
TRIAL_TAG = "trial"
PAGE = 500
TRIALS_PER_TRANSACTION = 100
"""About 15,000 rows: nobody else can write to a SQLite file for a tenth of a second."""
Finished = tuple[TrialResult, Sequence[Report], int]
"""A trial, its reports, and when it ended, in milliseconds of Unix time."""


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


class RunMirror:
    """The blocking side of the tracker: every method may take long and may raise.

    A child is complete when its run is terminated, which is the last thing written of it.
    After any failure :meth:`connect` finds out from the store itself what is complete,
    so that nothing is sent twice, and nothing half-written stays.

    Args:
        uri: the tracking URI.
        experiment: the experiment's name: the study.
        run_name: the parent's name: one run of the study.
        identity: the value of the tag by which the parent is found again.
        tags: tags of the parent.
        dataset: the dataset shown as input of parent and children.
        artifact_root: the folder of artifacts; by default the one beside a SQLite file.
    """

    def __init__(
        self,
        uri: str,
        *,
        experiment: str,
        run_name: str,
        identity: str,
        tags: Mapping[str, str],
        dataset: TrackedDataset | None,
        artifact_root: Path | None,
    ) -> None:
        self._uri = uri
        self._experiment = experiment
        self._run_name = run_name
        self._identity = identity
        self._tags = dict(tags)
        self._dataset = dataset
        self._artifact_root = artifact_root
        self._client: MlflowClient | None = None
        self._embedded: EmbeddedStore | None = None
        self._inputs: list[Any] = []
        self._experiment_id = ""
        self._parent_id = ""
        self._children: dict[int, str] = {}
        self._best: dict[str, float] = {}
        self._live: list[Point] = []

    def connect(self) -> None:
        """Open the store; find or create experiment and parent; learn what is complete."""
        if self._client is not None:
            return
        client = open_client(self._uri)
        self._experiment_id = self._find_or_create_experiment(client)
        self._parent_id = self._find_or_create_parent(client)
        self._inputs = [] if self._dataset is None else [_dataset_input(self._dataset)]
        if self._inputs:
            client.log_inputs(self._parent_id, self._inputs)
        self._children, self._best, self._live = {}, {}, []
        # The whole list first: deleting while paging would shift the pages.
        for run in list(self._search(client, f"tags.`{PARENT_TAG}` = '{self._parent_id}'")):
            self._take_note(client, run)
        file = sqlite_file(self._uri)
        self._embedded = None if file is None else EmbeddedStore.open(file, self._parent_id)
        self._client = client

    def disconnect(self) -> None:
        """Forget what is known of the store, so that :meth:`connect` looks again."""
        self._client = None

    def is_reachable(self) -> bool:
        """Whether the store answers; false where it never was connected."""
        if self._client is None:
            return False
        try:
            self._client.search_experiments(max_results=1)
        except Exception:  # Any failure to answer is the answer.
            return False
        return True

    def has(self, number: int) -> bool:
        """Whether a trial is completely in the store."""
        return number in self._children

    @property
    def trials_at_once(self) -> int:
        """How many trials :meth:`log_trials` should be given."""
        return 1 if self._embedded is None else TRIALS_PER_TRANSACTION

    def log_study(self, text: str) -> None:
        """Log the study file as an artifact of the parent."""
        self._connected().log_text(self._parent_id, text, "study.toml")

    def log_trials(self, finished: Sequence[Finished]) -> None:
        """Write child runs, those left out that are there already.

        Args:
            finished: the trials; all are written or none.
        """
        client = self._connected()
        children: dict[int, ChildRun] = {}
        for result, reports, end_time in finished:
            number = result.trial.number
            if self.has(number) or number in children:
                continue
            children[number] = child_run(result, reports, end_time)
            if self._embedded is None:
                self._children[number] = self._write(client, children[number])
            # As in the search itself: a replicate is not a new proposal.
            if result.status.is_usable and result.trial.phase == "search":
                self._improve(result.trial.label, result.objective, result.trial.direction)
            self._live += self._live_points(len({*self._children, *children}))
        if self._embedded is not None and children:
            tags = {**_origin(), PARENT_TAG: self._parent_id}
            now = int(1000 * time.time())
            runs = self._embedded.write(list(children.values()), tags, self._live, now)
            self._children |= zip(children, runs, strict=True)
            self._live = []

    def flush(self) -> None:
        """Send the parent's live metrics: best objective by label over finished trials."""
        # Held back while trials wait: one more transaction a trial would slow the queue.
        self._send_points(self._connected(), self._parent_id, self._live)
        self._live = []

    def log_artifact(self, path: Path) -> None:
        """Log a file, or a folder with what is in it, as artifact of the parent."""
        if path.is_dir():
            self._connected().log_artifacts(self._parent_id, str(path), path.name)
        else:
            self._connected().log_artifact(self._parent_id, str(path))

    def log_model(self, entry: LoggedModel) -> None:
        """Log the best model of a label on the child that trained it and on the parent."""
        child = self._children.get(entry.trial_number)
        log_model(self._connected(), self._experiment_id, self._parent_id, child, entry)

    def finish(self, status: Status) -> None:
        """Terminate the parent."""
        self._connected().set_terminated(self._parent_id, run_status(status))

    def _connected(self) -> "MlflowClient":
        if self._client is None:
            raise RuntimeError("connect must be called before anything is logged to MLflow.")
        return self._client

    def _find_or_create_experiment(self, client: "MlflowClient") -> str:
        experiment = client.get_experiment_by_name(self._experiment)
        if experiment is None:
            root = artifact_root_of(self._uri, self._artifact_root)
            location = None if root is None else (root / self._experiment).as_uri()
            kind = {KIND_TAG: MODEL_DEVELOPMENT}
            return str(client.create_experiment(self._experiment, location, tags=kind))
        if experiment.lifecycle_stage != "active":
            raise TrackingError(
                f"the experiment {self._experiment} must not be deleted in MLflow. Bring it back "
                f"with: mlflow experiments restore --experiment-id {experiment.experiment_id}"
            )
        return str(experiment.experiment_id)

    def _find_or_create_parent(self, client: "MlflowClient") -> str:
        quote = '"' if "'" in self._identity else "'"
        filter_string = f"tags.`{RUN_TAG}` = {quote}{self._identity}{quote}"
        parents = list(self._search(client, filter_string))
        tags = {**self._tags, **_origin(), RUN_TAG: self._identity}
        if not parents:
            run = client.create_run(self._experiment_id, tags=tags, run_name=self._run_name)
            return str(run.info.run_id)
        oldest = min(parents, key=lambda run: run.info.start_time)
        run_id = str(oldest.info.run_id)
        for name, value in tags.items():
            if oldest.data.tags.get(name) != value:
                client.set_tag(run_id, name, value)
        # Once only: reconnecting after `finish` must not reopen the run.
        if oldest.info.status != "RUNNING" and not self._parent_id:
            client.update_run(run_id, status="RUNNING")
        return run_id

    def _search(self, client: "MlflowClient", filter_string: str) -> Iterator[Any]:
        token: str | None = None
        while True:
            page = client.search_runs(
                [self._experiment_id], filter_string, max_results=PAGE, page_token=token
            )
            yield from page
            token = page.token
            if not token:
                return

    def _take_note(self, client: "MlflowClient", run: Any) -> None:
        """Learn from a child found in the store; delete it if incomplete or a double."""
        tags = run.data.tags
        if TRIAL_TAG not in tags:
            return
        number = int(tags[TRIAL_TAG])
        if run.info.status == "RUNNING" or number in self._children:
            client.delete_run(run.info.run_id)
            return
        self._children[number] = run.info.run_id
        if Status(tags["status"]).is_usable and tags["phase"] == "search":
            objective = run.data.metrics.get("objective", math.nan)
            self._improve(tags["label"], objective, tags["direction"])

    def _write(self, client: "MlflowClient", child: ChildRun) -> str:
        tags = {**child.tags, **_origin(), PARENT_TAG: self._parent_id}
        run = client.create_run(
            self._experiment_id, start_time=child.start_time, tags=tags, run_name=child.name
        )
        run_id = str(run.info.run_id)
        self._send_params(client, run_id, child.params)
        self._send_points(client, run_id, child.points, child.end_time)
        if self._inputs:
            client.log_inputs(run_id, self._inputs)
        client.set_terminated(run_id, child.status, child.end_time)
        return run_id

    def _send_params(self, client: "MlflowClient", run_id: str, params: dict[str, str]) -> None:
        param = import_module("mlflow.entities").Param
        entities = [param(name, value) for name, value in params.items()]
        for start in range(0, len(entities), PARAMS_PER_BATCH):
            client.log_batch(run_id, params=entities[start : start + PARAMS_PER_BATCH])

    def _send_points(
        self,
        client: "MlflowClient",
        run_id: str,
        points: Sequence[Point],
        timestamp: int | None = None,
    ) -> None:
        metric = import_module("mlflow.entities").Metric
        when = int(1000 * time.time()) if timestamp is None else timestamp
        entities = [metric(point.key, point.value, when, point.step) for point in points]
        for start in range(0, len(entities), METRICS_PER_BATCH):
            client.log_batch(run_id, metrics=entities[start : start + METRICS_PER_BATCH])

    def _improve(self, label: str, objective: float, direction: str) -> None:
        best = self._best.get(label)
        better = min if direction == "minimize" else max
        if math.isfinite(objective):
            self._best[label] = objective if best is None else better(best, objective)

    def _live_points(self, done: int) -> list[Point]:
        best = [
            Point(metric_name(f"best/{label}"), value, done) for label, value in self._best.items()
        ]
        return [*best, Point("trials_done", float(done), done)]


def _origin() -> dict[str, str]:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # A container's user may have no name.
        user = "unknown"
    return {
        USER_TAG: user,
        SOURCE_NAME_TAG: "kappabench",
        SOURCE_TYPE_TAG: "LOCAL",
    }


def _dataset_input(dataset: TrackedDataset) -> "DatasetInput":
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
