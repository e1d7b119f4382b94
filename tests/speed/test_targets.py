import pytest

from speed.measurement import Spread
from speed.targets import CURVATURE_TARGETS, TARGETS, figures, share_of_rate
from tests.speed.measured import by_name, curvature_run, measurement, training_run

# From the round numbers of the made-up runs, by hand.
EXPECTED = {
    "quickstart, warm": (2.45, "met"),
    "quickstart, cold": (5.0, "not met"),
    "first trial's result": (10.5, "not met"),
    "contours": (2.0, "not met"),
    "whole study": (5.0 / 0.05, "met"),
    "against scikit-learn": (0.1 / 0.02, "met"),
    "rate, digits MLP": (100 * 6e8 / (0.03 * 100e9), "met"),
    "rate, wide MLP": (100 * 4e10 / (0.8 * 100e9), "met"),
    "everything that is not training": (20.0, "met"),
    "a trial in a large study": (1.2, "met"),
    "two workers": (2.0, "aim met"),
    "empty slots": (5.0, "met"),
}
EXPECTED_OF_CURVATURE = {
    # The faster way missed 1e-4 and counts for nothing.
    "PyHessian": (2.5 / 0.1, "aim met"),
    "curvlinops": (4.0, "met"),
    "Hessian-vector product": (3.0, "met"),
    "full Hessian": (5.0, "met"),
    "memory": (1.5, "met"),
    "48 diagnoses": (4.0, "met"),
    "monitoring": (20.0, "not met"),
}
RUNS = [(training_run, EXPECTED), (curvature_run, EXPECTED_OF_CURVATURE)]
CASES = [(run, name, *expected[name]) for run, expected in RUNS for name in expected]


def figure_of(measured, name):
    (figure,) = [figure for figure in figures(measured) if name in figure[0].name]
    return figure


@pytest.mark.parametrize(("run", "name", "value", "verdict"), CASES, ids=[c[1] for c in CASES])
def test_figure_and_verdict(run, name, value, verdict) -> None:
    target, spread, remark = figure_of(run(), name)
    assert spread.median == pytest.approx(value)  # the same sum in another order
    assert target.verdict(spread) == verdict
    assert remark


def test_every_target_is_expected() -> None:
    assert len(EXPECTED) == len(TARGETS) == len(figures(training_run()))
    assert len(EXPECTED_OF_CURVATURE) == len(CURVATURE_TARGETS) == len(figures(curvature_run()))


@pytest.mark.parametrize("target", TARGETS + CURVATURE_TARGETS, ids=lambda target: target.name)
def test_bounds_are_evaluated_from_their_side(target) -> None:
    def verdict(value):
        return target.verdict(Spread(value, value, value))

    better = 1.01 if target.sign == "≥" else 0.99
    assert verdict(target.bound) == "met"
    assert verdict(target.bound / better) == "not met"
    if target.aim is not None:
        assert verdict(target.aim) == verdict(target.aim * better) == "aim met"


def test_the_median_is_evaluated_not_the_luckiest_value() -> None:
    target = figure_of({}, "whole study")[0]
    assert target.verdict(Spread(target.bound - 1, 1.0, target.aim * 10)) == "not met"


def test_nothing_measured_is_nothing_met() -> None:
    missing = by_name(measurement("curvature_pyhessian", missing="not installed"))
    for measured in ({}, missing):
        assert {spread for _, spread, _ in figures(measured)} == {None}
    assert figure_of(curvature_run() | missing, "PyHessian")[1] is None


def test_scikit_learn_is_met_at_its_best() -> None:
    faster = by_name(measurement("scikit_learn/digits_mlp/one", 0.05, trials=4))
    assert figure_of(training_run() | faster, "scikit-learn")[1].median == pytest.approx(2.5)


def test_share_of_rate_counts_what_is_asked_for() -> None:
    measured = training_run()
    m = measured["vectorized/digits_mlp/tensorflow/ends_only"]
    training = share_of_rate(m, measured, "training_flops")
    both = share_of_rate(m, measured, "training_flops", "evaluation_flops")
    assert training and both
    assert training.median == pytest.approx(30.0)  # 6e8 / 0.02 s of 1e11 a second
    assert both.median == pytest.approx(65.0)
    assert share_of_rate(measured["usual_way/digits_mlp"], measured, "training_flops") is None
