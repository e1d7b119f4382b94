"""Against a real SQLite store, read back with plain SQL."""

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmark.tracking import (
    OptimizerOverview,
    Point,
    RunOverview,
    TrackedDataset,
    TrackedStudy,
    Tracker,
    Unsent,
    check_tracking,
)
from benchmark.tracking import mirror as mirror_module
from benchmark.tracking import tracker as tracker_module
from benchmark.tracking.client import open_client
from benchmark.tracking.embedded import EmbeddedStore
from benchmark.tracking.saved_views import is_supported
from benchmark.trial import Status

# MLflow uses what SQLAlchemy 2.1 deprecates; nothing of ours does.
pytestmark = pytest.mark.filterwarnings("ignore:::mlflow")
Make = Callable[..., Any]
DATASET = TrackedDataset(
    name="digits",
    source="sklearn.datasets.load_digits",
    x=np.zeros((1797, 64)),
    y=np.zeros(1797, np.int32),
    digest="0123456789abcdef" * 4,
)


def _send(store: Any, records: Sequence[Any], told: list[str] | None = None, **finish: Any) -> None:
    tracker = Tracker(store.uri, "study", "run 1", (told if told is not None else []).append)
    tracker.start("question = 'which?'\n", {"question": "which?"}, DATASET)
    tracker.mirror(records)
    tracker.finish(**finish)
    assert tracker.close(timeout=60.0) == Unsent()


def test_run_is_an_experiment_a_parent_and_a_child_a_trial(make: Make, store: Any) -> None:
    records = [
        make(0, curvature={"lambda_max": 4.0}),
        make(1, label="sgd", status=Status.DIVERGED),
        make(2, status=Status.PRUNED),
    ]
    told: list[str] = []
    _send(store, records, told)

    assert told == []
    assert ("study", "active") in store.rows("SELECT name, lifecycle_stage FROM experiments")
    ((parent, name, status),) = store.parents()
    assert (name, status) == ("run 1", "FINISHED")
    assert store.tags(parent)["question"] == "which?"
    children = store.children()
    assert {n: status for n, (_, status) in children.items()} == {
        0: "FINISHED",
        1: "FAILED",
        2: "KILLED",
    }
    run_id = children[0][0]
    # The optimizer stands between the trial and the study.
    optimizer = store.tags(run_id)["mlflow.parentRunId"]
    assert store.rows("SELECT name FROM runs WHERE run_uuid = ?", optimizer) == [("adam",)]
    assert store.tags(optimizer)["mlflow.parentRunId"] == parent
    assert store.tags(run_id)["study_run"] == store.tags(optimizer)["study_run"] == parent
    assert store.tags(run_id)["mlflow.runName"] == "adam 0"
    assert store.params(run_id)["learning_rate"] == "0.001"
    assert store.curve(run_id, "validation_loss") == [(0, 1.0), (1, 1 / 2), (2, 1 / 3), (3, 1 / 4)]
    assert store.curve(run_id, "curvature/lambda_max") == [(e, 4.0) for e in range(4)]
    assert store.curve(run_id, "objective") == [(3, 0.25)]


def test_parent_and_children_have_the_dataset_as_input(make: Make, store: Any) -> None:
    _send(store, [make(0), make(1)])
    rows = store.rows(
        "SELECT i.destination_id, d.name, d.digest FROM inputs i"
        " JOIN datasets d ON d.dataset_uuid = i.source_id"
    )
    runs = {store.parents()[0][0], *(run_id for run_id, _ in store.children().values())}
    assert {run for run, _, _ in rows} == runs
    assert {(name, digest) for _, name, digest in rows} == {("digits", DATASET.digest[:36])}


def test_study_and_given_files_are_artifacts(make: Make, store: Any, tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    report.write_text("<p>done")
    figures = tmp_path / "figures"
    figures.mkdir()
    (figures / "curves.html").write_text("<p>curves")
    _send(store, [make(0)], artifacts=[report, figures])
    parent = store.parents()[0][0]
    folder = store.file.parent / "mlartifacts" / "study" / parent / "artifacts"
    assert (folder / "study.toml").read_text() == "question = 'which?'\n"
    assert (folder / "report.html").read_text() == "<p>done"
    assert (folder / "figures" / "curves.html").read_text() == "<p>curves"


def test_special_values_are_stored_as_gaps(make: Make, store: Any) -> None:
    special = {"train_loss": math.inf, "gradient_norm": -math.inf, "update_norm": math.nan}
    huge = {"tiny": 5e-324, "huge": 1.7e308}
    _send(store, [make(0, status=Status.DIVERGED, epochs=1, metrics=special | huge)])
    ((run_id, _),) = store.children().values()
    for key in special:
        assert [math.isnan(value) for _, value in store.curve(run_id, key)] == [True, True]
    assert math.isnan(store.curve(run_id, "objective")[0][1])
    assert store.curve(run_id, "tiny") == [(0, 5e-324), (1, 5e-324)]
    assert store.curve(run_id, "huge") == [(0, 1.7e308), (1, 1.7e308)]
    assert "train_loss = inf after epoch 0" in store.tags(run_id)["non_finite"]


def test_many_metrics_go_in_batches(
    make: Make, store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow

    sizes = []
    log_batch = mlflow.MlflowClient.log_batch

    def counting(self: Any, run_id: str, metrics: Any = (), **rest: Any) -> Any:
        sizes.append(len(metrics))
        return log_batch(self, run_id, metrics=metrics, **rest)

    monkeypatch.setattr(mlflow.MlflowClient, "log_batch", counting)
    monkeypatch.setattr(EmbeddedStore, "open", lambda *_: None)  # As for a server.
    _send(store, [make(0, epochs=1500)])
    ((run_id, _),) = store.children().values()
    expected = [(epoch, 1 / (epoch + 1)) for epoch in range(1501)]
    assert store.curve(run_id, "validation_loss") == expected
    assert 900 <= max(sizes) <= 1000


def test_sending_again_adds_nothing(
    make: Make, store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Pages smaller than the run, so that paging is part of what is tested.
    monkeypatch.setattr(mirror_module, "PAGE", 2)
    records = [make(number) for number in range(5)]
    _send(store, records[:3])
    before = store.children(), store.rows("SELECT COUNT(*) FROM metrics")
    _send(store, records[:3])
    assert (store.children(), store.rows("SELECT COUNT(*) FROM metrics")) == before
    _send(store, records)
    assert set(store.children()) == {0, 1, 2, 3, 4}
    assert {n: run for n, run in store.children().items() if n < 3} == before[0]
    assert len(store.parents()) == 1


def test_interrupted_children_are_replaced(make: Make, store: Any) -> None:
    _send(store, [make(0), make(1)])
    (half, _), (whole, _) = store.children()[1], store.children()[0]
    client = open_client(store.uri)
    client.update_run(half, status="RUNNING")  # As a kill before the last write leaves it.
    _send(store, [make(0), make(1)])
    children = store.children()
    assert children[0] == (whole, "FINISHED")
    assert children[1][0] != half
    assert children[1][1] == "FINISHED"


def test_parent_shows_the_best_of_each_label_live(make: Make, store: Any) -> None:
    records = [
        make(0, objective=0.5),
        make(1, objective=0.9),
        make(2, objective=0.1, status=Status.PRUNED),  # not ranked
        make(3, objective=0.2, label="sgd"),
        make(4, objective=0.05, phase="replicate"),  # no proposal of the search
        make(5, objective=0.4),
    ]
    _send(store, records[:4])
    _send(store, records[4:])  # A resumed run goes on where the first stopped.
    parent = store.parents()[0][0]
    best = [(1, 0.5), (2, 0.5), (3, 0.5), (4, 0.5), (5, 0.5), (6, 0.4)]
    assert store.curve(parent, "best/adam") == best
    assert store.curve(parent, "best/sgd") == [(4, 0.2), (5, 0.2), (6, 0.2)]
    assert store.curve(parent, "trials_done") == [(n, float(n)) for n in range(1, 7)]


def test_resumed_folder_is_sent_where_missing(
    make: Make, store: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import benchmark.results

    records = [make(number) for number in range(3)]
    _send(store, records[:1])
    before = store.children()
    read = {tmp_path: iter(records)}
    monkeypatch.setattr(benchmark.results, "read_records", read.__getitem__, raising=False)
    tracker = Tracker(store.uri, "study", "run 1", lambda _: None)
    tracker.start("", resume_from=tmp_path)
    tracker.log_trial(*make(3))
    tracker.finish(status=Status.INTERRUPTED)
    assert tracker.close(timeout=60.0) == Unsent()
    assert set(store.children()) == {0, 1, 2, 3}
    assert store.children()[0] == before[0]
    assert store.parents()[0][2] == "KILLED"


def test_deleted_experiment_is_told_with_the_remedy(make: Make, store: Any) -> None:
    client = open_client(store.uri)
    identifier = client.create_experiment("study")
    client.delete_experiment(identifier)
    told: list[str] = []
    tracker = Tracker(store.uri, "study", "run 1", told.append)
    tracker.start("")
    tracker.log_trial(*make(0))
    assert tracker.close(timeout=60.0) == Unsent(1, ("the study file",))
    assert len(told) == 1
    assert f"mlflow experiments restore --experiment-id {identifier}" in told[0]


def test_unusable_file_is_told_and_rows_are_counted(make: Make, tmp_path: Path) -> None:
    (tmp_path / "results").write_text("a file where a folder should be")
    told: list[str] = []
    tracker = Tracker(f"sqlite:///{tmp_path}/results/mlflow.db", "study", "run 1", told.append)
    tracker.start("")
    tracker.log_trial(*make(0))
    assert tracker.close(timeout=60.0) == Unsent(1, ("the study file",))
    assert len(told) == 1
    assert "does not answer" in told[0]


def test_check_knows_a_store_a_missing_one_and_a_wrong_file(
    make: Make, store: Any, tmp_path: Path
) -> None:
    _send(store, [make(0)])
    assert check_tracking(store.uri, 1.0) == (True, f"the MLflow store {store.file} holds 3 runs")
    missing = tmp_path / "new" / "deep" / "mlflow.db"
    assert check_tracking(f"sqlite:///{missing}", 1.0) == (
        True,
        f"the MLflow store {missing} will be created on first use",
    )
    assert not missing.parent.exists()
    # On Linux nobody may make a folder there, root included.
    ok, sentence = check_tracking("sqlite:////proc/new/mlflow.db", 1.0)
    assert not ok
    assert sentence.startswith("the MLflow store /proc/new/mlflow.db cannot be created: /proc is")
    (tmp_path / "file").write_text("where a folder should be")
    ok, sentence = check_tracking(f"sqlite:///{tmp_path}/file/new/mlflow.db", 1.0)
    assert not ok
    assert sentence.endswith(f"{tmp_path}/file is not writable (not a directory)")
    wrong = tmp_path / "wrong.db"
    wrong.write_text("not a database, though long enough to be asked")
    ok, sentence = check_tracking(f"sqlite:///{wrong}", 1.0)
    assert not ok
    assert sentence.startswith(f"the file {wrong} is no MLflow store")
    ok, sentence = check_tracking("nosuchscheme://host/db", 30.0)
    assert not ok
    assert "cannot be used" in sentence


def test_names_with_quotes_are_found_again(make: Make, store: Any) -> None:
    for _ in range(2):
        tracker = Tracker(store.uri, "study", "it's a run", lambda _: None)
        tracker.start("")
        tracker.log_trial(*make(0))
        assert tracker.close(timeout=60.0) == Unsent()
    assert len(store.parents()) == 1
    assert set(store.children()) == {0}
    # Never finished: MLflow shows that the run goes on, or was killed.
    assert store.parents()[0][2] == "RUNNING"


def test_two_runs_of_one_name_stay_two_parents(make: Make, store: Any, tmp_path: Path) -> None:
    from benchmark.results import RunWriter, read_environment

    for place, numbers in (("one", [0, 1]), ("two", [0]), ("one", [0, 1])):
        root = tmp_path / place
        if not root.exists():
            RunWriter.create(root, "study", "question = 'which?'", {}, "first").close()
        identity = read_environment(root / "study" / "first")["identity"]
        tracker = Tracker(store.uri, "study", "first", lambda _: None, identity=identity)
        tracker.start("")
        tracker.mirror([make(number) for number in numbers])
        tracker.finish()
        assert tracker.close(timeout=60.0) == Unsent()
    assert [name for _, name, _ in store.parents()] == ["first", "first"]
    rows = store.rows(
        "SELECT p.value, COUNT(*) FROM runs r JOIN tags p ON p.run_uuid = r.run_uuid"
        " AND p.key = 'study_run' WHERE r.lifecycle_stage = 'active' GROUP BY p.value"
    )
    assert {parent for parent, _ in rows} == {parent for parent, _, _ in store.parents()}
    assert sorted(count for _, count in rows) == [1 + 1, 1 + 2]  # an optimizer each


def test_what_a_run_found_is_written_once_and_again_where_it_changed(
    make: Make, store: Any
) -> None:
    def overview(mean: float) -> RunOverview:
        points = (Point("validation_loss/mean", mean, 3),)
        adam = OptimizerOverview("over 2 replicates", "#0072B2", {"momentum": "0.9"}, points)
        mean_points = (Point("test_loss_mean/adam", mean, 0),)
        return RunOverview(f"**adam** reached {mean}", mean_points, {"adam": adam})

    study = TrackedStudy(params={"seed": "7"}, searched={"adam": ("learning_rate",)})
    for mean in (0.5, 0.5, 0.25):
        tracker = Tracker(store.uri, "study", "run 1", lambda _: None)
        tracker.start("", {"mlflow.note.content": "Which is best?"}, study=study)
        tracker.mirror([make(0), make(1)])
        tracker.finish(overview=overview(mean))
        assert tracker.close(timeout=60.0) == Unsent()
        ((parent, _, _),) = store.parents()
        optimizers = store.rows("SELECT run_uuid, status FROM runs WHERE name = 'adam'")
        ((adam, status),) = optimizers
        assert status == "FINISHED"
        assert _latest(store, adam, "validation_loss/mean") == mean
        assert _latest(store, parent, "test_loss_mean/adam") == mean
        assert store.tags(parent)["mlflow.note.content"] == f"**adam** reached {mean}"
        views = store.rows("SELECT key FROM experiment_tags WHERE key LIKE 'mlflow.sharedView%'")
        assert len(views) == (5 if is_supported() else 0)
        if mean == 0.5:  # written twice, and there once
            assert store.curve(parent, "test_loss_mean/adam") == [(0, 0.5)]
            assert store.curve(adam, "validation_loss/mean") == [(3, 0.5)]
    assert store.params(parent) == {"seed": "7"}
    assert store.params(adam) == {"momentum": "0.9"}
    assert store.tags(adam)["mlflow.runColor"] == "#0072B2"


def _latest(store: Any, run: str, key: str) -> Any:
    query = "SELECT value FROM latest_metrics WHERE run_uuid = ? AND key = ?"
    ((value,),) = store.rows(query, run, key)
    return value


@pytest.mark.parametrize("is_embedded", [True, False])
def test_a_trial_is_seen_while_it_is_trained_and_ends_as_any_other(
    make: Make, store: Any, monkeypatch: pytest.MonkeyPatch, is_embedded: bool
) -> None:
    monkeypatch.setattr(tracker_module, "PROGRESS_SECONDS", 0.05)
    if not is_embedded:
        monkeypatch.setattr(EmbeddedStore, "open", lambda *_: None)
    tracker = Tracker(store.uri, "study", "run 1", lambda _: None)
    tracker.start("")
    records = {number: make(number, curvature={"lambda_max": 4.0}) for number in range(3)}
    reports: list[Any] = []
    for number in (0, 2):
        tracker.trial_started(records[number][0].trial, reports if number == 0 else [])
    reports += records[0][1][:2]
    _until(lambda: len(store.curve(*_running(store), "validation_loss")) == 2)
    assert store.children()[0][1] == "RUNNING"
    assert store.tags(*_running(store))["status"] == "running"
    reports += records[0][1][2:]
    for number in (0, 1):
        tracker.log_trial(*records[number])
    tracker.finish(status=Status.INTERRUPTED)
    assert tracker.close(timeout=60.0) == Unsent()
    # Trial 2 did not end: a resumed study trains it again.
    assert {n: status for n, (_, status) in store.children().items()} == dict.fromkeys(
        (0, 1), "FINISHED"
    )
    (followed, _), (other, _) = store.children()[0], store.children()[1]
    assert store.tags(followed)["status"] == store.tags(other)["status"] == "completed"
    names = [
        {name for (name,) in store.rows("SELECT key FROM metrics WHERE run_uuid = ?", run)}
        for run in (followed, other)
    ]
    assert names[0] == names[1]
    assert store.curve(followed, "validation_loss") == [(e, 1 / (e + 1)) for e in range(4)]
    assert store.curve(followed, "curvature/lambda_max") == [(e, 4.0) for e in range(4)]


def _running(store: Any) -> tuple[str]:
    """The run of trial 0, or an empty name where it is not there yet."""
    return (store.children().get(0, ("", ""))[0],)


def _until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_trials_of_an_earlier_release_stay_where_they_are(make: Make, store: Any) -> None:
    _send(store, [make(0)])
    ((parent, _, _),) = store.parents()
    (child, _) = store.children()[0]
    client = open_client(store.uri)
    client.set_tag(child, "mlflow.parentRunId", parent)  # As they stood below the study.
    client.delete_tag(child, "study_run")
    _send(store, [make(0), make(1)])
    assert store.children()[0][0] == child
    assert set(store.children()) == {0, 1}
