"""Prepared pages as saved views of MLflow's interface: tags of the experiment, and their links.

MLflow 3.17 keeps a view as a tag: a name, two times, and the compressed state of the page. Nothing
documents this; it was read from the interface itself. The browser tests open each view.
"""

import base64
import json
import re
import zlib
from collections.abc import Iterable, Mapping
from hashlib import sha256
from importlib import metadata
from typing import Any
from urllib.parse import urlencode

from benchmark.tracking.mlflow_internals import VIEW_KEY, VIEW_LENGTH, VIEW_TAG, VIEW_VERSIONS
from benchmark.tracking.overview import TrackedStudy
from benchmark.tracking.views import (
    CONDITIONING,
    CONVERGENCE,
    OPTIMIZERS,
    SPACE,
    TRIALS,
    Card,
    View,
    views_of,
)

MOST_VIEWS = 24
"""MLflow shows 40 and saves no more; the rest is the user's own."""
LONG, WIDE = 24, 190
"""Names of columns from how many characters on are cut at the usual width, and a wider one."""
_ENDING = 12
"""Of a view's key: characters that tell the run."""


def is_supported() -> bool:
    """Whether the installed MLflow keeps saved views in the form that is known here."""
    version = re.match(r"(\d+)\.(\d+)", metadata.version("mlflow"))
    if version is None:
        return False
    lowest, above = VIEW_VERSIONS
    return lowest <= (int(version[1]), int(version[2])) < above


def view_tag(view: View, identity: str) -> str:
    """Return the key of the tag that holds a view of a run.

    Args:
        view: the view.
        identity: what tells the run from every other.

    Example:
        >>> view_tag(views_of(TrackedStudy())[0], "run 1")
        'mlflow.sharedViewState.convergence-b945d8cb026e'
    """
    return f"{VIEW_TAG}{view.key}-{_ending(identity)}"


def view_tags(
    study: TrackedStudy, *, identity: str, run_name: str, parent_id: str, started: int
) -> dict[str, str]:
    """Return the tags of an experiment that hold the views of one run.

    Args:
        study: what the study compares.
        identity: what tells the run from every other.
        run_name: the name of the study's run.
        parent_id: its identifier.
        started: when it began, in milliseconds of Unix time: MLflow lists the newest view first.
    """
    views = views_of(study)
    tags = {}
    for position, view in enumerate(views):
        state = json.dumps(_state(view, parent_id), separators=(",", ":"))
        packed = base64.b64encode(zlib.compress(state.encode())).decode()
        envelope = {
            "name": f"{view.title} ({run_name})",
            "createdAt": started,
            "updatedAt": started + len(views) - position,
            "state": f"deflate;{packed}",
        }
        value = json.dumps(envelope, separators=(",", ":"), ensure_ascii=False)
        if len(value) <= VIEW_LENGTH:
            tags[view_tag(view, identity)] = value
    return tags


def superfluous(tags: Mapping[str, str], added: Iterable[str]) -> list[str]:
    """Return the tags of our oldest views, those beyond the number that MLflow can show.

    Args:
        tags: all of the experiment.
        added: the keys of those that are about to be written.
    """
    ours = {key for key in tags if is_prepared(key)} - set(added)
    by_age = sorted(ours, key=lambda key: updated_at(tags[key]), reverse=True)
    return by_age[max(0, MOST_VIEWS - len(set(added))) :]


def is_prepared(key: str) -> bool:
    """Whether a tag of an experiment holds a view that was prepared here, not saved by a user."""
    kinds = "|".join((CONVERGENCE, CONDITIONING, OPTIMIZERS, SPACE, TRIALS))
    return bool(re.fullmatch(rf"{re.escape(VIEW_TAG)}({kinds})(-\d+)?-[0-9a-f]{{{_ENDING}}}", key))


def updated_at(value: str) -> float:
    """Return when a view was last written; 0 where that cannot be read."""
    try:
        return float(json.loads(value)["updatedAt"])
    except (ValueError, TypeError, KeyError):
        return 0.0


def links(
    experiments: Iterable[tuple[str, Mapping[str, str]]], identity: str | None = None
) -> list[tuple[str, str]]:
    """Return name and address, after that of the server, of each prepared view of one run.

    The address must not name a filter or an order: MLflow would not look at the view.

    Args:
        experiments: the identifier and the tags of each.
        identity: of the run; by default the run whose views are the newest.
    """
    prepared = [
        (updated_at(value), experiment, key, value)
        for experiment, tags in experiments
        for key, value in tags.items()
        if is_prepared(key)
    ]
    prepared.sort(reverse=True)
    if not prepared:
        return []
    ending = _ending(identity) if identity is not None else prepared[0][2][-_ENDING:]
    return [
        (_title(value), _address(experiment, key))
        for _, experiment, key, value in prepared
        if key.endswith(ending)
    ]


def _title(value: str) -> str:
    try:
        return str(json.loads(value)["name"])
    except (ValueError, TypeError, KeyError):  # written by somebody else
        return "a view that cannot be read"


def _ending(identity: str) -> str:
    return sha256(identity.encode()).hexdigest()[:_ENDING]


def _address(experiment_id: str, key: str) -> str:
    identifier = key.removeprefix(VIEW_TAG)
    mode = "TABLE" if identifier.startswith(TRIALS) else "CHART"
    query = urlencode(
        {VIEW_KEY: identifier, "compareRunsMode": mode, "workflowType": "machine_learning"}
    )
    return f"/#/experiments/{experiment_id}/runs?{query}"


def _state(view: View, parent_id: str) -> dict[str, Any]:
    """The state of the page, as MLflow's interface writes it."""
    conditions = (f"tags.study_run = '{parent_id}'", *view.conditions)
    columns = [f"{kind}.`{name}`" for kind, name in view.columns]
    section = "section"
    cards = [_card(card, f"card-{index}", section) for index, card in enumerate(view.cards)]
    return {
        "searchFilter": " AND ".join(conditions),
        # Sorted by time, MLflow would fold the runs below their parents and draw nothing.
        "orderByKey": f"metrics.`{view.order}`",
        "orderByAsc": view.ascending,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "modelVersionFilter": "All Runs",
        "datasetsFilter": [],
        "selectedColumns": columns,
        "columnOrder": columns,
        "columnWidths": {column: WIDE for column in columns if len(column) > LONG},
        "runsHiddenMode": "SHOW_ALL",
        "compareRunCharts": cards,
        "compareRunSections": [
            {
                "uuid": section,
                "name": view.caption,
                "display": True,
                "isReordered": False,
                "deleted": False,
                "isGenerated": False,
                "columns": view.cards_in_row,
                "cardHeight": 500 if view.cards_in_row == 1 else 360,
            }
        ],
        "isAccordionReordered": True,
        "groupBy": None
        if not view.group
        else {
            "aggregateFunction": "average",
            "groupByKeys": [{"mode": "tag", "groupByData": view.group}],
        },
        "useGroupedValuesInCharts": True,
        "hideEmptyCharts": True,
        "chartsSearchFilter": view.shown,
    }


def _card(card: Card, uuid: str, section: str) -> dict[str, Any]:
    common = {
        "type": card.kind,
        "uuid": uuid,
        "metricSectionId": section,
        "deleted": False,
        "isGenerated": False,
    }
    if card.kind == "PARALLEL":
        return {
            **common,
            "selectedParams": list(card.params),
            "selectedMetrics": list(card.metrics),
            "showAllRuns": True,
        }
    return {
        **common,
        "metricKey": card.metrics[0],
        "selectedMetricKeys": list(card.metrics),
        "xAxisKey": "step",
        "xAxisScaleType": "linear",
        "scaleType": "log" if card.is_log else "linear",
        # Curvature is measured after few epochs, which a line alone would not show.
        "displayPoints": card.metrics[0].startswith("curvature/"),
        "lineSmoothness": 0,
        "ignoreOutliers": False,
        "useGlobalXaxisKey": False,
        "useGlobalLineSmoothing": False,
    }
