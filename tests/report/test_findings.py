"""Sentences and layers of the page against what was recorded."""

from dataclasses import replace

import pytest

from benchmark.report import write_report
from benchmark.report.findings import TOPICS, finding_table, layer_figure
from benchmark.report.run_data import RunData
from benchmark.results import RunWriter, read_records, read_run
from benchmark.trial import Settings

SAID = Settings(
    verdict="saddle",
    critical_point="A saddle: ‖g‖ = 0, and <b>more</b>.",
    depth="Vanishing at hidden_1: because.",
)


@pytest.fixture(scope="module")
def run(make_run, tmp_path_factory):
    """A trained run, with findings and layers where its curvature was measured."""
    path = make_run()
    known = read_run(path)
    root = tmp_path_factory.mktemp("findings")
    with RunWriter.create(root, "wine", known.study_text, {}, "run") as writer:
        for result, reports in read_records(path):
            writer.append(result, [with_layers(report) for report in reports])
        writer.finish({"trials": 1})
    return writer.path


def table_of(run_data):
    table = finding_table(run_data)
    assert table is not None
    return table


def with_layers(report):
    if not report.curvature:
        return report
    layers = {
        f"layer.{place:02d}.hidden_{place}.{name}": value / place
        for place in (1, 2, 10)
        for name, value in (("gradient_norm", 1.0), ("update_ratio", 0.1), ("weight_norm", 3.0))
    }
    return replace(report, curvature=Settings(report.curvature, **layers), findings=SAID)


def test_what_was_found_is_kept_and_told_in_the_order_of_topics(run):
    findings = read_run(run).findings
    assert set(findings["topic"]) == set(SAID)
    table = table_of(RunData.read(run))
    momentum = [row for row in table.rows if row[0] == "momentum"]
    first = min(row[1] for row in momentum if row[1].isdigit())
    told = [row for row in momentum if row[1] == first]
    assert [row[2] for row in told] == [TOPICS["critical_point"], TOPICS["depth"]]
    assert told[1][3] == SAID["depth"]
    assert any(row[2] == "sharpness during training" for row in momentum)


def test_the_trajectory_is_that_of_the_recorded_sharpness(run):
    run_data = RunData.read(run)
    row = next(r for r in table_of(run_data).rows if r[2] == "sharpness during training")
    trial = min(run_data.shown_trials(row[0])[0]["number"])
    curve = run_data.run.curvature
    lambda_max_rows = curve[(curve["trial"] == trial) & (curve["quantity"] == "lambda_max")]
    values = lambda_max_rows.sort_values("epoch")["value"].tolist()
    assert ("sharper" in row[3]) == (values[-1] > values[0])
    assert (
        f"at epoch {int(lambda_max_rows.loc[lambda_max_rows['value'].idxmax(), 'epoch'])} as"
        in row[3]
    )


def test_layers_stand_in_the_order_in_which_signals_pass_them(run):
    figure = layer_figure(RunData.read(run))
    assert figure is not None
    assert "1 hidden_1, 2 hidden_2 and 10 hidden_10" in figure.details
    trace = figure.plot.data[0]
    assert list(trace.x) == [1, 2, 10]
    assert list(trace.y) == pytest.approx([1.0, 0.5, 0.1])


def test_the_page_holds_both_and_escapes_what_was_said(run):
    page = write_report(run).read_text("utf-8")
    assert "&lt;b&gt;more&lt;/b&gt;" in page
    assert "Norm of the gradient of the training loss by layer" in page


def test_a_run_without_findings_has_no_table(closed_form_run):
    run_data = RunData.read(closed_form_run)
    assert finding_table(run_data) is None
    assert layer_figure(run_data) is None
