"""Pictures of curvature: what they draw is what was measured."""

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from scipy import integrate
from scipy.sparse.linalg import aslinearoperator

from benchmark.commands.views import outcome_view, run_view
from benchmark.curvature import spectral_density
from benchmark.curvature.results import CurvatureReport, Extreme, Plane, Sum
from benchmark.curvature.symlog import inverse_symlog, symlog
from benchmark.inspection.spectrum import density_curve
from benchmark.report import write_report
from benchmark.report.curvature_page import document, figures, write_curvature
from benchmark.report.paths import paths
from benchmark.report.quantities import quantities_by_epoch
from benchmark.report.run_data import RunData
from benchmark.report.spectra import eigenvalues_by_epoch
from benchmark.report.theme import styles
from benchmark.results import RunWriter, read_run
from benchmark.trial import ClosedFormProblem, Report, Settings, Status, Trial, TrialResult

STYLES = styles(["sgd", "adam"])


def test_every_quantity_has_a_panel_and_bookkeeping_has_none() -> None:
    table = pd.DataFrame(
        {
            "label": ["sgd"] * 4 + ["adam"] * 2,
            "epoch": [0, 0, 8, 8, 0, 8],
            "gradient_norm": [1.0, 3.0, 0.1, 0.3, 5.0, 0.5],
            "scaled_sharpness": [0.5, 0.7, 1.9, 2.1, np.nan, np.nan],
            "stability_limit": [2.0] * 4 + [np.nan] * 2,
            "something_new": [1.0, 2.0] * 3,
            "zero": [0.0] * 6,
            "layer.01.dense.weight_norm": [1.0, 2.0] * 3,
            "measured_once": [1.0, 1.0, np.nan, np.nan, 1.0, np.nan],
            "products": [50.0] * 6,
        }
    )
    figure = quantities_by_epoch(table, STYLES, ["lambda_max"])
    assert figure is not None
    titles = [note.text for note in figure.plot.layout.annotations]
    assert titles == ["η·λmax", "‖g‖", "something new"]
    lines = {(trace.name, trace.yaxis): list(trace.y) for trace in figure.plot.data}
    assert lines["sgd", "y2"] == [2.0, 0.2]  # medians
    assert lines["adam", "y2"] == [5.0, 0.5]
    assert figure.plot.layout.shapes[0].y0 == 2.0
    # What never changes is written, not drawn; what is of one layer has a figure of its own.
    assert "Constant: zero eigenvalues 0." in figure.details
    assert quantities_by_epoch(table[table["epoch"] == 0], STYLES) is None


def test_eigenvalues_of_both_ends_are_drawn() -> None:
    rows = [(epoch, value * (1 + epoch)) for epoch in (0, 4) for value in np.arange(-4.0, 8.0)]
    table = pd.DataFrame(rows, columns=["epoch", "eigenvalue"])
    figure = eigenvalues_by_epoch({"sgd": table, "adam": table[table["epoch"] == 0]}, STYLES)
    assert figure is not None
    drawn = {trace.name: list(trace.customdata) for trace in figure.plot.data}
    assert drawn["largest, 1"] == [7.0, 35.0]
    assert drawn["largest, 5"] == [3.0, 15.0]
    assert drawn["smallest, 1"] == [-4.0, -20.0]
    assert len(drawn) == 8


def test_places_of_the_symmetric_logarithm_are_turned_back() -> None:
    values = np.array([-1e3, -2.0, 0.0, 1e-5, 40.0])
    np.testing.assert_allclose(inverse_symlog(symlog(values, 1e-3), 1e-3), values, rtol=1e-12)


def test_a_density_counts_eigenvalues_and_its_band_holds_the_truth() -> None:
    spectrum = np.concatenate([np.full(300, 1e-3), np.geomspace(0.1, 10, 100), [-2.0]])
    seen = spectral_density(aslinearoperator(np.diag(spectrum)), probes=20, steps=60)
    curve = density_curve(seen, spectrum)
    assert integrate.trapezoid(curve.estimate, curve.places) == pytest.approx(401, rel=1e-3)
    distance = curve.places[:, None] - symlog(spectrum, curve.unit)
    exact = np.exp(-((distance / curve.width) ** 2) / 2).sum(1) / curve.width / np.sqrt(2 * np.pi)
    # Where there is something; a 95 % band at each of neighbouring, hence dependent, places.
    there = exact > 1
    inside = (curve.low <= exact * 1.02) & (exact * 0.98 <= curve.high)
    assert inside[there].mean() > 0.8


def curvature_report() -> CurvatureReport:
    """A curvature_report of a quadratic of three parameters."""
    across, along = np.linspace(-1, 1, 5), np.linspace(-2, 2, 3)
    values = 2 * across[None, :] ** 2 + along[:, None] ** 2 / 2
    path = np.array([[0.5, 1.0, 2.0], [0.0, 0.0, 0.0]])
    return CurvatureReport(
        title="A <bowl>",
        source="here",
        matrix="Hessian",
        size=3,
        facts=[("examples", "3")],
        notes=["A note."],
        verdict="minimum",
        definiteness="positive definite",
        sentences=["A minimum."],
        quantities={"lambda_max": 4.0, "condition_number": 8.0},
        eigenvalues=np.array([0.5, 1.0, 4.0]),
        is_exact=True,
        extremes=[Extreme(4.0, 1e-15), Extreme(1.0, 1e-15), Extreme(0.5, 1e-15, False)],
        largest=2,
        sums=[Sum("trace", 5.5, 0.1, 5.3, 5.7)],
        plane=Plane(across, along, values, (4.0, 1.0), [0, 1], path),
    )


def test_page_and_numbers_of_a_curvature_report(tmp_path: Path) -> None:
    files = write_curvature(curvature_report(), tmp_path / "new")
    names = {file.name for file in files}
    assert names == {
        "curvature.html",
        "curvature.json",
        "spectrum.parquet",
        "plane.parquet",
        "path.parquet",
    }
    (tmp_path / "new" / "density.parquet").write_text("mine")
    write_curvature(replace(curvature_report(), plane=None), tmp_path / "new")
    left = {file.name for file in (tmp_path / "new").iterdir()}
    # Of two measurements into one folder the last one counts; what is not ours stays.
    assert left == names - {"plane.parquet", "path.parquet"} | {"density.parquet"}
    write_curvature(curvature_report(), tmp_path / "new")
    text = files[0].read_text(encoding="utf-8")
    assert "A &lt;bowl&gt;" in text
    assert "not converged" in text
    assert text.count("plotly.js (cartesian - minified) v") == 1
    read = json.loads(files[1].read_text(encoding="utf-8"))
    assert read == document(curvature_report())
    assert read["smallest_eigenvalues"] == [
        {"value": 0.5, "error_bound": 1e-15, "converged": False}
    ]
    assert read["sums"]["trace"]["interval_95"] == [5.3, 5.7]


def test_the_plane_is_drawn_with_the_trajectory_and_its_share() -> None:
    landscape = next(figure for figure in figures(curvature_report()) if figure.name == "landscape")
    contour, trajectory, middle = landscape.plot.data
    assert contour.customdata[0][0] == pytest.approx(4.0)
    assert list(trajectory.x) == [0.5, 0.0]
    assert (middle.x[0], middle.y[0]) == (0.0, 0.0)
    assert "31 % of the squared distance" in landscape.shows  # (0.5² + 1²) / 2²


STUDY = """
question = "Round or narrow?"
compare = ["sgd"]
[problem]
function = "quadratic"
options = { dimension = 2 }
[training]
epochs = 2
[search.common]
condition_number = { choices = [2.0, 50.0] }
learning_rate = { choices = [0.1, 0.5] }
[budget]
sampler = "grid"
"""


def swept_run(folder: Path) -> Path:
    """Record two learning rates on a round and on a narrow quadratic."""
    with RunWriter.create(folder, "contours", STUDY, {}, "first") as writer:
        for number, (kappa, rate) in enumerate([(2.0, 0.1), (2.0, 0.5), (50.0, 0.1), (50.0, 0.5)]):
            options = Settings(dimension=2, condition_number=kappa)
            trial = Trial(
                number, "search", ClosedFormProblem("quadratic", options), "", Settings(), "sgd",
                "sgd", Settings(learning_rate=rate, condition_number=kappa), Settings(), 2, 0,
                objective="train_loss",
            )  # fmt: skip
            reports = [
                Report(number, e, e, e, e, Settings(train_loss=1.0, weight_0=rate, weight_1=e))
                for e in range(3)
            ]
            loss = abs(rate - (0.5 if kappa < 10 else 0.1))
            writer.append(
                TrialResult(
                    trial, Status.COMPLETED, "", loss, 2, 2, 2, 2, Settings(train_loss=loss),
                    Settings(),
                ),
                reports,
            )  # fmt: skip
        writer.finish({"trials": 4})
    return writer.path


def test_each_swept_problem_has_a_panel_with_its_best_trial(tmp_path: Path) -> None:
    figure = paths(RunData.read(swept_run(tmp_path)))
    assert figure is not None
    assert [note.text for note in figure.plot.layout.annotations] == ["κ = 2", "κ = 50"]
    sgd_paths = [trace for trace in figure.plot.data if trace.name == "sgd"]
    assert [list(path.x) for path in sgd_paths] == [[0.5] * 3, [0.1] * 3]
    assert [path.showlegend for path in sgd_paths] == [True, False]


def test_a_sweep_shows_the_best_on_each_problem_and_no_best_setting(tmp_path: Path) -> None:
    path = swept_run(tmp_path)
    text = write_report(path).read_text(encoding="utf-8")
    for absent in ("optimizers", "comparison", "importance", "budget", "learning-rate"):
        assert f'id="{absent}"' not in text
    assert 'id="sweep"' in text and 'id="plot-convergence-by-problem"' in text
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(outcome_view(read_run(path), {}))
    console.print(run_view(read_run(path)))
    shown = console.export_text()
    assert shown.count("κ = 2") == shown.count("κ = 50") == 2
    assert "median" not in shown and "adjusted p" not in shown
    # On each problem one of the two learning rates was right.
    sweep = RunData.read(path).sweep
    assert sweep is not None
    assert [(best.objective, best.trial) for best in sweep.best["sgd"]] == [(0.0, 1), (0.0, 2)]


def test_a_surface_has_one_scale_and_panels_are_square(tmp_path: Path) -> None:
    figure = paths(RunData.read(swept_run(tmp_path)))
    assert figure is not None
    layout = figure.plot.layout
    assert [layout.yaxis.scaleanchor, layout.yaxis2.scaleanchor] == ["x", "x2"]
    for across, along in ((layout.xaxis, layout.yaxis), (layout.xaxis2, layout.yaxis2)):
        assert np.ptp(across.range) == pytest.approx(np.ptp(along.range))


def test_a_trajectory_that_lies_in_the_plane_has_a_caption_that_says_so() -> None:
    plane = Plane(np.linspace(-1, 1, 5), np.linspace(-2, 2, 3), np.ones((3, 5)), (4.0, 1.0), [0, 1])
    inside = replace(plane, path=np.array([[3.0, 4.0, 5.0], [0.0, 0.0, 0.0]]))
    landscape = next(
        figure
        for figure in figures(replace(curvature_report(), plane=inside))
        if figure.name == "landscape"
    )
    assert landscape.shows == "The trajectory lies in the plane."
