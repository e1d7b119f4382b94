"""The rates of the shipped study: from recorded losses to table, picture and sentences."""

from pathlib import Path

import numpy as np
import pytest

from benchmark.report import write_report
from benchmark.report.rates import rate_figure, rate_sentences, rate_table, rates
from benchmark.report.run_data import RunData
from benchmark.report.sentences import answer
from benchmark.results import RunWriter
from benchmark.search import build_trial
from benchmark.session.resolution import search_settings
from benchmark.study.catalogue import catalogue
from benchmark.study.loading import load_study
from benchmark.trial import Report, Settings, Status, TrialResult

STUDY = Path(__file__).parents[2] / "studies" / "conditioning.toml"


def descend(trial):
    """Train a trial of the study in NumPy, in float32."""
    options, numbers = trial.problem.options, trial.hyperparameters
    eigenvalues = np.geomspace(1 / options["condition_number"], 1, options["dimension"])
    eigenvalues = eigenvalues.astype(np.float32)
    rate = np.float32(numbers["learning_rate"])
    momentum = np.float32(numbers.get("momentum", 0))
    theta, velocity = 1 / eigenvalues, np.zeros_like(eigenvalues)
    reports = []
    for step in range(trial.epochs + 1):
        loss = float(np.sum(eigenvalues * theta * theta)) / 2
        reports.append(Report(trial.number, step, step, step, step, Settings(train_loss=loss)))
        gradient = rate * eigenvalues * theta
        velocity = momentum * velocity - gradient
        is_ahead = trial.optimizer == "nesterov"
        theta = theta + (momentum * velocity - gradient if is_ahead else velocity)
    result = TrialResult(
        trial,
        Status.COMPLETED,
        "done",
        loss,
        trial.epochs,
        step,
        step,
        step,
        Settings(),
        Settings(),
    )
    return result, reports


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    study = load_study(STUDY, catalogue())
    settings = search_settings(study)
    kappas = study.space("momentum")["condition_number"].grid or []
    root = tmp_path_factory.mktemp("results")
    with RunWriter.create(root, "conditioning", STUDY.read_text("utf-8"), {}, "run") as writer:
        number = 0
        for kappa in kappas:
            for entry in study.compare:
                fixed = {
                    name: dimension.value
                    for name, dimension in study.space(entry.label).items()
                    if dimension.value is not None
                }
                given = {**fixed, "condition_number": kappa}
                trial = build_trial(study, settings, entry.label, number, given)
                writer.append(*descend(trial))
                number += 1
        writer.finish({"trials": number})
    return writer.path


def test_every_measured_rate_is_within_one_per_cent_of_theory(run):
    measured_rates = rates(RunData.read(run))
    assert len(measured_rates) == 24
    assert {rate.kappa for rate in measured_rates} == {1.0, 10.0, 100.0, 1e3, 1e4, 1e5}
    for rate in measured_rates:
        assert abs(rate.deviation) < 0.01, rate


def test_the_page_draws_and_tells_it(run):
    run_data = RunData.read(run)
    measured_rates = rates(run_data)
    figure, table = rate_figure(run_data), rate_table(run_data)
    assert figure is not None
    assert table is not None
    markers = [trace for trace in figure.plot.data if trace.mode == "markers"]
    assert [len(trace.x) for trace in markers] == [6, 6, 6, 6]
    assert len(table.rows) == 24
    names = [str(trace.name) for trace in figure.plot.data]
    assert "nesterov, theory (optimal): ρ = 1 − 2/√(3κ + 1)" in names
    assert "nesterov_standard, theory (standard): ρ = 1 − 1/√κ" in names
    assert answer(run_data) == rate_sentences(measured_rates)
    assert "agrees with theory to within 0." in answer(run_data)[0]
    page = write_report(run).read_text("utf-8")
    assert "Rates of convergence" in page
    assert "1 − ρ measured" in page
    assert "lies at the low end of its range" not in page


def test_a_run_without_predictions_has_no_rates(closed_form_run):
    run_data = RunData.read(closed_form_run)
    assert rates(run_data) == []
    assert rate_table(run_data) is None
    assert rate_figure(run_data) is None


def test_a_run_of_an_older_version_is_laid_on_the_theory_that_it_was_trained_by(run):
    run_data = RunData.read(run)
    trials = run_data.trials
    old = trials[trials["label"] != "nesterov"].copy()
    # "optimal" used to give Nesterov its standard settings.
    old["label"] = old["label"].replace("nesterov_standard", "nesterov")
    run_data.__dict__["trials"] = old
    nesterov_rates = [rate for rate in rates(run_data) if rate.label == "nesterov"]
    assert {rate.tuning for rate in nesterov_rates} == {"standard"}
    assert max(abs(rate.deviation) for rate in nesterov_rates) < 0.01
    run_data = RunData.read(run)
    run_data.__dict__["trials"] = old.assign(**{"hp.momentum": 0.5})
    assert {rate.label for rate in rates(run_data)} == {"gradient_descent"}
