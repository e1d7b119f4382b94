"""A budget in gradient evaluations ends the search of each optimizer by what its trials cost."""

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmark.trial import TrialResult
from tests.search.searching import (
    Killed,
    dies_after,
    drive,
    open_search,
    outcome,
    resume_until_done,
    study,
    uninterrupted,
)


def test_the_search_ends_once_the_evaluations_are_spent(
    new_location: Callable[[str], str | Path],
) -> None:
    # In the simulation an epoch is one gradient evaluation; diverged trials take 3 of 6 epochs.
    given = study(sampler="random", trials=20, gradient_evaluations=20)
    whole = uninterrupted(study(sampler="random", trials=20), new_location("journal"))
    results: dict[int, TrialResult] = {}
    with open_search(given, new_location("journal")) as search:
        drive(search, results)
        spent = search.spent
    for index, label in enumerate(("sgd", "momentum")):
        costs = [results[n].gradient_evaluations for n in sorted(results) if n % 2 == index]
        assert sum(costs[:-1]) < 20 <= sum(costs) == spent[label]
    # The trials are those of the larger budget, only fewer.
    assert outcome(results).items() <= outcome(whole).items()
    assert len(results) < len(whole)


def test_it_ends_at_the_same_trial_when_it_was_killed(
    new_location: Callable[[str], str | Path],
) -> None:
    given, location = study(trials=20, gradient_evaluations=20), new_location("journal")
    results: dict[int, TrialResult] = {}
    with open_search(given, location) as search, pytest.raises(Killed):
        drive(search, results, checkpoint=dies_after(60))
    assert 0 < len(results) < 8
    resume_until_done(given, location, results)
    assert outcome(results) == outcome(uninterrupted(given, new_location("journal")))
