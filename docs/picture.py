"""Draw the pictures in README.md and docs/: run the first study, and photograph what it shows.

    python docs/picture.py

It needs what the browser tests need: playwright (extra `dev`) and Debian's chromium.
"""

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.browser.mlflow_pages import chromium, drawn, new_page, served  # noqa: E402

if TYPE_CHECKING:
    from playwright.sync_api import Browser

REPORT, MLFLOW = (Path(__file__).with_name(name) for name in ("report.png", "mlflow.png"))
VIEWPORT = {"width": 1100, "height": 1250}
LARGEST = 300_000


def run_first_study(results: Path) -> Path:
    """Run the first study in a folder and return the run."""
    command = [sys.executable, "-m", "benchmark.run", "study", "quickstart"]
    subprocess.run([*command, "--results", str(results), "--run-name", "picture"], check=True)
    return results / "quickstart" / "picture"


def photograph_report(browser: "Browser", run: Path) -> None:
    """Write the top of a report as PNG."""
    page = browser.new_page(color_scheme="light", viewport=VIEWPORT)
    page.goto((run / "report.html").as_uri())
    page.wait_for_selector("html[data-drawn]", state="attached")
    page.screenshot(path=str(REPORT))


def photograph_mlflow(browser: "Browser", results: Path, log: Path) -> None:
    """Write the page that compares the optimizers of a run as PNG."""
    with served(results, log) as server:
        page = new_page(browser)
        page.goto(server.links["Optimizers side by side"])
        drawn(page, "validation_loss/mean")
        page.screenshot(path=str(MLFLOW))


def main() -> None:
    """Write the pictures."""
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        results = Path(folder, "results")
        photograph_report(browser, run_first_study(results))
        photograph_mlflow(browser, results, Path(folder, "ui.log"))
    for picture in (REPORT, MLFLOW):
        size = picture.stat().st_size
        if size > LARGEST:
            sys.exit(f"{picture.name} must be below {LARGEST} bytes. Received {size}.")
        sys.stdout.write(f"{picture} ({size} bytes)\n")


if __name__ == "__main__":
    main()
