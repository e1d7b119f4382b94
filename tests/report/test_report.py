"""Tests of the report: it is remade from the folder alone, whatever the run is like."""

import json
import math
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmark.curvature.symlog import symlog
from benchmark.report import write_report
from benchmark.report.axes import symlog_ticks
from benchmark.report.page import SECTIONS, _part
from benchmark.report.run_data import RunData
from benchmark.report.sentences import answer, caveats
from benchmark.results import RunWriter, find_run
from benchmark.results.files import LinkError
from benchmark.statistics import summarize

MakeRun = Callable[..., Path]
VOID = {"meta", "link", "br", "img", "hr", "input"}


class Page(HTMLParser):
    """The elements of a page, with a check that they are closed in order."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.plots: dict[str, Any] = {}
        self._plot = ""
        self.feed(path.read_text(encoding="utf-8"))
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {key: value or "" for key, value in attrs}
        self.elements.append((tag, named))
        self._plot = named.get("data-plot", "")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._plot:
            self.plots[self._plot] = json.loads(data)
            self._plot = ""
        elif self.open and self.open[-1] not in {"script", "style"}:
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))

    def all(self, tag: str) -> list[dict[str, str]]:
        return [named for name, named in self.elements if name == tag]


@pytest.fixture(scope="module")
def full_run(make_run: MakeRun) -> Path:
    path = make_run()
    write_report(path)
    return path


@pytest.fixture(scope="module")
def page(full_run: Path) -> Page:
    return Page(full_run / "report.html")


def test_report_has_every_part(page: Page) -> None:
    sections = [named["id"] for named in page.all("section")]
    order = ["optimizers", "comparison", *SECTIONS, "caveats", "setting"]
    assert sections == [identifier for identifier in order if identifier in sections]
    assert {"comparison", "importance", "curvature-of-trials", "curvature"} < set(sections)
    assert set(page.plots) >= {
        "plot-best-by-budget", "plot-convergence-train-loss",
        "plot-convergence-validation-loss", "plot-curvature", "plot-curvature-quantities",
        "plot-eigenvalues", "plot-importance", "plot-learning-rate", "plot-monitored-condition",
        "plot-monitored-outcome", "plot-monitored-sharpness", "plot-monitored-stability",
        "plot-other-hyperparameters", "plot-parallel-coordinates", "plot-spectrum",
        "plot-target-reached",
    }  # fmt: skip
    links = {named["href"] for named in page.all("a") if named["href"].startswith("#")}
    assert links >= {f"#{section}" for section in sections}


@pytest.mark.parametrize("target", [t for _, targets in SECTIONS.values() for t in targets])
def test_every_part_of_a_section_is_there(target: str) -> None:
    assert callable(_part(target)), f"{target} in SECTIONS of benchmark/report/page.py"


def test_report_fetches_nothing_and_carries_plotly_once(page: Page, full_run: Path) -> None:
    for tag, named in page.elements:
        if tag != "a":
            assert "src" not in named
            assert "href" not in named
    text = (full_run / "report.html").read_text(encoding="utf-8")
    assert text.count("plotly.js (cartesian - minified) v") == 1
    assert "default-src 'none'" in text and "unsafe-eval" not in text
    assert len(text) < 2e6
    assert all((full_run / named["href"]).is_file() for named in page.all("a")
               if named["href"].startswith("figures/"))  # fmt: skip


def test_tables_say_what_statistics_found(page: Page, full_run: Path) -> None:
    run_data = RunData.read(full_run)
    for row in summarize(run_data.trials):
        assert f"{row.best:.4g}" in page.text
        assert f"best setting (trial {row.best_trial})" in page.text
        assert f"{row.replicates.low:.4g} to {row.replicates.high:.4g}" in page.text
        assert row.replicates.count == 5
    assert run_data.study.question in page.text
    for sentence in (*answer(run_data), *caveats(run_data)):
        assert sentence in page.text


def test_figures_can_be_read_without_seeing_them(page: Page) -> None:
    plots = [named for named in page.all("div") if named.get("class") == "plot"]
    # The script gives the drawing the role `img` and this description; around it are buttons.
    assert all(named["role"] == "group" and len(named["aria-label"]) > 30 for named in plots)
    assert len(page.all("figcaption")) == len(page.all("figure")) == len(plots)
    assert len(page.all("caption")) == len(page.all("table"))
    assert page.all("html")[0]["lang"] == "en"
    assert all("scope" in named for named in page.all("th"))


def test_learning_rate_slice_holds_every_trial(page: Page, full_run: Path) -> None:
    run_data = RunData.read(full_run)
    plot = page.plots["plot-learning-rate"]
    numbers = [int(row[0]) for trace in plot["data"] for row in _array(trace.get("customdata", []))]
    assert sorted(numbers) == sorted(run_data.search["number"])
    assert plot["layout"]["xaxis"]["type"] == "log"
    top = plot["layout"]["yaxis"]["ticktext"][-1]
    assert top == "not finite"  # where diverged trials are marked, above all finite ones
    finite = run_data.search["objective"][np.isfinite(run_data.search["objective"])]
    assert plot["layout"]["yaxis"]["tickvals"][-1] > finite.max()


def _array(value: Any) -> list[Any]:
    """Plotly writes arrays as lists, or as base64 where they are numbers."""
    return value if isinstance(value, list) else []


def test_remaking_the_report_gives_the_same_page(full_run: Path) -> None:
    before = {file.name: file.read_bytes() for file in full_run.rglob("*.html")}
    figures = full_run / "figures"
    page = (figures / "learning-rate.html").read_text(encoding="utf-8")
    (figures / "former.html").write_text(page.replace("plot-learning-rate", "plot-former"))
    assert write_report(full_run) == full_run / "report.html"
    assert {file.name: file.read_bytes() for file in full_run.rglob("*.html")} == before


def test_what_people_put_beside_figures_stays(full_run: Path, tmp_path: Path) -> None:
    path = Path(shutil.copytree(full_run, tmp_path / "run"))
    copied = (path / "figures" / "learning-rate.html").read_bytes()
    (path / "figures" / "mine.html").write_bytes(copied)
    (path / "figures" / "notes.html").write_text("what I think of it")
    write_report(path)
    assert (path / "figures" / "mine.html").read_bytes() == copied
    assert (path / "figures" / "notes.html").read_text() == "what I think of it"


def test_no_link_is_followed_out_of_a_run(full_run: Path, tmp_path: Path) -> None:
    path = Path(shutil.copytree(full_run, tmp_path / "run"))
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "mine.html").write_text("mine")
    shutil.move(path / "figures", path / "figures.old")
    (path / "figures").symlink_to(tmp_path / "elsewhere")
    before = (path / "report.html").read_bytes()
    with pytest.raises(LinkError, match=r"figures, which points to .*elsewhere"):
        write_report(path)
    assert [file.name for file in (tmp_path / "elsewhere").iterdir()] == ["mine.html"]
    assert (path / "report.html").read_bytes() == before
    # A file that is a link gives way to a real one, and what it points to stays.
    (path / "figures").unlink()
    (path / "report.html").unlink()
    (path / "report.html").symlink_to(tmp_path / "elsewhere" / "mine.html")
    write_report(path)
    assert (tmp_path / "elsewhere" / "mine.html").read_text() == "mine"
    assert not (path / "report.html").is_symlink()


def test_single_figures_share_one_plotly(full_run: Path) -> None:
    for file in (full_run / "figures").glob("*.html"):
        single = Page(file)
        assert [named["src"] for named in single.all("script") if "src" in named] == [
            "plotly.min.js"
        ]
        assert len(single.plots) == 1
    assert (full_run / "figures" / "plotly.min.js").stat().st_size > 1e6


def test_report_needs_neither_keras_nor_mlflow(full_run: Path) -> None:
    code = (
        "import sys; from benchmark.report import write_report; write_report(sys.argv[1]);"
        "sys.exit(str({'keras', 'tensorflow', 'jax', 'mlflow'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(full_run)], check=False, capture_output=True, text=True
    )
    assert done.stderr.strip() == "set()"


def test_html_in_a_study_is_shown_and_not_obeyed(tmp_path: Path, full_run: Path) -> None:
    question = "<script>alert(1)</script> & </script>?"
    text = (full_run / "study.toml").read_text(encoding="utf-8")
    text = re.sub(r'question = ".*"', f'question = "{question}"', text)
    with RunWriter.create(tmp_path, "study", text, {"note": "<b>"}, "run") as run:
        page = Page(write_report(run.path))
    assert question in page.text
    assert "<b>" in page.text
    assert "alert(1)" not in [named.get("src") for named in page.all("script")]
    assert not page.all("b")


CASES: dict[str, dict[str, Any]] = {
    "accuracy": {"objective": "validation_accuracy", "trials": 12},
    "diverged": {"diverging": True, "trials": 3},
    "no trials": {"trials": 0, "replicates": 0, "is_finished": False},
    "one optimizer": {"labels": ("adam",), "trials": 12},
    "unfinished": {"replicates": 0, "trials": 5, "is_finished": False},
    "one replicate": {"replicates": 1, "trials": 5},
    "one trial": {"replicates": 0, "trials": 1},
}
SENTENCES = {
    "accuracy": ("test accuracy of",),
    "diverged": ("None of the 6 trials ran to its end", "3 of 3 trials of adam diverged"),
    "no trials": ("No trial has finished yet", "The run is not finished"),
    "one optimizer": ("over 5 replicates of its best setting",),
    "unfinished": ("nothing says how far chance alone", "No replicates of the best settings"),
    "one replicate": ("too few replicates in common",),
    "one trial": ("reached the best validation loss", "in 1 trial."),
}


@pytest.mark.parametrize("name", CASES)
def test_unusual_runs_have_a_report_that_says_so(name: str, make_run: MakeRun) -> None:
    page = Page(write_report(make_run(**CASES[name])))
    for sentence in SENTENCES[name]:
        assert sentence in page.text
    assert ("Optimizers" in page.text) == (name != "no trials")
    assert "Which hyperparameters mattered" not in page.text or "plot-importance" in page.plots
    assert "nan" not in page.text.lower().split()
    assert not re.search(r"\binf\b", page.text)


def test_lost_replicates_are_in_headline_and_table(make_run: MakeRun) -> None:
    page = Page(write_report(make_run(trials=6, lost=("adam", 3))))
    assert "but no difference from adam (3 of 5 replicates diverged) is shown" in page.text
    assert "n = 2, 3 lost" in page.text
    assert "signed ranks of 5 pairs, 3 with a lost replicate" in page.text
    assert "adjusted p" in page.text


def test_closed_form_problems_need_no_metric(closed_form_run: Path) -> None:
    page = Page(write_report(closed_form_run))
    assert "sgd reached the best train loss" in page.text
    assert "closed-form function" in page.text
    assert "plot-convergence-train-loss" in page.plots


def test_report_is_made_by_relative_path(full_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(full_run)
    assert "wine-softmax" in Page(write_report(find_run("absent", "."))).text


def test_symmetric_logarithm_is_odd_and_grows() -> None:
    values = np.array([-1e3, -1.0, -1e-9, 0.0, 1e-9, 1.0, 1e3])
    mapped = symlog(values, 1e-6)
    assert np.all(np.diff(mapped) > 0)
    np.testing.assert_allclose(mapped, -mapped[::-1])
    assert mapped[-1] == pytest.approx(math.log10(1 + 1e9))
    places, text = symlog_ticks(np.array([-2.0, 7.0]), 1e-6)
    assert text[places.index(0.0)] == "0"
    assert places == sorted(places)


def test_a_penalty_has_the_caveat_that_losses_are_without_it(make_run: MakeRun) -> None:
    run_data = RunData.read(make_run(trials=2, replicates=1))
    assert not any("penalty" in line for line in caveats(run_data))
    run_data.__dict__["trials"] = run_data.trials.assign(**{"hp.l2": 0.1})
    assert any(line.startswith("Trained with the penalty l2.") for line in caveats(run_data))


def test_the_cost_of_monitoring_curvature_is_stated(make_run: MakeRun) -> None:
    run_data = RunData.read(make_run(trials=2, replicates=1))
    trials = run_data.trials.assign(**{"seconds.train": 2.0, "seconds.curvature": 0.5})
    # Replicates are diagnosed in full, which is no part of it.
    trials.loc[trials["phase"] != "search", "seconds.curvature"] = 100.0
    run_data.__dict__["trials"] = trials
    line = "Monitoring the curvature of every trial of the search took 25% of the time"
    assert any(caveat.startswith(line) for caveat in caveats(run_data))
