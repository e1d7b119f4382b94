"""Tests of the curvature monitored in every trial of the search, as the report draws it."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmark.report import write_report
from benchmark.report.axes import axis_around
from benchmark.report.findings import stability_figure, stability_ratios
from benchmark.report.monitoring import (
    counts,
    monitoring_outcome,
    monitoring_table,
    outcome_points,
)
from benchmark.report.monitoring_figures import monitoring_figures
from benchmark.report.run_data import RunData
from benchmark.results import RunWriter
from benchmark.trial import DatasetProblem, Report, Settings, Status, Trial, TrialResult

STUDY = """
question = "Which settings converge?"
compare = ["sgd", "momentum", "adam"]
[problem]
dataset = "wine"
[problem.model]
name = "linear"
[training]
epochs = 4
[search.common]
learning_rate = { low = 1e-3, high = 10.0, log = true }
[search.momentum]
momentum = 0.5
[budget]
trials = 4
"""
EPOCHS = (0, 1, 2, 4)
Trajectory = Mapping[int, float]
"""λmax by epoch."""


def record(
    writer: RunWriter, number: int, label: str, status: Status, course: Trajectory, **more: float
) -> None:
    """Record a trial of learning rate 0.1 with λmax by epoch; κ's bound is ten times that."""
    numbers = {"learning_rate": 0.1, **({"momentum": 0.5} if "momentum" in label else {})}
    trial = Trial(
        number, "search", DatasetProblem("wine"), "linear", Settings(), label, label,
        Settings(numbers), Settings(), 4, 0,
    )  # fmt: skip
    reports = [
        Report(
            number, epoch, epoch, epoch, epoch, Settings(validation_loss=1.0), status,
            curvature=Settings(
                probe_lambda_max=value, probe_scaled_sharpness=0.1 * value,
                probe_condition_number_lower_bound=10 * abs(value),
            ),
        )
        for epoch, value in course.items()
    ]  # fmt: skip
    objective = more.get("objective", math.inf if status is Status.DIVERGED else 0.1 + number)
    metrics = Settings(validation_loss=objective)
    last = max(course, default=0)
    writer.append(
        TrialResult(
            trial, status, status.sentence, objective, last, last, last, last, metrics, Settings()
        ),
        reports,
    )


def flat(value: float) -> dict[int, float]:
    return dict.fromkeys(EPOCHS, value)


@pytest.fixture
def writer(tmp_path: Path) -> Any:
    with RunWriter.create(tmp_path, "settings", STUDY, {}, "first") as run_writer:
        yield run_writer


def mixed(writer: RunWriter) -> RunData:
    """Three trials of SGD that end, one pruned and one diverged; one of momentum; one of Adam."""
    for number, value in enumerate((1.0, 2.0, 4.0)):
        record(writer, number, "sgd", Status.COMPLETED, flat(value))
    record(writer, 3, "sgd", Status.PRUNED, {0: 3.0, 1: 3.0})
    record(writer, 4, "sgd", Status.DIVERGED, {0: 10.0, 1: 50.0})
    record(writer, 5, "momentum", Status.COMPLETED, {0: 3.0, 1: 6.0, 2: 12.0, 4: 24.0})
    record(writer, 6, "adam", Status.COMPLETED, flat(5.0))
    return RunData.read(writer.path)


def test_sharpness_is_set_against_the_limit_of_its_trial(writer: RunWriter) -> None:
    table = monitoring_table(mixed(writer)).set_index(["trial", "epoch"])["relative_sharpness"]
    assert table[4, 1] == pytest.approx(0.1 * 50 / 2)
    assert table[5, 4] == pytest.approx(0.1 * 24 / (2 + 2 * 0.5))
    assert math.isnan(table[6, 0])  # that of Adam is one of another matrix


def test_a_limit_that_hyperparameters_give_is_found_for_others_too(writer: RunWriter) -> None:
    for number, label in enumerate(("averaged_sgd", "dampened_momentum", "rmsprop", "lion")):
        record(writer, number, label, Status.COMPLETED, flat(4.0))
    sharpness = monitoring_table(RunData.read(writer.path)).set_index("trial")["relative_sharpness"]
    assert sharpness[0].iloc[0] == pytest.approx(0.4 / 2)
    assert sharpness[1].iloc[0] == pytest.approx(0.4 / (3 / 0.5))
    assert sharpness[[2, 3]].isna().all()


def test_each_quantity_is_drawn_by_epoch_with_its_trials(writer: RunWriter) -> None:
    run_data = mixed(writer)
    figures = {figure.name: figure for figure in monitoring_figures(run_data)}
    assert list(figures) == ["monitored-sharpness", "monitored-stability", "monitored-condition"]
    traces = [trace for trace in figures["monitored-sharpness"].plot.data if trace.xaxis == "x"]
    by_name = {trace.name: trace for trace in traces}
    # Quartiles of 1, 2 and 4; the pruned and the diverged trial are drawn, but not among them.
    assert list(by_name["median"].y) == [2.0] * 4
    assert sorted(set(by_name["middle half"].y)) == [1.5, 3.0]
    assert list(by_name["best trial"].y) == [1.0] * 4
    assert [value for value in by_name["a trial"].y if value is not None][-2:] == [10.0, 50.0]
    np.testing.assert_allclose(by_name["a trial"].x[:4], np.log2([1, 2, 3, 5]))
    assert (list(by_name["diverged"].x), by_name["diverged"].customdata[0][1]) == ([1.0], 50.0)
    caption = figures["monitored-sharpness"].details
    assert "5 trials of sgd (1 pruned, 1 diverged), 1 trial of momentum" in caption
    assert "lower bound" in caption
    assert "64 training examples" in figures["monitored-sharpness"].caption
    assert "from 3 to 24 for momentum" in figures["monitored-sharpness"].shows


def test_the_edge_of_stability_is_marked_and_who_crossed_it_counted(writer: RunWriter) -> None:
    run_data = mixed(writer)
    figure = monitoring_figures(run_data)[1]
    assert {shape.y0 for shape in figure.plot.layout.shapes} == {1.0}
    assert [note.text for note in figure.plot.layout.annotations] == ["sgd", "momentum"]
    beyond = (
        "1 of 6 trials were measured beyond the line at 1 at some epoch, and 1 of them diverged."
    )
    assert figure.shows == beyond
    assert "Not drawn: adam" in figure.details


def test_the_outcome_of_every_trial_stands_against_its_curvature(writer: RunWriter) -> None:
    run_data = mixed(writer)
    table = monitoring_table(run_data)
    points = outcome_points(table).set_index("trial")
    assert points.loc[5, "lambda_max"] == 24.0
    assert points.loc[5, "condition_number_lower_bound"] == 240.0
    assert points.loc[4, "relative_sharpness"] == pytest.approx(2.5)
    figure = monitoring_outcome(run_data)
    assert figure is not None
    crosses = [
        trace for trace in figure.plot.data if trace.marker.symbol == "x-thin" and len(trace.x)
    ]
    assert [cross.customdata[0][1] for cross in crosses] == ["diverged"] * 3
    assert [cross.xaxis for cross in crosses] == ["x", "x2", "x3"]
    assert "crosses on the shaded shelf: diverged" in figure.details
    assert figure.plot.layout.shapes[-1].x0 == 1.0


def test_only_diverged_trials_have_no_median(writer: RunWriter) -> None:
    for number in range(2):
        record(writer, number, "sgd", Status.DIVERGED, {0: 10.0 + number, 1: 50.0})
    run_data = RunData.read(writer.path)
    figures = monitoring_figures(run_data)
    assert {trace.name for trace in figures[0].plot.data} == {"a trial", "diverged"}
    assert "sgd has none" in figures[0].description
    assert "2 trials of sgd (2 diverged)" in figures[0].details
    outcome = monitoring_outcome(run_data)
    assert outcome is not None
    assert outcome.plot.layout.yaxis.ticktext == ("not finite",)
    assert "not finite" in write_report(writer.path).read_text(encoding="utf-8")


def test_one_trial_has_no_band(writer: RunWriter) -> None:
    record(writer, 0, "adam", Status.COMPLETED, flat(5.0))
    run_data = RunData.read(writer.path)
    figures = monitoring_figures(run_data)
    assert [figure.name for figure in figures] == ["monitored-sharpness", "monitored-condition"]
    assert {trace.name for trace in figures[0].plot.data} == {"a trial", "best trial"}


def test_what_is_missing_or_not_positive_is_left_out_and_said(writer: RunWriter) -> None:
    record(writer, 0, "sgd", Status.COMPLETED, {0: -2.0, 1: 1.0, 2: math.nan, 4: 1.0})
    run_data = RunData.read(writer.path)
    figures = {figure.name: figure for figure in monitoring_figures(run_data)}
    best = [
        trace for trace in figures["monitored-sharpness"].plot.data if trace.name == "best trial"
    ]
    np.testing.assert_allclose(best[0].x, np.log2([2, 5]))
    assert "1 value that is not positive has no place" in figures["monitored-sharpness"].details


@pytest.mark.parametrize("courses", [[], [{0: 1.0}], [{}]])
def test_nothing_is_drawn_by_epoch_where_nothing_was_monitored(
    writer: RunWriter, courses: list[Trajectory]
) -> None:
    for number, course in enumerate(courses):
        record(writer, number, "sgd", Status.FAILED, course)
    run_data = RunData.read(writer.path)
    assert monitoring_figures(run_data) == []
    assert (monitoring_outcome(run_data) is None) == (not any(courses))


def test_many_labels_are_counted_together(writer: RunWriter) -> None:
    table = monitoring_table(mixed(writer))
    many = table.assign(label=table["trial"].astype(str))
    words = counts(many, [str(number) for number in range(7)])
    assert words == "7 trials of 7 optimizers (1 pruned, 1 diverged)"


def test_an_axis_is_not_stretched_by_one_value_nor_filled_by_rounding() -> None:
    low, high = axis_around([*np.linspace(1, 2, 50), 1e-13])["range"]
    assert -2.5 < low < high < 1
    low, high = axis_around([1.0, 1.0 + 1e-7])["range"]
    assert high - low > 0.5


def diagnose(writer: RunWriter, number: int, label: str, values: Trajectory, limit: float) -> None:
    """Record a trial whose η·λmax was diagnosed, against a limit."""
    trial = Trial(
        number, "search", DatasetProblem("wine"), "linear", Settings(), label, label,
        Settings(learning_rate=0.1), Settings(), 4, 0,
    )  # fmt: skip
    reports = [
        Report(
            number, epoch, epoch, epoch, epoch, Settings(validation_loss=1.0), Status.COMPLETED,
            curvature=Settings(scaled_sharpness=value, stability_limit=limit),
        )
        for epoch, value in values.items()
    ]  # fmt: skip
    status, metrics = Status.COMPLETED, Settings(validation_loss=1.0)
    writer.append(
        TrialResult(trial, status, status.sentence, 1.0, 4, 4, 4, 4, metrics, Settings()), reports
    )


def test_an_adaptive_optimizer_has_its_distance_to_its_own_limit(writer: RunWriter) -> None:
    diagnose(writer, 0, "sgd", {0: 1.0, 4: 1.5}, 2.0)
    diagnose(writer, 1, "adam", {4: 57.0}, 38.0)  # (2 + 2 β₁) / (1 − β₁) at β₁ = 0.9
    record(writer, 2, "momentum", Status.COMPLETED, flat(1.0))
    run_data = RunData.read(writer.path)
    ratios = stability_ratios(run_data).set_index(["label", "epoch"])["ratio"].to_dict()
    assert ratios == {("sgd", 0): 0.5, ("sgd", 4): 0.75, ("adam", 4): 1.5}
    figure = stability_figure(run_data)
    assert figure is not None
    drawn = [
        (trace.y[0], float(trace.x[0]), str(trace.marker.symbol))
        for trace in figure.plot.data
        if len(trace.x)
    ]
    assert drawn == [
        ("sgd", 0.5, "circle-open"), ("sgd", 0.75, "circle"), ("adam", 1.5, "diamond"),
    ]  # fmt: skip
    assert [shape.x0 for shape in figure.plot.layout.shapes] == [1.0]
    assert "No limit is known for momentum" in figure.details


def test_no_distance_is_drawn_where_none_was_diagnosed(writer: RunWriter) -> None:
    assert stability_figure(mixed(writer)) is None
