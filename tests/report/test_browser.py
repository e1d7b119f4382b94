"""The page in a real browser: every figure is drawn, in both colour schemes, offline."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmark.report import write_report

pytestmark = pytest.mark.browser
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1200])
def test_every_figure_is_drawn(make_run: Callable[..., Path], scheme: str, width: int) -> None:
    api = pytest.importorskip("playwright.sync_api")
    executable = shutil.which("chromium")
    if executable is None:
        pytest.skip("needs Debian's chromium")
    report = write_report(make_run())
    messages: list[str] = []
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        page = browser.new_page(color_scheme=scheme, viewport={"width": width, "height": 900})
        page.on("pageerror", lambda error: messages.append(str(error)))
        page.on("request", lambda request: messages.append(request.url))
        page.goto(report.as_uri())
        page.wait_for_function(
            "document.querySelectorAll('.plot .main-svg').length >= "
            "document.querySelectorAll('.plot').length"
        )
        plots = page.locator(".plot").count()
        drawn = page.locator(".plot:has(.main-svg)").count()
        ink = page.evaluate("getComputedStyle(document.querySelector('.plot .xtick text')).fill")
        overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        browser.close()
    assert plots == drawn == 16
    assert [text for text in messages if not text.startswith(("file:", "data:", "blob:"))] == []
    red = int(ink.removeprefix("rgb(").split(",")[0])
    assert red > 128 if scheme == "dark" else red < 128
    assert overflow <= 0  # wide parts scroll by themselves, the page does not
