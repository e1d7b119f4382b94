"""Draw the picture in README.md: run the first study and photograph the top of its report.

    python docs/picture.py

It needs what the browser tests need: playwright (extra `dev`) and Debian's chromium.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

PICTURE = Path(__file__).with_name("report.png")
VIEWPORT = {"width": 1100, "height": 1250}
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
LARGEST = 300_000


def report_of_first_study(folder: Path) -> Path:
    """Run the first study in a folder and return its report."""
    command = [sys.executable, "-m", "benchmark.run", "study", "quickstart", "--no-tracking"]
    subprocess.run([*command, "--results", str(folder), "--run-name", "picture"], check=True)
    return folder / "quickstart" / "picture" / "report.html"


def photograph(report: Path, picture: Path) -> None:
    """Write the top of a report as PNG."""
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("chromium must be installed. Received none on PATH. Run: apt install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_page(color_scheme="light", viewport=VIEWPORT)
        page.goto(report.as_uri())
        page.wait_for_selector("html[data-drawn]", state="attached")
        page.screenshot(path=str(picture))
        browser.close()


def main() -> None:
    """Write the picture."""
    with tempfile.TemporaryDirectory() as folder:
        photograph(report_of_first_study(Path(folder)), PICTURE)
    size = PICTURE.stat().st_size
    if size > LARGEST:
        sys.exit(f"{PICTURE.name} must be below {LARGEST} bytes. Received {size}. Make it smaller.")
    sys.stdout.write(f"{PICTURE} ({size} bytes)\n")


if __name__ == "__main__":
    main()
