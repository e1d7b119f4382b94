"""One run of a study in MLflow: its own run, one for each optimizer, and one for each trial."""

import getpass
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark.tracking.batches import send_params, send_points, send_tags
from benchmark.tracking.child import ChildRun, Point, child_run, metric_name, run_status
from benchmark.tracking.client import open_client
from benchmark.tracking.dataset import TrackedDataset, dataset_input
from benchmark.tracking.embedded import EmbeddedStore
from benchmark.tracking.location import TrackingError, artifact_root_of, sqlite_file
from benchmark.tracking.mlflow_internals import (
    KIND_TAG,
    MODEL_DEVELOPMENT,
    NOTE_TAG,
    PARENT_TAG,
    SOURCE_NAME_TAG,
    SOURCE_TYPE_TAG,
    TAG_LENGTH,
    USER_TAG,
)
from benchmark.tracking.models import LoggedModel, log_model
from benchmark.tracking.optimizer_runs import OVERVIEW_TAG, OptimizerRuns, digest
from benchmark.tracking.overview import RunOverview, TrackedStudy
from benchmark.tracking.running import RunningTrials
from benchmark.tracking.saved_views import is_supported, superfluous, view_tags
from benchmark.trial import Report, Status, Trial, TrialResult

if TYPE_CHECKING:
    from mlflow import MlflowClient

RUN_TAG = "kappabench.run"
TRIAL_TAG = "trial"
STUDY_RUN_TAG = "study_run"
"""Of trials and optimizers: the run of the study, by which the pages are filtered."""
PAGE = 500
TRIALS_PER_TRANSACTION = 100
"""About 15,000 rows: nobody else can write to a SQLite file for a tenth of a second."""
Finished = tuple[TrialResult, Sequence[Report], int]
"""A trial, its reports, and when it ended, in milliseconds of Unix time."""


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
        study: what arranges the pages of the run.
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
        study: TrackedStudy,
        dataset: TrackedDataset | None,
        artifact_root: Path | None,
    ) -> None:
        self._uri = uri
        self._experiment = experiment
        self._run_name = run_name
        self._identity = identity
        self._tags = dict(tags)
        self._study = study
        self._dataset = dataset
        self._artifact_root = artifact_root
        self._client: MlflowClient | None = None
        self._embedded: EmbeddedStore | None = None
        self._inputs: list[Any] = []
        self._experiment_id = ""
        self._parent_id = ""
        self._started = 0
        self._overview = ""
        self._optimizers: OptimizerRuns | None = None
        self._running: RunningTrials | None = None
        self._children: dict[int, str] = {}
        self._best: dict[str, float] = {}
        self._live: list[Point] = []

    def connect(self) -> None:
        """Open the store; find or create experiment and parent; learn what is complete."""
        if self._client is not None:
            return
        client = open_client(self._uri)
        is_first = not self._parent_id
        self._experiment_id = self._find_or_create_experiment(client)
        self._parent_id = self._find_or_create_parent(client)
        known = client.get_run(self._parent_id).data.params  # which never change
        params = {name: value for name, value in self._study.params.items() if name not in known}
        send_params(client, self._parent_id, params)
        self._inputs = [] if self._dataset is None else [dataset_input(self._dataset)]
        if self._inputs:
            client.log_inputs(self._parent_id, self._inputs)
        self._children, self._best, self._live = {}, {}, []
        self._optimizers = self._optimizer_runs(client)
        self._running = RunningTrials(
            client, lambda child: self._create(client, child), self._study.logarithmic
        )
        for run in self._find_below(client):
            if not self._optimizers.take_note(run):
                self._take_note(client, run)
        if is_first:  # Reconnecting after `finish` must not reopen them.
            self._optimizers.reopen()
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
            child = child_run(result, reports, end_time, self._study.logarithmic)
            child = self._below_optimizer(child)
            if self._running is not None and number in self._running:
                self._children[number] = self._running.complete(number, child)
            elif self._embedded is None:
                self._children[number] = self._write(client, child)
            else:
                children[number] = child
            # As in the search itself: a replicate is not a new proposal.
            if result.status.is_usable and result.trial.phase == "search":
                self._improve(result.trial.label, result.objective, result.trial.direction)
            self._live += self._live_points(len({*self._children, *children}))
        if self._embedded is not None and children:
            now = int(1000 * time.time())
            runs = self._embedded.write(list(children.values()), _origin(), self._live, now)
            self._children |= zip(children, runs, strict=True)
            self._live = []

    def log_running(self, trials: Sequence[tuple[Trial, Sequence[Report]]]) -> None:
        """Write what is new of trials that are still trained.

        Args:
            trials: each with its reports until now.
        """
        self._connected()
        for trial, reports in trials:
            if self._running is not None and not self.has(trial.number):
                self._running.show(trial, reports)

    def log_views(self) -> None:
        """Save the prepared views of the run, and forget those of the oldest ones.

        MLflow does not document the form of a view, so that another version may refuse it: then
        there are none.
        """
        client = self._connected()
        if not is_supported():
            return
        tags = view_tags(
            self._study,
            identity=self._identity,
            run_name=self._run_name,
            parent_id=self._parent_id,
            started=self._started,
        )
        try:
            present = client.get_experiment(self._experiment_id).tags
            for key in superfluous(present, tags):
                client.delete_experiment_tag(self._experiment_id, key)
            for key, value in tags.items():
                if present.get(key) != value:
                    client.set_experiment_tag(self._experiment_id, key, value)
        except Exception:
            if not self.is_reachable():
                raise

    def flush(self) -> None:
        """Send the parent's live metrics: best objective by label over finished trials."""
        # Held back while trials wait: one more transaction a trial would slow the queue.
        send_points(self._connected(), self._parent_id, self._live)
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

    def log_overview(self, overview: RunOverview) -> None:
        """Write what the run found on its run and on those of its optimizers.

        Args:
            overview: what it found.
        """
        client = self._connected()
        for label, reached in overview.optimizers.items():
            if self._optimizers is not None:
                self._optimizers.show(label, reached)
        written = digest(overview)
        if self._overview != written:
            when = None if self._overview else self._started
            send_points(client, self._parent_id, overview.points, when)
        self._tags |= {NOTE_TAG: overview.description[:TAG_LENGTH], OVERVIEW_TAG: written}
        send_tags(client, self._parent_id, self._tags)
        self._overview = written

    def finish(self, status: Status) -> None:
        """Terminate the parent and the runs of its optimizers; drop trials that did not end."""
        client = self._connected()
        if self._running is not None and self._optimizers is not None:
            self._running.drop()
            self._optimizers.end(run_status(status))
        client.set_terminated(self._parent_id, run_status(status))

    def _connected(self) -> "MlflowClient":
        if self._client is None:
            raise RuntimeError("connect must be called before anything is logged to MLflow.")
        return self._client

    def _optimizer_runs(self, client: "MlflowClient") -> OptimizerRuns:
        return OptimizerRuns(
            client,
            self._experiment_id,
            self._parent_id,
            self._started,
            _origin(),
        )

    def _find_below(self, client: "MlflowClient") -> list[Any]:
        """The runs of optimizers and trials; those of earlier releases are the parent's own."""
        # The whole list first: deleting while paging would shift the pages.
        runs = [
            run
            for tag in (STUDY_RUN_TAG, PARENT_TAG)
            for run in self._search(client, f"tags.`{tag}` = '{self._parent_id}'")
        ]
        return list({run.info.run_id: run for run in runs}.values())

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
        tags = {**self._tags, **_origin(), RUN_TAG: self._identity, "kind": "study"}
        if not parents:
            run = client.create_run(self._experiment_id, tags=tags, run_name=self._run_name)
            self._started = int(run.info.start_time)
            return str(run.info.run_id)
        oldest = min(parents, key=lambda run: run.info.start_time)
        run_id, self._started = str(oldest.info.run_id), int(oldest.info.start_time)
        self._overview = oldest.data.tags.get(OVERVIEW_TAG, "")
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

    def _below_optimizer(self, child: ChildRun) -> ChildRun:
        """The run of a trial, below that of its optimizer."""
        if self._optimizers is None:
            raise RuntimeError("connect must be called before anything is logged to MLflow.")
        parent_id = self._optimizers.run_of(child.tags["label"])
        above = {PARENT_TAG: parent_id, STUDY_RUN_TAG: self._parent_id}
        return replace(child, tags={**child.tags, **above})

    def _create(self, client: "MlflowClient", child: ChildRun) -> str:
        tags = {**self._below_optimizer(child).tags, **_origin()}
        run = client.create_run(
            self._experiment_id, start_time=child.start_time, tags=tags, run_name=child.name
        )
        run_id = str(run.info.run_id)
        send_params(client, run_id, child.params)
        if self._inputs:
            client.log_inputs(run_id, self._inputs)
        return run_id

    def _write(self, client: "MlflowClient", child: ChildRun) -> str:
        run_id = self._create(client, child)
        send_points(client, run_id, child.points, child.end_time)
        client.set_terminated(run_id, child.status, child.end_time)
        return run_id

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
