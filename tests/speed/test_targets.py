import pytest

from speed.measurement import Spread
from speed.targets import TARGETS, share_of_rate, verdicts
from tests.speed.measured import by_name, measurement, whole_run

# From the round numbers of `whole_run`, by hand.
EXPECTED = {
    "whole study": (5.0 / 0.05, "met"),
    "engine alone against": (0.1 / 0.02, "met"),
    "rate, digits MLP": (100 * 6e8 / (0.03 * 100e9), "met"),
    "rate, wide MLP": (100 * 4e10 / (0.8 * 100e9), "met"),
    "everything that is not training": (20.0, "met"),
    # (2000 · 0.1214 - 3) / 1999 against (100 · 0.129 - 3) / 99
    "cost of a trial": ((242.8 - 3) / 1999 / ((12.9 - 3) / 99), "met"),
    "two workers": (2.0, "aim met"),
    "empty or dead": (5.0, "met"),
}


def found_of(measured, name):
    (one,) = [one for one in verdicts(measured) if name in one.target.name]
    return one


@pytest.mark.parametrize("name", EXPECTED)
def test_figure_and_verdict(name) -> None:
    value, verdict = EXPECTED[name]
    found = found_of(whole_run(), name)
    assert found.spread is not None
    assert found.spread.median == pytest.approx(value)  # the same sum in another order
    assert found.sentence == verdict


def test_every_target_has_its_row() -> None:
    assert len(EXPECTED) == len(TARGETS) == len(verdicts(whole_run()))


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_bounds_are_evaluated_from_their_side(target) -> None:
    def verdict(value):
        return target.verdict(Spread(value, value, value))

    better = 0.99 if target.smaller_is_better else 1.01
    assert verdict(target.aim * better) == "aim met"
    assert verdict(target.aim) == "aim met"
    assert verdict(target.at_least) == "met"
    assert verdict(target.at_least / better) == "not met"


def test_the_median_is_evaluated_not_the_luckiest_value() -> None:
    target = TARGETS[0]
    assert target.verdict(Spread(target.at_least - 1, 1.0, target.aim * 10)) == "not met"


def test_nothing_measured_is_nothing_met() -> None:
    for measured in ({}, by_name(measurement("usual_way/digits_mlp", missing="not installed"))):
        assert {one.sentence for one in verdicts(measured)} == {"not measured"}


def test_scikit_learn_is_met_at_its_best() -> None:
    measured = whole_run() | by_name(measurement("scikit_learn/digits_mlp/one", 0.05, trials=4))
    found = found_of(measured, "engine alone against")
    assert found.spread is not None
    assert found.spread.median == pytest.approx(0.05 / 0.02)


def test_scikit_learn_is_compared_with_as_much_work() -> None:
    name = "vectorized/digits_mlp/tensorflow/batch_32/ends_only"
    measured = whole_run() | by_name(measurement(name, 0.025, trials=8))
    # Trials that are evaluated after each epoch would be faster here; they do more.
    found = found_of(measured, "engine alone against")
    assert found.spread is not None
    assert found.spread.median == pytest.approx(0.1 / 0.025)
    assert found.remark == f"title of {name}"


def test_what_is_not_hidden_behind_training_is_said() -> None:
    # 20 of 80 ms a trial; the engine alone takes 30 of the 80.
    remark = found_of(whole_run(), "everything that is not training").remark
    assert "25 % of a trial's cost" in remark
    assert "costs 50 ms more" in remark


def test_no_counter_of_slots_is_not_measured() -> None:
    pruned = measurement("pruning/digits_mlp/100", 0.1, trials=100, slot_epochs=None, statuses={})
    assert found_of(by_name(pruned), "empty or dead").sentence == "not measured"


def test_share_of_rate_counts_what_is_asked_for() -> None:
    measured = whole_run()
    one = measured["vectorized/digits_mlp/tensorflow/batch_32"]
    training = share_of_rate(one, measured, "training_flops")
    both = share_of_rate(one, measured, "training_flops", "evaluation_flops")
    assert training is not None
    assert both is not None
    assert training.median == pytest.approx(30.0)  # 6e8 / 0.02 s of 1e11 a second
    assert both.median == pytest.approx(65.0)
    assert share_of_rate(measured["usual_way/digits_mlp"], measured, "training_flops") is None
