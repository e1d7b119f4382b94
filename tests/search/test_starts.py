"""Starting settings are asked first, known to the sampler, and change no other proposal."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmark.study.schema import Study
from benchmark.trial import Trial, TrialResult
from tests.search.searching import (
    Killed,
    dies_after,
    drive,
    open_search,
    outcome,
    resume_until_done,
    states,
    study,
    uninterrupted,
)

STARTS: list[dict[str, float]] = [
    {"learning_rate": 0.5, "batch_size": 32, "momentum": 0.5},
    {"learning_rate": 2},
]


def with_starts(**budget: Any) -> Study:
    given = study(**budget).model_dump()
    given["search"]["momentum"]["start"] = STARTS
    return Study.model_validate(given)


def asked(given: Study, location: str | Path) -> list[Trial]:
    with open_search(given, location) as search:
        return [trial for trial in iter(search.ask, None) if trial.label == "momentum"]


@pytest.mark.parametrize("sampler", ["random", "quasi_random", "tpe"])
def test_starts_come_first_and_the_others_are_as_without(
    sampler: str, new_location: Callable[[str], str | Path]
) -> None:
    trials = asked(with_starts(sampler=sampler), new_location("journal"))
    plain = asked(study(sampler=sampler), new_location("journal"))
    assert trials[0].hyperparameters == {**STARTS[0], "fuzz": 0.1}
    assert trials[1].hyperparameters["learning_rate"] == 2.0
    if sampler == "tpe":
        return  # it learns from the starts
    left = trials[1].hyperparameters["batch_size"], plain[1].hyperparameters["batch_size"]
    assert left[0] == left[1]
    assert [trial.hyperparameters for trial in trials[2:]] == [
        trial.hyperparameters for trial in plain[2:]
    ]


@pytest.mark.parametrize("sampler", ["tpe", "quasi_random"])
@pytest.mark.parametrize("deaths", [0, 9])
def test_a_resumed_search_keeps_its_starts(
    sampler: str, deaths: int, new_location: Callable[[str], str | Path]
) -> None:
    given, location = with_starts(sampler=sampler), new_location("journal")
    results: dict[int, TrialResult] = {}
    with open_search(given, location) as search, pytest.raises(Killed):
        drive(search, results, checkpoint=dies_after(deaths))
    resume_until_done(given, location, results)
    assert outcome(results) == outcome(uninterrupted(given, new_location("journal")))
    stored = states(location, "momentum")
    assert stored[0].params == STARTS[0]  # known to the sampler as any other trial
    assert len(stored) == 6
