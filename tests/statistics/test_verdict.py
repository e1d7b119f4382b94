"""Verdicts against rules written a second time, and against what chance alone does."""

import itertools
import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from benchmark.report.verdicts import comparison_sentence, verdict_sentences
from benchmark.statistics import Verdict, compare, mean_interval, summarize, verdict
from benchmark.statistics.comparison import holm, metric_step, signed_rank_p_value
from tests.statistics import simulations
from tests.statistics.simulations import study

RNG = np.random.default_rng(12)


def answer(values: Any, direction: str = "minimize") -> tuple[Verdict, str]:
    outcome = verdict(study(values, direction))
    return outcome, " ".join(verdict_sentences(outcome))


# The correction for many pairs


def test_holms_correction_rejects_what_its_steps_reject() -> None:
    for _ in range(50):
        p_values = RNG.uniform(0, 0.1, 7) ** 2
        rejected: set[int] = set()
        for rank, index in enumerate(np.argsort(p_values)):  # as Holm (1979) states it
            if p_values[index] > 0.05 / (7 - rank):
                break
            rejected.add(int(index))
        adjusted = holm([*p_values, math.nan])
        assert {index for index in range(7) if adjusted[index] <= 0.05} == rejected
        assert math.isnan(adjusted[7])


@pytest.mark.parametrize("sample", ["normal", "lognormal, σ = 0.5", "accuracy of 0.9, 36 rows"])
@pytest.mark.parametrize("labels", [2, 4])
def test_comparisons_follow_the_rule_that_the_simulations_use(sample: str, labels: int) -> None:
    first, second = np.triu_indices(labels, 1)
    for count in (3, 5, 8):
        values = simulations.SAMPLES[sample][0](RNG, (labels, count))
        expected = simulations.paired_p_values(values[first], values[second])
        comparisons = compare(study(values), "objective")
        p_values = [1.0 if pair.reason else pair.p_value for pair in comparisons]
        assert p_values == pytest.approx(expected, rel=1e-6)
        if not any(pair.reason for pair in comparisons):
            adjusted = [pair.adjusted for pair in comparisons]
            assert adjusted == pytest.approx(simulations.holm(expected), rel=1e-6)
        for pair in comparisons:
            assert bool(pair.better) == (pair.adjusted <= 0.05)
            if not pair.reason:
                assert (pair.p_value <= 0.05) != pair.difference.includes(0.0)


@pytest.mark.parametrize("sample", ["normal", "lognormal, σ = 0.5", "accuracy of 0.9, 36 rows"])
@pytest.mark.parametrize(("labels", "studies"), [(2, 4000), (4, 3000), (20, 600)])
def test_identical_optimizers_are_told_apart_in_five_per_cent_of_studies(
    sample: str, labels: int, studies: int
) -> None:
    shares = simulations.false_verdicts(sample, labels, 5, studies)
    limit = 0.05 + 4 * math.sqrt(0.05 * 0.95 / studies)  # four standard errors
    assert shares["all"] <= shares["any"] <= limit
    if labels == 20:  # the label that came first is chosen by the same replicates
        assert shares["none"] > 0.7
        assert shares["own"] > shares["all"] + 0.05


@pytest.mark.slow
@pytest.mark.parametrize("sample", ["normal", "lognormal, σ = 0.5"])
@pytest.mark.parametrize(("labels", "studies"), [(2, 1000), (4, 600), (20, 200)])
def test_the_headline_is_false_in_five_per_cent_of_studies(
    sample: str, labels: int, studies: int
) -> None:
    rng = np.random.default_rng(5)
    shared = rng.normal(size=(studies, 1, 5))  # split, initial weights and batch order
    values = shared + simulations.SAMPLES[sample][0](rng, (studies, labels, 5))
    false = sum(bool(verdict(study(table)).beaten) for table in values)
    assert false / studies <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / studies)


# Equal differences, few replicates, metrics that move in steps


def test_equal_differences_give_no_verdict_and_the_reason() -> None:
    outcome, sentences = answer({"a": [0.1, 0.2, 0.3, 0.4], "b": [0.2, 0.3, 0.4, 0.5]})
    (pair,) = outcome.comparisons
    assert (pair.better, math.isnan(pair.p_value), outcome.beaten) == ("", True, ())
    assert not pair.difference.is_known
    assert pair.difference.mean == pytest.approx(-0.1)
    assert "no verdict between a and b: the differences are all equal, so nothing" in sentences
    assert comparison_sentence(pair).startswith("no verdict: the differences are all equal")


def test_two_replicates_give_no_verdict_and_the_reason() -> None:
    outcome, sentences = answer({"a": [0.1, 0.1001], "b": [9.1, 9.2]})
    assert (outcome.comparisons[0].better, outcome.first and outcome.first.label) == ("", "a")
    assert "no verdict between a and b: too few replicates in common (2, and" in sentences


def test_false_positives_of_few_test_rows_stay_below_five_per_cent() -> None:
    rng = np.random.default_rng(8)
    for count in (3, 5, 8, 10):
        # The largest of 35 kinds of metric: four standard errors.
        assert simulations.false_positives(count, 2000) <= 0.05 + 4 * math.sqrt(0.0475 / 2000)
    # Uncorrected, 12 % at two replicates, which give no verdict now.
    assert simulations.false_positives(2, 2000, corrected=False) > 0.1
    for rows, share in ((5, 0.8), (36, 0.95)):
        first, second = rng.binomial(rows, share, (2, 8)) / rows
        (pair,) = compare(study([first, second]), "objective")
        assert pair.p_value == pytest.approx(float(simulations.paired_p_values(first, second)))
    assert not compare(study([[0.9, 0.8], [0.7, 0.6]], "maximize"), "objective")[0].better


@pytest.mark.slow
@pytest.mark.parametrize("count", range(3, 11))
def test_false_positives_of_few_test_rows_in_full(count: int) -> None:
    # The largest of 35 shares, each with a standard error of 0.07 %.
    assert simulations.false_positives(count, 100_000) <= 0.05 + 3 * math.sqrt(0.0475 / 100_000)
    if count in (7, 8):
        assert simulations.false_positives(count, 100_000, corrected=False) > 0.055


def test_the_step_of_a_metric_is_found_in_float32() -> None:
    accuracies = (np.array([30, 33, 34, 36], np.float32) / np.float32(36)).astype(float)
    assert metric_step(accuracies) == pytest.approx(1 / 36, rel=1e-5)
    assert metric_step(RNG.normal(size=8)) == 0
    assert metric_step(np.full(4, 0.3)) == 0


# Replicates without a usable end

INF = math.inf


@pytest.mark.parametrize("count", [6, 9])
def test_signed_ranks_are_exact(count: int) -> None:
    differences = RNG.normal(0.5, 1, count)
    ranks = np.sign(differences) * stats.rankdata(np.abs(differences))
    expected = stats.wilcoxon(differences, method="exact").pvalue
    assert signed_rank_p_value(ranks) == pytest.approx(expected)
    tied = np.sign(differences) * stats.rankdata(np.minimum(np.abs(differences), 0.8))
    sums = [np.dot(signs, np.abs(tied)) for signs in itertools.product((-1, 1), repeat=count)]
    share = np.mean(np.abs(sums) >= abs(tied.sum()) - 1e-9)
    assert signed_rank_p_value(tied) == pytest.approx(share)


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
@pytest.mark.parametrize(("lost", "count"), [(3, 5), (5, 8)])
def test_a_label_most_of_whose_replicates_diverged_does_not_come_first(
    direction: str, lost: int, count: int
) -> None:
    sign = 1 if direction == "minimize" else -1
    risky = sign * np.array([INF] * lost + [0.01 + 0.001 * i for i in range(count - lost)])
    outcome, sentences = answer(
        {"risky": risky, "safe": sign * np.linspace(1, 2, count)}, direction
    )
    assert [standing.label for standing in outcome.standings] == ["safe", "risky"]
    assert (outcome.first and outcome.first.label) == "safe"
    assert f"{lost} of {count} replicates diverged" in sentences
    assert "counts as worse than any other" in sentences
    (pair,) = outcome.comparisons
    assert math.isnan(pair.difference.mean)
    # By hand: the lost share the highest rank, the others have the lowest, all of one sign.
    ranks = [*range(1, count - lost + 1), *[count - (lost - 1) / 2] * lost]
    signs = itertools.product((-1, 1), repeat=count)
    observed = abs(sum(ranks[count - lost :]) - sum(ranks[: count - lost]))
    expected = np.mean(
        [abs(np.dot(chosen_signs, ranks)) >= observed - 1e-9 for chosen_signs in signs]
    )
    assert pair.p_value == pytest.approx(expected)


def test_a_label_that_lost_replicates_comes_first_where_all_others_are_worse() -> None:
    values = {"a": [INF] * 6 + [0.1, 0.2, 0.3, 0.4], "b": [INF] * 10}
    outcome, sentences = answer(values)
    assert outcome.first is None  # four pairs tell them apart, which is too few
    assert "No optimizer came first" in sentences
    assert "a: 6 of 10 replicates diverged; b: 10 of 10 replicates diverged" in sentences
    values = {"a": [INF] * 6 + [0.1] * 6, "b": [INF] * 12}
    outcome, sentences = answer(values)
    assert (outcome.first and outcome.first.label) == "a"
    assert "a is better than b" in sentences


def test_one_lost_replicate_of_ten_does_not_decide_by_itself() -> None:
    good = list(np.linspace(0.1, 0.2, 9))
    outcome, sentences = answer({"a": [*good, INF], "b": list(np.linspace(0.8, 0.9, 10))})
    assert (outcome.first and outcome.first.label) == "a"
    assert "a median validation loss of 0.1562 (1 of 10 replicates diverged)" in sentences
    assert summarize(study({"a": [*good, INF]}))[0].replicates_lost == 1


def test_failed_replicates_count_and_interrupted_ones_do_not() -> None:
    trials = study({"a": [0.1, 0.2, 0.3, 0.4], "b": [0.5, 0.6, 0.71, 0.8]})
    is_third = (trials["label"] == "a") & (trials["replicate"] == 3)
    trials.loc[is_third, "status"] = "interrupted"
    (pair,) = verdict(trials).comparisons
    assert (pair.difference.count, pair.lost) == (3, 0)
    trials.loc[is_third, "status"] = "failed"
    outcome = verdict(trials)
    assert (outcome.comparisons[0].difference.count, outcome.comparisons[0].lost) == (4, 1)
    assert "1 of 4 replicates failed" in " ".join(verdict_sentences(outcome))
    trials = study({"a": [0.1, 0.2, 0.3], "b": [0.5, 0.6, 0.71]})
    trials["metric.test_loss"] = trials["objective"]
    trials.loc[3, "metric.test_loss"] = math.nan
    assert "1 of 3 replicates ended without a finite value" in " ".join(
        verdict_sentences(verdict(trials))
    )


def test_diverging_at_random_is_no_difference() -> None:
    rng, false, studies = np.random.default_rng(6), 0, 150
    for _ in range(studies):
        values = rng.normal(size=(2, 8))
        values[rng.random((2, 8)) < 0.3] = INF
        false += bool(compare(study(values), "objective")[0].better)
    assert false / studies <= 0.05 + 3 * math.sqrt(0.0475 / studies)


def test_problems_that_differ_have_no_order() -> None:
    trials = study({"a": [0.1] * 3, "b": [0.2] * 3}).assign(**{"problem.condition_number": 1.0})
    assert verdict(trials).swept == ()
    trials.loc[0, "problem.condition_number"] = 10.0
    outcome = verdict(trials)
    assert (outcome.swept, outcome.first) == (("condition_number",), None)
    assert "no optimizer is best" in verdict_sentences(outcome)[0]


# Coverage


@pytest.mark.parametrize("sample", ["normal", "lognormal, σ = 0.25", "accuracy of 0.8, 100 rows"])
def test_intervals_cover_the_mean_from_93_to_97_per_cent(sample: str) -> None:
    for count in simulations.COUNTS:
        share, _ = simulations.coverage(sample, count, studies=4000)
        # Three standard errors of 4,000 studies are 1 %.
        assert 0.93 - 0.01 <= share <= 0.97 + 0.01
        values = simulations.SAMPLES[sample][0](RNG, (count,))
        interval, (low, high) = mean_interval(values), _t_interval(values)
        assert (interval.low, interval.high) == pytest.approx((low, high))
        assert interval.method == f"Student t over {count} values"


def _t_interval(values: np.ndarray[Any, Any]) -> tuple[float, float]:
    ends = stats.ttest_1samp(values, 0.0).confidence_interval(0.95)
    return float(ends.low), float(ends.high)


@pytest.mark.slow
@pytest.mark.parametrize("count", simulations.COUNTS)
def test_the_page_has_the_coverage_that_is_measured(count: int) -> None:
    for sample in ("normal", "lognormal, σ = 0.25", "accuracy of 0.8, 100 rows"):
        share, _ = simulations.coverage(sample, count, seed=1)
        assert 0.93 <= share <= 0.97
    # And where it does not cover so much, the page says it.
    assert simulations.coverage("lognormal, σ = 1", 10, seed=1)[0] < 0.86
