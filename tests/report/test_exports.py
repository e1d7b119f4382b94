"""Tables and figures of a report as files."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

import benchmark.report.images
from benchmark.report import write_images, write_tables
from benchmark.report.images import ImageError
from benchmark.report.rendering import PLOTLY
from benchmark.report.run_data import RunData
from benchmark.statistics import summarize

MakeRun = Callable[..., Path]


@pytest.fixture(scope="module")
def run(make_run: MakeRun) -> Path:
    return make_run(trials=6, replicates=3)


def test_csv_has_the_numbers_with_all_their_digits(run: Path):
    # As text, for older versions of pandas round the last digit of the numbers that they read.
    tables = {path.stem: pd.read_csv(path, dtype=str) for path in write_tables(run, "csv")}
    assert {"optimizers", "settings", "comparison", "curvature"} <= set(tables)
    run_data = RunData.read(run)
    optimizers = tables["optimizers"].set_index("optimizer").to_dict("index")
    for row in summarize(run_data.trials):
        assert float(optimizers[row.label]["best"]) == row.best
        assert float(optimizers[row.label]["test loss, mean"]) == row.test.mean
    (pair,) = run_data.comparisons
    assert float(tables["comparison"]["adjusted p"][0]) == pair.adjusted


def test_latex_is_ascii_with_escaped_names(run: Path):
    texts = {path.stem: path.read_text(encoding="utf-8") for path in write_tables(run, "latex")}
    assert all(text.isascii() for text in texts.values())
    assert r"\label{tab:wine-softmax-curvature}" in texts["curvature"]
    assert r"batch\_size" in texts["settings"]
    assert r"$\lambda_{\max}$" in texts["curvature"]


def test_images_are_drawn_with_the_copy_of_plotly(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def draw(wanted, kopts):
        assert kopts["plotlyjs"] == PLOTLY and kopts["mathjax"] is False
        for image in wanted:
            image["path"].write_text(json.dumps(image["opts"]))

    (tmp_path / "kaleido").mkdir()
    (tmp_path / "kaleido" / "__init__.py").touch()
    (tmp_path / "kaleido" / "errors.py").write_text(
        "class BrowserClosedError(Exception): ...\n"
        "class BrowserFailedError(Exception): ...\n"
        "class ChromeNotFoundError(Exception): ...\n"
    )
    for name in ("kaleido", "kaleido.errors"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    import kaleido

    monkeypatch.setattr(kaleido, "write_fig_from_object_sync", draw, raising=False)
    files = write_images(run, "pdf")
    assert run / "figures" / "importance.pdf" not in files, "there are too few trials for it"
    assert json.loads((run / "figures" / "learning-rate.pdf").read_text())["format"] == "pdf"

    def fail(wanted, kopts):
        raise kaleido.errors.ChromeNotFoundError("No browser. Install one.")

    monkeypatch.setattr(kaleido, "write_fig_from_object_sync", fail)
    with pytest.raises(ImageError, match=r"Received: No browser\. Install both: .*BROWSER_PATH"):
        write_images(run, "svg")


def test_without_kaleido_the_message_says_what_to_install(
    run: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(benchmark.report.images, "find_spec", lambda _: None)
    with pytest.raises(ImageError, match=r"no module kaleido\. Install both: .*\[figures\]"):
        write_images(run, "svg")
