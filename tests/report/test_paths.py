"""The paths of a run on a surface: those of the best trials, point by point."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from benchmark.report.page import write_report
from benchmark.report.paths import paths
from benchmark.report.run_data import RunData
from benchmark.results import RunWriter
from benchmark.trial import ClosedFormProblem, Report, Settings, Status, Trial, TrialResult

STUDY = """\
question = "Which way through the valley?"
compare = ["gradient_descent", "momentum"]
[problem]
function = "rosenbrock"
[training]
epochs = 30
[search.common]
learning_rate = { low = 1e-4, high = 2e-3 }
"""
RATES = (2e-4, 1e-3, 5e-4)


def way(rate: float, momentum: float) -> np.ndarray:
    """The points of heavy-ball steps from the start of Rosenbrock's function."""
    points, velocity = [np.array([-1.2, 1.0])], np.zeros(2)
    for _ in range(30):
        a, b = points[-1]
        slope = np.array([-400 * a * (b - a * a) - 2 * (1 - a), 200 * (b - a * a)])
        velocity = momentum * velocity + rate * slope
        points.append(points[-1] - velocity)
    return np.array(points)


def value(point: np.ndarray) -> float:
    return float(100 * (point[1] - point[0] ** 2) ** 2 + (1 - point[0]) ** 2)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    problem = ClosedFormProblem("rosenbrock")
    with RunWriter.create(tmp_path, "valley", STUDY, {}, "first") as writer:
        cases = [(o, rate) for o in ("gradient_descent", "momentum") for rate in RATES]
        for number, (optimizer, rate) in enumerate(cases):
            points = way(rate, 0.5 if optimizer == "momentum" else 0.0)
            reports = [
                Report(
                    number, epoch, epoch, epoch, epoch,
                    Settings(train_loss=value(point), weight_0=point[0], weight_1=point[1]),
                )
                for epoch, point in enumerate(points)
            ]  # fmt: skip
            trial = Trial(
                number, "search", problem, "", Settings(), optimizer, optimizer,
                Settings(learning_rate=rate), Settings(), 30, 0, objective="train_loss",
            )  # fmt: skip
            end = value(points[-1])
            result = TrialResult(
                trial, Status.COMPLETED, "", end, 30, 30, 30, 30, Settings(train_loss=end),
                Settings(),
            )  # fmt: skip
            writer.append(result, reports)
        writer.finish({"trials": len(cases)})
    return writer.path


def test_the_best_trials_are_drawn_on_the_contour(run: Path) -> None:
    figure = paths(RunData.read(run))
    assert figure is not None
    contour, *ways, start, minimum = figure.plot.data
    assert [trace.name for trace in ways] == ["gradient_descent", "momentum"]
    for trace, momentum in zip(ways, (0.0, 0.5), strict=True):
        best = min((way(rate, momentum) for rate in RATES), key=lambda points: value(points[-1]))
        np.testing.assert_allclose(np.stack([trace.x, trace.y], axis=1), best)
    assert (start.x[0], start.y[0]) == (-1.2, 1.0)
    assert (minimum.x[0], minimum.y[0]) == (1.0, 1.0)
    x, y = np.asarray(contour.x, float), np.asarray(contour.y, float)
    for across, along in ((0, 0), (60, 30), (120, 120)):
        # The grid is written in float32.
        expected = np.log10(value(np.array([x[across], y[along]])))
        assert float(contour.z[along][across]) == pytest.approx(expected, abs=1e-4)
    assert x[0] < -1.2 < 1.0 < x[-1]
    assert "gradient_descent at (" in figure.description


def test_it_is_on_the_page(run: Path) -> None:
    text = write_report(run).read_text(encoding="utf-8")
    assert 'id="paths"' in text
    assert (run / "figures" / "paths.html").is_file()


def test_other_problems_have_none(closed_form_run: Path, make_run: Callable[..., Path]) -> None:
    assert paths(RunData.read(closed_form_run)) is None
    assert paths(RunData.read(make_run(trials=2, replicates=0))) is None
