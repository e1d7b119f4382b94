"""Which trials stand for the others."""

import math
from collections.abc import Sequence
from typing import Any

import pytest

from benchmark.search.trials import RANKS, ranked
from benchmark.trial import DatasetProblem, Settings, Status, Trial, TrialResult


def result(
    number: int, objective: float, status: Status = Status.COMPLETED, **changes: Any
) -> TrialResult:
    trial = Trial(
        **{
            "number": number, "phase": "search", "problem": DatasetProblem("iris"),
            "model": "linear", "model_options": Settings(), "label": "adam", "optimizer": "adam",
            "hyperparameters": Settings(), "options": Settings(), "epochs": 1, "seed": 0, **changes,
        }
    )  # fmt: skip
    return TrialResult(trial, status, "", objective, 1, 1, 1, 1, Settings(), Settings())


def numbers(results: Sequence[TrialResult], ranks: Any = RANKS) -> dict[str, int]:
    return {
        rank: ranked_result.trial.number
        for rank, ranked_result in ranked(results, "adam", ranks).items()
    }


@pytest.mark.parametrize(
    ("objectives", "expected"),
    [
        ([3.0, 1.0, 2.0], {"best": 1, "median": 2, "worst": 0}),
        ([3.0, 1.0, 2.0, 0.0], {"best": 3, "median": 1, "worst": 0}),
        ([3.0, 1.0], {"best": 1, "worst": 0}),
        ([1.0, 1.0, 1.0], {"best": 0, "median": 1, "worst": 2}),
        ([5.0], {"best": 0}),
        ([], {}),
    ],
)
def test_best_median_and_worst(objectives: list[float], expected: dict[str, int]) -> None:
    given = [result(number, value) for number, value in enumerate(objectives)]
    assert numbers(given) == numbers(given[::-1]) == expected


def test_only_what_ended_by_itself_in_the_search_of_the_label_counts() -> None:
    given = [
        result(0, 1.0),
        result(1, 9.0, Status.PRUNED),
        result(2, math.inf, Status.DIVERGED),
        result(3, 8.0, phase="replicate"),
        result(4, 7.0, label="sgd"),
        result(5, 2.0, Status.CONVERGED),
    ]
    assert numbers(given) == {"best": 0, "worst": 5}
    assert numbers(given, ["worst"]) == {"worst": 5}
    assert numbers(given, []) == {}


def test_a_maximized_objective_is_ranked_the_other_way() -> None:
    given = [result(number, float(number), direction="maximize") for number in range(3)]
    assert numbers(given) == {"best": 2, "median": 1, "worst": 0}
