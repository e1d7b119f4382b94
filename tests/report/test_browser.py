"""The page in a real browser: drawn, accessible and usable, in both colour schemes, offline."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import benchmark.report.images
from benchmark.report import write_images, write_report
from benchmark.report.page import sections_of

pytestmark = pytest.mark.browser
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic"]
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


@pytest.fixture(scope="module")
def report(make_run: Callable[..., Path]) -> Path:
    return write_report(make_run())


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    api = pytest.importorskip("playwright.sync_api")
    executable = shutil.which("chromium")
    if executable is None:
        pytest.skip("needs Debian's chromium")
    with api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture
def open_page(browser: Any, report: Path) -> Iterator[Callable[[str, int], Any]]:
    """Return a function that opens the report in a colour scheme and width, once it is drawn."""
    messages: list[str] = []
    pages = []

    def opened(scheme: str, width: int) -> Any:
        page = browser.new_page(color_scheme=scheme, viewport={"width": width, "height": 900})
        page.on("pageerror", lambda error: messages.append(str(error)))
        page.on("console", lambda line: messages.append(line.text) if line.type == "error" else 0)
        page.on("request", lambda request: messages.append(request.url))
        page.goto(report.as_uri())
        page.wait_for_selector("html[data-drawn]", state="attached")
        pages.append(page)
        return page

    yield opened
    for page in pages:
        page.close()
    assert [text for text in messages if not text.startswith(("file:", "data:", "blob:"))] == []


@pytest.mark.parametrize(("scheme", "width"), [("light", 1200), ("dark", 390)])
def test_every_figure_is_drawn_and_no_rule_of_accessibility_is_broken(
    open_page: Callable[[str, int], Any], scheme: str, width: int
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page = open_page(scheme, width)
    assert page.locator(".plot").count() == page.locator(".plot:has(.main-svg)").count() == 16
    ink = page.evaluate("getComputedStyle(document.querySelector('.plot .xtick text')).fill")
    red = int(ink.removeprefix("rgb(").split(",")[0])
    assert red > 128 if scheme == "dark" else red < 128
    # Wide parts scroll by themselves and say so, the page does not scroll.
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert (page.locator(".hint:visible").count() > 0) == (width < 500)
    page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true })")
    result = axe.run(page, options={"runOnly": {"type": "tag", "values": RULES}})
    assert [(rule["id"], rule["nodes"][0]["html"]) for rule in result.response["violations"]] == []


def test_tables_are_sorted_and_lines_selected(open_page: Callable[[str, int], Any]) -> None:
    page = open_page("light", 1200)
    table = page.locator("#caption-curvature").locator("..")

    def column() -> list[str]:
        return [
            text.strip() for text in table.locator("tbody tr td:nth-child(3)").all_inner_texts()
        ]

    first = column()
    numbers = sorted(float(text.replace("−", "-")) for text in first)
    for order in ("ascending", "descending"):
        table.locator("thead th").nth(2).locator("button").press("Enter")
        assert table.locator("thead th").nth(2).get_attribute("aria-sort") == order
        assert [float(text.replace("−", "-")) for text in column()] == numbers
        numbers.reverse()
    table.locator("thead th").nth(2).locator("button").press("Enter")
    assert column() == first

    lines = "document.getElementById('plot-parallel-coordinates').data.flatMap((t) => t.y)"
    every = page.evaluate(f"{lines}.filter((y) => y !== null).length")
    page.evaluate(
        "document.getElementById('plot-parallel-coordinates').emit('plotly_selected',"
        " { range: { x: [-0.2, 0.2], y: [0.9, 1.1] } })"
    )
    remaining = page.evaluate(f"{lines}.filter((y) => y !== null).length")
    assert remaining == every / 2, "half of the trials are of the label at the top"

    tools = page.locator(".modebar").first.locator("button")
    tools.first.focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.ariaLabel") == tools.nth(1).get_attribute(
        "aria-label"
    )


def test_the_colours_can_be_chosen_and_paper_shows_everything(
    open_page: Callable[[str, int], Any],
) -> None:
    page = open_page("dark", 1200)
    page.locator("#scheme").press("Enter")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(253, 253, 251)"
    folded = page.locator("details:not([open])").count()
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert folded > 10 and page.locator("details:not([open])").count() == 0
    widths = page.evaluate("[...document.querySelectorAll('.plot svg')].map((s) => s.clientWidth)")
    assert max(widths) <= 700
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("details:not([open])").count() == folded


def test_kaleido_draws_images(report: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("kaleido")
    if shutil.which("chromium") is None:
        pytest.skip("needs Debian's chromium")
    monkeypatch.setattr(benchmark.report.images, "sections_of", lambda run: sections_of(run)[:1])
    files = write_images(report.parent, "svg")
    assert [file.name for file in files] == [
        "convergence-validation-loss.svg",
        "convergence-train-loss.svg",
    ]
    assert all(">epoch<" in file.read_text(encoding="utf-8") for file in files)
