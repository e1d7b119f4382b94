"""The runs between the run of a study and its trials: one for each compared optimizer."""

from collections.abc import Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from benchmark.tracking.batches import send_params, send_points, send_tags
from benchmark.tracking.child import RunStatus
from benchmark.tracking.mlflow_internals import (
    COLOUR_TAG,
    NOTE_TAG,
    PARENT_TAG,
    TAG_LENGTH,
)
from benchmark.tracking.overview import OptimizerOverview

if TYPE_CHECKING:
    from mlflow import MlflowClient

KIND_TAG = "kind"
OPTIMIZER = "optimizer"
STUDY_RUN_TAG = "study_run"
OVERVIEW_TAG = "kappabench.overview"
"""The hash of the overview that a run shows, so that none is written twice."""


def digest(overview: object) -> str:
    """Return what tells an overview from every other."""
    return sha256(repr(overview).encode()).hexdigest()


class OptimizerRuns:
    """Finds and creates them; a label has one.

    Args:
        client: the store.
        experiment_id: the experiment.
        parent_id: the run of the study.
        started: when that began, in milliseconds of Unix time: the time of all values, so that what
            is written again is there already.
        origin: tags of every run.
    """

    def __init__(
        self,
        client: "MlflowClient",
        experiment_id: str,
        parent_id: str,
        started: int,
        origin: Mapping[str, str],
    ) -> None:
        self._client = client
        self._experiment_id = experiment_id
        self._parent_id = parent_id
        self._started = started
        self._origin = origin
        self._runs: dict[str, str] = {}
        self._overviews: dict[str, str] = {}
        self._ended: list[str] = []

    def take_note(self, run: Any) -> bool:
        """Learn from a run found in the store; returns whether it is one of an optimizer."""
        tags = run.data.tags
        if tags.get(KIND_TAG) != OPTIMIZER:
            return False
        label, run_id = tags.get("label", ""), str(run.info.run_id)
        if label in self._runs:  # Left by a request that was answered too late.
            self._client.delete_run(run_id)
            return True
        self._runs[label] = run_id
        self._overviews[label] = tags.get(OVERVIEW_TAG, "")
        if run.info.status != "RUNNING":
            self._ended.append(run_id)
        return True

    def reopen(self) -> None:
        """Let those that ended with an earlier execution run again."""
        for run_id in self._ended:
            self._client.update_run(run_id, status="RUNNING")
        self._ended.clear()

    def run_of(self, label: str) -> str:
        """Return the run of a label; create it where there is none.

        Args:
            label: the label.
        """
        if label not in self._runs:
            tags = {
                **self._origin,
                PARENT_TAG: self._parent_id,
                STUDY_RUN_TAG: self._parent_id,
                KIND_TAG: OPTIMIZER,
                "label": label,
            }
            run = self._client.create_run(self._experiment_id, tags=tags, run_name=label)
            self._runs[label] = str(run.info.run_id)
        return self._runs[label]

    def show(self, label: str, overview: OptimizerOverview) -> None:
        """Write what an optimizer reached, unless it is there already.

        Args:
            label: the label.
            overview: what it reached.
        """
        run_id, written = self.run_of(label), digest(overview)
        before = self._overviews.get(label, "")
        if before == written:
            return
        # A parameter of MLflow never changes; the description has the settings as they are now.
        known = self._client.get_run(run_id).data.params
        params = {name: value for name, value in overview.params.items() if name not in known}
        send_params(self._client, run_id, params)
        # Another value at the same time would stand beside the earlier one; a later one counts.
        send_points(self._client, run_id, overview.points, None if before else self._started)
        note = overview.description[:TAG_LENGTH]
        tags = {NOTE_TAG: note, COLOUR_TAG: overview.colour, OVERVIEW_TAG: written}
        # The last of all: what a kill has left half written is written again.
        send_tags(self._client, run_id, tags)
        self._overviews[label] = written

    def end(self, status: RunStatus) -> None:
        """Terminate them.

        Args:
            status: how the run of the study ended.
        """
        for run_id in self._runs.values():
            self._client.set_terminated(run_id, status)
