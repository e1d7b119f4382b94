"""The tags that hold prepared views: what MLflow's page would read from them."""

import base64
import json
import zlib
from importlib import metadata
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from benchmark.tracking import TrackedStudy
from benchmark.tracking.saved_views import (
    MOST_VIEWS,
    is_prepared,
    is_supported,
    links,
    superfluous,
    view_tags,
)

STUDY = TrackedStudy(
    metrics=("validation_loss", "train_loss", "validation_accuracy"),
    searched={
        "sgd": ("learning_rate", "momentum"),
        "keras:Adam": ("learning_rate", "beta_1"),
    },
    logarithmic=frozenset({"learning_rate"}),
    replicates=5,
    is_diagnosed=True,
)


def _tags(identity: str = "a run", started: int = 1000, study: TrackedStudy = STUDY) -> Any:
    return view_tags(
        study, identity=identity, run_name="first", parent_id="c0ffee", started=started
    )


def _state(value: str) -> Any:
    packed = json.loads(value)["state"].removeprefix("deflate;")
    return json.loads(zlib.decompress(base64.b64decode(packed)))


def test_a_view_lists_runs_of_its_study_and_draws_what_it_says() -> None:
    states = {json.loads(value)["name"]: _state(value) for value in _tags().values()}
    assert list(states) == [
        "Convergence by optimizer (first)",
        "Conditioning by optimizer (first)",
        "Optimizers side by side (first)",
        "Search space of sgd (first)",
        "Search space of keras:Adam (first)",
        "All trials (first)",
    ]
    for state in states.values():
        assert state["searchFilter"].startswith("tags.study_run = 'c0ffee' AND ")
        assert "start_time" not in state["orderByKey"]  # or the runs are folded below others
    drawn = states["Conditioning by optimizer (first)"]
    assert drawn["groupBy"]["groupByKeys"] == [{"mode": "tag", "groupByData": "label"}]
    assert {card["scaleType"] for card in drawn["compareRunCharts"]} == {"log"}
    assert [card["metricKey"] for card in drawn["compareRunCharts"]] == [
        "curvature/lambda_max",
        "curvature/condition_number",
        "curvature/condition_number_lower_bound",
    ]
    (axes,) = states["Search space of keras:Adam (first)"]["compareRunCharts"]
    assert axes["selectedParams"] == ["log10_learning_rate", "beta_1"]


@pytest.mark.parametrize("labels", [2, 13])
def test_optimizers_share_a_view_where_their_axes_are_the_same_or_there_are_many(
    labels: int,
) -> None:
    names = [f"momentum_{number if labels > 2 else ''}" for number in range(labels)]
    searched = {f"o{number}": ("learning_rate", name) for number, name in enumerate(names)}
    spaces = {
        json.loads(value)["name"]: _state(value)["compareRunCharts"][0]["selectedParams"]
        for key, value in _tags(study=TrackedStudy(searched=searched)).items()
        if ".space" in key
    }
    shared = ["learning_rate", *([] if labels > 2 else names[:1])]
    assert spaces == {"Search space (first)": shared}


def test_the_newest_run_comes_first_and_the_oldest_give_way() -> None:
    tags = {"mlflow.sharedViewState.f00d": "a view of the user's own", "question": "which?"}
    for number in range(8):
        added = _tags(f"run {number}", started=1000 * number)
        for key in superfluous(tags, added):
            del tags[key]
        tags |= added
    ours = [key for key in tags if is_prepared(key)]
    assert len(ours) == MOST_VIEWS == 4 * len(_tags())
    assert set(_tags("run 7")) < set(tags)
    assert not set(_tags("run 3")) & set(tags)
    assert "mlflow.sharedViewState.f00d" in tags
    newest = [title for title, _ in links([("1", tags)])]
    assert newest[0] == "Convergence by optimizer (first)"
    assert newest == [title for title, _ in links([("1", tags)], "run 7")]
    assert links([("1", tags)], "a run that sent nothing") == []


def test_a_link_names_the_view_and_nothing_that_would_hide_it() -> None:
    for title, link in links([("42", _tags())]):
        path, _, query = urlsplit(link).fragment.partition("?")
        assert path == "/experiments/42/runs"
        assert set(parse_qs(query)) == {"viewStateShareKey", "compareRunsMode", "workflowType"}
        mode = "TABLE" if title.startswith("All trials") else "CHART"
        assert parse_qs(query)["compareRunsMode"] == [mode]


@pytest.mark.parametrize(
    ("version", "expected"), [("3.9.0", False), ("3.17.2", True), ("4.0.0", False), ("dev", False)]
)
def test_views_are_left_out_for_versions_that_are_not_known(
    monkeypatch: pytest.MonkeyPatch, version: str, expected: bool
) -> None:
    monkeypatch.setattr(metadata, "version", lambda _: version)
    assert is_supported() is expected
