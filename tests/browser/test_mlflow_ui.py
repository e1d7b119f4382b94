"""MLflow's own interface, on a store that the tracker filled, in headless Chromium."""

import math
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from benchmark.tracking import (
    TrackedDataset,
    Tracker,
    default_tracking_uri,
    ui_command,
    ui_environment,
)
from benchmark.trial import DatasetProblem, Report, Settings, Status, Trial, TrialResult

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

pytestmark = [
    pytest.mark.browser,
    # MLflow uses what SQLAlchemy 2.1 deprecates; nothing of ours does.
    pytest.mark.filterwarnings("ignore:::mlflow"),
]
CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
EPOCHS = 20
RATES = [0.05, 0.1, 0.2, 0.3, -0.1]
NAMES = ["sgd 0", "adam 1", "sgd 2", "adam 3", "sgd 4"]
PATIENCE = 60_000.0  # milliseconds: the interface is large, and the machine may be busy


def _record(number: int, label: str, rate: float) -> tuple[TrialResult, list[Report]]:
    """Make a trial whose loss is exp(-rate * epoch); a negative rate diverges."""
    trial = Trial(
        number=number,
        phase="search",
        problem=DatasetProblem("digits"),
        model="multilayer_perceptron",
        model_options=Settings(hidden=(64,)),
        label=label,
        optimizer=label,
        hyperparameters=Settings(learning_rate=rate / 10, batch_size=32),
        options=Settings(sampling="shuffle"),
        epochs=EPOCHS,
        seed=0,
    )
    reports = []
    for epoch in range(EPOCHS + 1):
        lost = rate < 0 and epoch > EPOCHS // 2
        loss = math.nan if lost else math.exp(-rate * epoch)
        curvature = Settings(lambda_max=4.0 + epoch) if epoch % 10 == 0 else Settings()
        metrics = Settings(train_loss=0.9 * loss, validation_loss=loss)
        reports.append(
            Report(number, epoch, 9 * epoch, 99, 9 * epoch, metrics, curvature=curvature)
        )
    status = Status.DIVERGED if rate < 0 else Status.COMPLETED
    objective = math.inf if rate < 0 else math.exp(-rate * EPOCHS)
    last = reports[-1].metrics
    seconds = Settings(train=1.0)
    return TrialResult(trial, status, "", objective, EPOCHS, 180, 99, 180, last, seconds), reports


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Fill a store with a small study: two optimizers, one trial diverged."""
    address = default_tracking_uri(tmp_path_factory.mktemp("mlflow") / "results")
    told: list[str] = []
    tracker = Tracker(address, "quickstart", "run one", told.append)
    dataset = TrackedDataset("digits", "sklearn", np.zeros((90, 64)), np.zeros(90), "c0ffee")
    tracker.start("question = 'which?'\n", {"mlflow.note.content": "Which is best?"}, dataset)
    for number, rate in enumerate(RATES):
        tracker.log_trial(*_record(number, "adam" if number % 2 else "sgd", rate))
    tracker.finish()
    assert not tracker.close(timeout=120.0)
    assert told == []
    return address


@pytest.fixture(scope="module")
def address(uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve the store by the command that `kappabench ui` runs."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = tmp_path_factory.mktemp("server")
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(
            ui_command(uri, port=port),
            env=ui_environment(os.environ),
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=folder,
            start_new_session=True,
        )
    try:
        _wait_for(f"http://127.0.0.1:{port}/health", seconds=90.0)
        yield f"http://127.0.0.1:{port}"
    finally:
        # The whole group: MLflow 3.9 does not hand the signal on to its worker.
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(timeout=30.0)


def _wait_for(address: str, seconds: float) -> None:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + seconds
    while True:
        try:
            direct.open(address, timeout=5.0).close()
        except OSError:
            assert time.monotonic() < deadline, "the interface did not start"
            time.sleep(0.3)
        else:
            return


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    """Start Chromium; the test is skipped on a contributor's machine without it."""
    from playwright.sync_api import sync_playwright

    if not Path(CHROMIUM).exists():
        message = "needs Chromium; on Debian: apt-get install chromium"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: "Browser") -> Iterator["Page"]:
    """Open a page that remembers nothing of earlier ones."""
    page = browser.new_page(viewport={"width": 1600, "height": 1000})
    page.set_default_timeout(PATIENCE)
    yield page
    page.close()


@pytest.fixture
def outside(page: "Page", address: str) -> Iterator[list[str]]:
    """Return a list that fills with the requests for anything but our own server."""
    requests: list[str] = []

    def listen(request: Any) -> None:
        if not request.url.startswith((address, "data:", "blob:")):
            requests.append(request.url)

    page.on("request", listen)
    yield requests
    page.remove_listener("request", listen)


@pytest.fixture
def runs_page(page: "Page", address: str) -> "Page":
    """Open the experiment's runs, and unfold the parent."""
    page.goto(f"{address}/#/experiments")
    experiment = page.get_by_title("quickstart").get_attribute("href")
    # Without the query the page opens for language models, whatever the experiment's kind.
    page.goto(f"{address}/{experiment}/runs?workflowType=machine_learning")
    parent = _row(page, "run one")
    parent.wait_for()
    assert page.get_by_role("link", name="adam 1").count() == 0
    parent.locator("[col-id='attributes.`Run Name`']").get_by_role("button").first.click()
    page.get_by_role("link", name="adam 1").wait_for()
    return page


def _row(page: "Page", name: str) -> "Locator":
    return page.get_by_role("row").filter(has=page.get_by_role("link", name=name, exact=True))


def test_experiment_shows_the_parent_with_its_children(
    runs_page: "Page", outside: list[str], tmp_path: Path
) -> None:
    # A child stands further to the right than its parent.
    left = {name: _left_edge(runs_page, name) for name in ("run one", *NAMES)}
    assert all(left[name] > left["run one"] for name in NAMES)
    # The dataset of the parent and of each child.
    runs_page.get_by_text("digits (c0ffee)").nth(len(NAMES)).wait_for()
    runs_page.screenshot(path=tmp_path / "experiment.png")
    assert outside == []


def _left_edge(page: "Page", name: str) -> float:
    box = page.get_by_role("link", name=name, exact=True).bounding_box()
    assert box is not None, f"{name} is not visible"
    return float(box["x"])


def test_compare_view_shows_the_curves_of_several_runs(
    runs_page: "Page", outside: list[str], tmp_path: Path
) -> None:
    for name in NAMES:
        _row(runs_page, name).get_by_role("checkbox", name="row selection").check()
    runs_page.get_by_role("button", name="Compare").click()
    runs_page.get_by_role("heading", name="Comparing 5 Runs").wait_for()
    runs_page.screenshot(path=tmp_path / "compare.png")
    runs_page.get_by_role("link", name="validation_loss", exact=True).click()
    chart = runs_page.locator(".js-plotly-plot").first
    chart.locator("path.js-line").nth(len(NAMES) - 1).wait_for(state="attached")
    runs_page.screenshot(path=tmp_path / "curves.png")

    drawn = chart.evaluate("chart => chart.data.map(({name, x, y}) => [name, [...x], [...y]])")
    curves = {name.split(" (")[0]: (x, y) for name, x, y in drawn if name}
    for name, rate in zip(NAMES, RATES, strict=True):
        epochs, losses = curves[name]
        # A diverged run is drawn up to where its loss was last a number.
        shown = [loss for loss in losses if loss is not None and math.isfinite(loss)]
        last = EPOCHS // 2 if rate < 0 else EPOCHS
        assert epochs[: last + 1] == list(range(last + 1))
        assert shown == pytest.approx([math.exp(-rate * epoch) for epoch in range(last + 1)])
    assert outside == []
