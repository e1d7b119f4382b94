"""MLflow's own pages of a run that was sent to it, in headless Chromium."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from benchmark.results import read_run, started_study
from benchmark.session.mirroring import start_tracker
from benchmark.session.overview import run_overview
from benchmark.study.loading import parse_study
from benchmark.tracking import default_tracking_uri
from tests.browser.mlflow_pages import (
    CARD,
    CHROMIUM,
    Server,
    chromium,
    drawn,
    new_page,
    served,
)
from tests.report.conftest import RunKind, write_run

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

pytestmark = [
    pytest.mark.browser,
    # MLflow uses what SQLAlchemy 2.1 deprecates; nothing of ours does.
    pytest.mark.filterwarnings("ignore:::mlflow"),
]
LABELS = ("momentum", "adam")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two optimizers, trained in NumPy, and sent to MLflow by what `track` calls."""
    path = write_run(tmp_path_factory.mktemp("mlflow") / "results", RunKind(trials=8))
    study = parse_study(started_study(path), "study.toml", path.parent.name)
    messages: list[str] = []
    uri = default_tracking_uri(path.parent.parent)
    tracker = start_tracker(path, study, uri, messages.append, path)
    tracker.finish(overview=run_overview(path))
    assert not tracker.close(timeout=120.0)
    assert messages == []
    return path


@pytest.fixture(scope="module")
def server(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serve the store with `kappabench ui`."""
    with served(run.parent.parent, tmp_path_factory.mktemp("server") / "ui.log") as server:
        yield server


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    """Start Chromium; the test is skipped on a contributor's machine without it."""
    if not Path(CHROMIUM).exists():
        message = "needs Chromium; on Debian: apt-get install chromium"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(browser: "Browser", server: Server) -> Iterator["Page"]:
    """Open a page, which may ask nobody but our own server."""
    page = new_page(browser)
    outside: list[str] = []

    def listen(request: Any) -> None:
        if not request.url.startswith((server.address, "data:", "blob:")):
            outside.append(request.url)

    page.on("request", listen)
    yield page
    page.close()
    assert outside == []


@pytest.fixture(scope="module")
def replicates(run: Path) -> Callable[[str, str, str], pd.DataFrame]:
    """Return a function that gives a quantity of a label: a row an epoch, a column a replicate."""
    tables = read_run(run)
    numbers = tables.trials[tables.trials["phase"] == "replicate"].set_index("number")["label"]

    def of(table: str, quantity: str, label: str) -> pd.DataFrame:
        rows: pd.DataFrame = getattr(tables, table)
        rows = rows[rows[rows.columns[-2]] == quantity]
        rows = rows[rows["trial"].map(numbers) == label]
        return rows.pivot_table(index="epoch", columns="trial", values="value")

    return of


def _row(page: "Page", name: str) -> "Locator":
    return page.get_by_role("row").filter(has=page.get_by_role("link", name=name, exact=True))


def test_the_command_lists_the_views(server: Server) -> None:
    assert list(server.links) == [
        "Convergence by optimizer",
        "Conditioning by optimizer",
        "Optimizers side by side",
        "Search space of momentum",
        "Search space of adam",
        "All trials",
    ]


@pytest.mark.parametrize(
    ("view", "table", "quantity", "name"),
    [
        ("Convergence by optimizer", "curves", "validation_loss", "validation_loss"),
        ("Convergence by optimizer", "curves", "train_accuracy", "train_accuracy"),
        ("Conditioning by optimizer", "curvature", "lambda_max", "curvature/lambda_max"),
        (
            "Conditioning by optimizer",
            "curvature",
            "condition_number_lower_bound",
            "curvature/condition_number_lower_bound",
        ),
    ],
)
def test_replicates_are_drawn_as_a_mean_with_a_band(
    page: "Page",
    server: Server,
    replicates: Callable[[str, str, str], pd.DataFrame],
    view: str,
    table: str,
    quantity: str,
    name: str,
) -> None:
    page.goto(server.links[view])
    traces = drawn(page, f"{name}\n")
    bands = [trace["y"] for trace in traces if trace["is_band"]]
    lines = [(trace["x"], trace["y"]) for trace in traces if not trace["is_band"]]
    assert len(bands) == len(LABELS)
    for label in LABELS:
        page.get_by_text(f"{label} ({name})").first.wait_for()  # in the legend
        values = replicates(table, quantity, label)
        epochs, means = list(values.index), values.mean(axis=1).to_numpy()
        assert any(x == epochs and np.allclose(y, means) for x, y in lines)
        # A band goes along one edge and back along the other.
        edges = [*values.min(axis=1), *values.max(axis=1)]
        assert any(_holds(band, edges) for band in bands)


def _holds(band: list[float | None], edges: list[float]) -> bool:
    drawn_values = np.array([value for value in band if value is not None])
    ends = (drawn_values.min(), drawn_values.max())
    return np.allclose(ends, (min(edges), max(edges))) and all(
        np.isclose(drawn_values, edge).any() for edge in edges
    )


@pytest.mark.parametrize("label", LABELS)
def test_the_search_space_is_drawn_with_an_axis_for_each_hyperparameter(
    page: "Page", server: Server, label: str
) -> None:
    page.goto(server.links[f"Search space of {label}"])
    card = page.locator(CARD).filter(has_text="Parallel Coordinates")
    momentum = "beta_1" if label == "adam" else "momentum"
    expected = ["log10_learning_rate", momentum, "batch_size", "log10_fuzz", "objective"]
    card.locator("text", has_text="objective").wait_for()
    labels = card.locator("text").all_text_contents()
    assert [text for text in labels if text in expected] == expected


def test_two_optimizers_are_compared_with_their_conditioning(
    page: "Page", server: Server, replicates: Callable[[str, str, str], pd.DataFrame]
) -> None:
    page.goto(server.links["Optimizers side by side"])
    for quantity in ("validation_loss", "curvature/lambda_max"):
        traces = drawn(page, f"{quantity}/mean vs")
        assert {trace["name"] for trace in traces} == set(LABELS)
        for label in LABELS:
            table, name = ("curvature", "lambda_max") if "/" in quantity else ("curves", quantity)
            values = replicates(table, name, label)
            curves = [trace["y"] for trace in traces if trace["name"] == label]
            for curve in (values.mean(axis=1), values.min(axis=1), values.max(axis=1)):
                assert any(np.allclose(y, curve) for y in curves)
    for label in LABELS:
        _row(page, label).get_by_role("checkbox", name="row selection").check()
    page.get_by_role("button", name="Compare").click()
    page.get_by_role("heading", name="Comparing 2 Runs").wait_for()
    # The page shows the first of a long list.
    for name in ("train_loss/mean", "curvature/condition_number_lower_bound/mean"):
        page.get_by_role("link", name=name, exact=True).first.wait_for()


def test_the_table_has_every_trial_with_the_best_first(
    page: "Page", server: Server, run: Path
) -> None:
    page.goto(server.links["All trials"])
    trials = read_run(run).trials
    finite = trials[np.isfinite(trials["objective"])]
    best = finite.loc[finite["objective"].idxmin()]
    page.get_by_role("link", name=f"{best['label']} {best['number']}", exact=True).wait_for()
    links = page.locator("[col-id='attributes.`Run Name`'] a").all_inner_texts()
    assert links[0] == f"{best['label']} {best['number']}"
    ended = trials[~trials["status"].isin(["completed", "converged"])].iloc[0]
    assert f"{ended['label']} {ended['number']} ({ended['status']})" in links


def test_the_runs_are_a_tree_of_study_optimizers_and_trials(
    page: "Page", server: Server, run: Path
) -> None:
    page.goto(f"{server.address}/#/experiments")
    experiment = page.get_by_title(run.parent.name).get_attribute("href")
    page.goto(f"{server.address}/{experiment}/runs?workflowType=machine_learning")
    edges = []
    for name in (run.name, "adam"):
        _row(page, name).wait_for()
        edges.append(_left_edge(page, name))
        _row(page, name).locator("[col-id='attributes.`Run Name`']").get_by_role(
            "button"
        ).first.click()
    page.get_by_role("link", name="adam 1", exact=True).wait_for()
    edges.append(_left_edge(page, "adam 1"))
    assert edges == sorted(set(edges))
    # The verdict stands on the page of the study's run.
    page.get_by_role("link", name=run.name, exact=True).click()
    page.get_by_text("test loss").first.wait_for()


def _left_edge(page: "Page", name: str) -> float:
    box = page.get_by_role("link", name=name, exact=True).bounding_box()
    assert box is not None, f"{name} is not visible"
    return float(box["x"])
