"""Tests of summaries, intervals and comparisons against independent calculations."""

import itertools
import math
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from benchmark.statistics import (
    budget_values,
    column_on_test,
    compare,
    edge_warnings,
    expected_best,
    expected_best_band,
    importance_of,
    mean_interval,
    summarize,
    time_to_target,
)

COLUMNS = {
    "phase": "search", "label": "sgd", "optimizer": "sgd", "replicate": 0, "status": "completed",
    "objective_name": "validation_loss", "direction": "minimize",
}  # fmt: skip
FINITE = st.floats(-1e6, 1e6)


def table(*rows: dict[str, Any]) -> pd.DataFrame:
    """Trials from what distinguishes them."""
    return pd.DataFrame([{"number": index, **COLUMNS, **row} for index, row in enumerate(rows)])


# Intervals


def test_few_values_get_the_t_interval() -> None:
    interval = mean_interval([1.0, 2.0, 4.0])
    # t quantile of 2 degrees of freedom from a printed table, sample deviation by hand.
    half = 4.302653 * math.sqrt(((4 / 3) ** 2 + (1 / 3) ** 2 + (5 / 3) ** 2) / 2) / math.sqrt(3)
    assert interval.mean == pytest.approx(7 / 3)
    assert (interval.low, interval.high) == pytest.approx((7 / 3 - half, 7 / 3 + half), rel=1e-6)
    assert interval.method == "Student t over 3 values"
    assert interval.includes(2.0)
    assert not interval.includes(100.0)


def test_degenerate_samples_have_no_interval() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert mean_interval([]).count == 0
        single, equal = mean_interval([2.0]), mean_interval([2.0] * 30)
    assert (single.mean, single.is_known, single.includes(1e9)) == (2.0, False, True)
    assert (equal.mean, equal.is_known, equal.includes(1e9)) == (2.0, False, True)
    assert not mean_interval([0.95 - 0.9, 0.85 - 0.8]).is_known  # equal but for rounding
    with pytest.raises(ValueError, match=r"values must be finite\. Received inf"):
        mean_interval([1.0, math.inf])
    with pytest.raises(ValueError, match=r"level must be in \(0, 1\)\. Received 95"):
        mean_interval([1.0], level=95)


# Summaries


def test_summary_counts_and_ranks_usable_trials_only() -> None:
    trials = table(
        {"objective": 0.5, "hp.learning_rate": 0.1, "hp.beta_1": math.nan},
        {"objective": 0.2, "hp.learning_rate": 0.2, "hp.beta_1": math.nan, "status": "converged"},
        {"objective": 0.9, "hp.learning_rate": 0.3},
        {"objective": 0.0, "status": "pruned"},
        {"objective": math.inf, "status": "diverged"},
        {"objective": 0.3, "phase": "replicate", "replicate": 1},
        {"objective": 0.5, "phase": "replicate", "replicate": 2},
        {"objective": math.inf, "phase": "replicate", "replicate": 3, "status": "diverged"},
    )
    (row,) = summarize(trials)
    assert (row.trials, row.best, row.best_trial, row.median) == (5, 0.2, 1, 0.5)
    assert row.quartiles == pytest.approx((0.35, 0.7))
    assert row.counts == {"completed": 2, "converged": 1, "pruned": 1, "diverged": 1}
    assert row.configuration == {"learning_rate": 0.2}
    assert (row.replicates.mean, row.replicates.count, row.replicates_lost) == (0.4, 2, 1)
    assert row.test.count == 0


def test_best_is_the_largest_where_maximized_and_the_earliest_of_equals() -> None:
    up = {"direction": "maximize", "objective_name": "validation_accuracy"}
    trials = table(*({**up, "objective": value} for value in (0.5, 0.9, 0.9)))
    assert summarize(trials)[0].best_trial == 1


def test_tests_metric_is_the_objectives_own() -> None:
    trials = table(
        {"objective": 0.1, "metric.test_loss": 0.2, "phase": "replicate"},
        {"objective": 0.1, "metric.test_loss": 0.4, "phase": "replicate"},
    )
    assert column_on_test(trials) == "metric.test_loss"
    assert summarize(trials)[0].test.mean == pytest.approx(0.3)
    assert column_on_test(trials.assign(objective_name="train_loss")) == ""
    assert column_on_test(trials.iloc[:0]) == ""


def test_a_label_without_trials_is_a_row_of_nothing() -> None:
    (row,) = summarize(table({"objective": 1.0}).iloc[:0], ["adam"])
    assert (row.trials, row.best_trial, row.configuration) == (0, -1, {})
    assert math.isnan(row.best)
    assert math.isnan(row.median)


# Comparisons


def replicates(label: str, values: dict[int, float], direction: str = "minimize") -> list[Any]:
    return [
        {"label": label, "phase": "replicate", "replicate": index, "objective": value,
         "direction": direction}
        for index, value in values.items()
    ]  # fmt: skip


def test_comparison_is_paired_by_replicate() -> None:
    shared = np.random.default_rng(0).normal(scale=10, size=6)  # what the pairs have in common
    noise = np.random.default_rng(1).normal(scale=0.01, size=6)
    first = {index: float(value) for index, value in enumerate(shared)}
    second = {index: float(value + 0.1 + noise[index]) for index, value in enumerate(shared)}
    second[99] = 1000.0  # no partner: left out
    rows = replicates("a", first) + replicates("b", second)
    (comparison,) = compare(table(*rows), "objective")
    oracle = stats.ttest_rel(list(first.values()), [second[index] for index in range(6)])
    ends = oracle.confidence_interval(0.95)
    assert (comparison.difference.low, comparison.difference.high) == pytest.approx(
        (ends.low, ends.high)
    )
    assert comparison.better == "a"
    assert comparison.difference.method == "Student t over 6 pairs"
    maximized = [{**row, "direction": "maximize"} for row in rows]
    assert compare(table(*maximized), "objective")[0].better == "b"


def test_no_difference_is_shown_where_the_interval_holds_zero() -> None:
    rows = replicates("a", {1: 1.0, 2: 2.0, 3: 3.0}) + replicates("b", {1: 1.1, 2: 1.9, 3: 3.1})
    assert compare(table(*rows), "objective")[0].better == ""


@pytest.mark.parametrize("count", [0, 1, 2])
def test_fewer_than_three_replicates_give_no_verdict(count: int) -> None:
    values = {index: index / 1000 for index in range(count)}
    rows = replicates("a", values) + replicates("b", {k: 9 + 2 * v for k, v in values.items()})
    trials = table(*rows) if rows else table({"objective": 1.0})
    (comparison,) = compare(trials, "objective", ["a", "b"])
    assert (comparison.better, comparison.difference.count) == ("", count)
    assert math.isnan(comparison.p_value)
    assert comparison.reason == f"too few replicates in common ({count}, and a verdict needs 3)"


def test_every_pair_is_compared_once() -> None:
    rows = [row for label in "abc" for row in replicates(label, {1: 1.0, 2: 2.0})]
    pairs = [
        (comparison.first, comparison.second) for comparison in compare(table(*rows), "objective")
    ]
    assert pairs == [("a", "b"), ("a", "c"), ("b", "c")]


# Budgets


@given(st.lists(FINITE, min_size=1, max_size=4), st.integers(1, 4))
def test_expected_best_is_the_mean_over_all_draws(values: list[float], budget: int) -> None:
    draws = [min(draw) for draw in itertools.product(values, repeat=budget)]
    best = expected_best(values, [budget])[0]
    assert best == pytest.approx(np.mean(draws), rel=1e-9, abs=1e-6)
    upward = expected_best(values, [budget], "maximize")[0]
    draws = [max(draw) for draw in itertools.product(values, repeat=budget)]
    assert upward == pytest.approx(np.mean(draws), rel=1e-9, abs=1e-6)


def test_expected_best_agrees_with_the_bootstrap() -> None:
    rng = np.random.default_rng(3)
    values, budgets = rng.lognormal(size=30), np.array([1, 2, 5, 10])
    drawn = rng.choice(values, size=(100_000, 10))
    simulated = np.minimum.accumulate(drawn, axis=1)[:, budgets - 1]
    error = simulated.std(axis=0) / math.sqrt(len(drawn))
    # Five standard errors of the simulation.
    assert np.all(np.abs(expected_best(values, budgets) - simulated.mean(axis=0)) < 5 * error)


def test_band_holds_the_curve_and_narrows() -> None:
    values, budgets = np.random.default_rng(3).uniform(size=40), np.arange(1, 41)
    best = expected_best(values, budgets)
    low, high = expected_best_band(values, budgets)
    assert np.all((low <= best) & (best <= high))
    assert high[-1] - low[-1] < high[0] - low[0]
    assert np.all(np.diff(best) <= 0)


def test_budget_counts_trials_that_found_nothing_as_the_worst() -> None:
    trials = table(
        {"objective": 0.5},
        {"objective": math.inf, "status": "diverged"},
        {"objective": 0.7, "status": "pruned"},
        {"objective": 2.0, "label": "adam"},
        {"objective": 0.1, "status": "interrupted"},
        {"objective": 0.1, "phase": "replicate"},
    )
    assert budget_values(trials, "sgd").tolist() == [0.5, 2.0, 0.7]
    assert budget_values(trials.iloc[1:2], "sgd").tolist() == []


@pytest.mark.parametrize(
    ("values", "budgets", "message"),
    [([], [1], "one or more finite"), ([math.inf], [1], "finite"), ([1.0], [0], r">= 1")],
)
def test_impossible_budgets_are_refused(
    values: list[float], budgets: list[int], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        expected_best(values, budgets)


# Time to target


def test_time_to_target_is_the_first_epoch_that_reaches_it() -> None:
    trials = table({"objective": 0.1}, {"objective": 0.1})
    curves = pd.DataFrame(
        [
            {"trial": trial, "epoch": epoch, "step": 10 * epoch, "samples": 320 * epoch,
             "gradient_evaluations": 11 * epoch, "metric": metric, "value": value}
            for trial, values in enumerate([(0.9, 0.5, 0.6, 0.2), (0.9, math.nan, 0.8, 0.7)])
            for epoch, value in enumerate(values)
            for metric in ("validation_loss", "train_loss")
        ]
    )  # fmt: skip
    times = time_to_target(trials, curves, "validation_loss", 0.5, "minimize")
    assert times["step"].tolist()[0] == 10
    assert times["gradient_evaluations"].tolist()[0] == 11
    assert np.isnan(times["epoch"][1])
    upward = time_to_target(trials, curves, "validation_loss", 0.9, "maximize")
    assert upward["epoch"].tolist() == [0, 0]


# Importance, edges

SPACE: dict[str, dict[str, Any]] = {
    "learning_rate": {"low": 1e-4, "high": 1.0, "log": True},
    "batch_size": {"choices": [16, 32, 64, 128]},
    "momentum": {"low": 0.0, "high": 0.9},
    "fuzz": {"value": 0.05},
}


def searched(count: int, direction: str = "minimize") -> pd.DataFrame:
    """Trials whose objective depends on the learning rate alone; the worst diverge."""
    rng = np.random.default_rng(0)
    rows = []
    for _ in range(count):
        exponent = rng.uniform(-4, 0)
        loss = (exponent + 2) ** 2
        diverges = loss > 3
        objective = math.inf if diverges else loss
        rows.append(
            {"hp.learning_rate": 10**exponent, "hp.batch_size": float(rng.choice([16, 64, 128])),
             "hp.momentum": rng.uniform(0, 0.9), "hp.fuzz": 0.05,
             "objective": objective if direction == "minimize" else -objective,
             "status": "diverged" if diverges else "completed", "direction": direction}
        )  # fmt: skip
    return table(*rows)


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_importance_finds_what_matters(direction: str, capfd: pytest.CaptureFixture[str]) -> None:
    importance = importance_of(searched(60, direction), "sgd", SPACE)
    assert next(iter(importance.values)) == "learning_rate"
    assert importance.values["learning_rate"] > 0.5
    assert sum(importance.values.values()) == pytest.approx(1)
    assert set(importance.values) == {"learning_rate", "batch_size", "momentum"}
    assert importance.trials == 60
    captured = capfd.readouterr()
    assert captured.out + captured.err == ""


def test_importance_says_why_there_is_none() -> None:
    assert "10 finished trials at least, and there are 9" in (
        importance_of(searched(9), "sgd", SPACE).reason
    )
    assert "fewer than two" in importance_of(searched(20), "sgd", {"fuzz": SPACE["fuzz"]}).reason
    same = searched(20).assign(objective=1.0)
    assert "same objective" in importance_of(same, "sgd", SPACE).reason
    diverged = searched(20).assign(objective=math.inf, status="diverged")
    assert "there are 0" in importance_of(diverged, "sgd", SPACE).reason


@pytest.mark.parametrize(
    ("name", "value", "end"),
    [
        ("learning_rate", 1e-4 * 10**0.19, "low"),  # 4.75 % of the four decades
        ("learning_rate", 1e-4 * 10**0.21, None),
        ("learning_rate", 0.9, "high"),
        ("learning_rate", 0.05, None),
        ("momentum", 0.88, "high"),
        ("momentum", 0.84, None),
        ("batch_size", 16.0, "low"),
        ("batch_size", 128.0, "high"),
        ("batch_size", 32.0, None),
    ],
)
def test_edges_are_evaluated_on_the_dimensions_scale(name: str, value: float, end: str) -> None:
    trials = table({"objective": 0.1, f"hp.{name}": value}, {"objective": 0.2, f"hp.{name}": 0.5})
    edges = edge_warnings(trials, {"sgd": SPACE})
    assert [warning.end for warning in edges] == ([end] if end else [])


def test_two_choices_and_fixed_values_have_no_edge() -> None:
    trials = table({"objective": 0.1, "hp.batch_size": 16.0, "hp.fuzz": 0.05})
    assert edge_warnings(trials, {"sgd": {"batch_size": {"choices": [16, 32]}}}) == []
    assert edge_warnings(trials, {"sgd": SPACE, "adam": SPACE})[0].name == "batch_size"
