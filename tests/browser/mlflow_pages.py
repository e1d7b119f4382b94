"""MLflow's pages in headless Chromium: served, opened by a prepared link, and what they draw."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

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
PATIENCE = 60_000.0  # milliseconds: the interface is large, and the machine may be busy
START_SECONDS = 120.0
VIEWPORT = {"width": 1600, "height": 1000}
CARD = '[data-testid="experiment-view-compare-runs-card"]'
# Otherwise a first visit opens the Assistant, which takes a quarter of the page.
QUIET = "localStorage.setItem('mlflow.assistant.fab.autoOpenedOnFirstLoad_v1', 'true')"


@dataclass(frozen=True)
class Server:
    """What `kappabench ui` serves and prints: its address, and the links to views by title."""

    address: str
    links: dict[str, str]


@contextmanager
def served(results: Path, log: Path) -> Iterator[Server]:
    """Run `kappabench ui` on the store beside a folder of results until the block ends."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "benchmark.run", "ui", "--no-open"]
    command += ["--port", str(port), "--results", str(results)]
    environment = os.environ | {"PYTHONUNBUFFERED": "1", "MLFLOW_TRACKING_URI": ""}
    with log.open("wb") as file:
        process = subprocess.Popen(
            command, stdout=file, stderr=subprocess.STDOUT, env=environment, start_new_session=True
        )
    try:
        yield Server(f"http://127.0.0.1:{port}", _links(log, process))
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=30.0)


def _links(log: Path, process: "subprocess.Popen[bytes]") -> dict[str, str]:
    """Wait for the links that the command prints, a title and then an address each."""
    link = re.compile(r"^(\w.*) \(\S+\)\n  (http://\S+viewStateShareKey=\S+)$", re.MULTILINE)
    deadline = time.monotonic() + START_SECONDS
    while True:
        links = dict(link.findall(log.read_text(encoding="utf-8")))
        if "All trials" in links:  # the last one
            return links
        assert process.poll() is None, log.read_text(encoding="utf-8")
        assert time.monotonic() < deadline, log.read_text(encoding="utf-8")
        time.sleep(0.3)


@contextmanager
def chromium() -> Iterator["Browser"]:
    """Start Chromium without a window."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


def new_page(browser: "Browser") -> "Page":
    """Open a page that remembers nothing of earlier ones."""
    page = browser.new_page(viewport=VIEWPORT, color_scheme="light")
    page.set_default_timeout(PATIENCE)
    page.add_init_script(QUIET)
    return page


def drawn(page: "Page", title: str) -> list[dict[str, Any]]:
    """Wait until the chart of a title is drawn, and return its traces.

    Args:
        page: an open page.
        title: how the title of the chart begins.
    """
    traces: list[dict[str, Any]] = page.wait_for_function(_TRACES, arg=title).json_value()
    return traces


_TRACES = """title => {
    for (const card of document.querySelectorAll('CARD')) {
        const plot = card.querySelector('.js-plotly-plot');
        if (!plot || !plot.data || !card.innerText.trim().startsWith(title)) continue;
        const traces = plot.data.map(trace => ({
            name: trace.name || '',
            x: [...(trace.x || [])],
            y: [...(trace.y || [])],
            is_band: trace.fill === 'tozeroy',
        })).filter(trace => trace.y.length);
        if (traces.length) return traces;
    }
    return null;
}""".replace("CARD", CARD)
