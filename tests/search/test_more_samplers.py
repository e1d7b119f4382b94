"""Samplers of extras, and pruners with options."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import optuna
import pytest

from benchmark.search import SearchError
from benchmark.search.samplers import make_pruner
from benchmark.study.budget import check_budget
from benchmark.study.samplers import SAMPLERS
from benchmark.study.schema import Study
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


@pytest.mark.parametrize(("sampler", "trials"), [("cma_es", 9), ("gp", 6)])
def test_a_sampler_of_an_extra_resumes_as_if_never_stopped(
    sampler: str, trials: int, new_location: Callable[[str], str | Path]
) -> None:
    pytest.importorskip(SAMPLERS[sampler].package)
    given, location = study(sampler=sampler, trials=trials), new_location("journal")
    results: dict[int, TrialResult] = {}
    with open_search(given, location) as search, pytest.raises(Killed):
        drive(search, results, checkpoint=dies_after(trials * 30))
    assert len(results) > trials
    resume_until_done(given, location, results)
    assert outcome(results) == outcome(uninterrupted(given, new_location("journal")))


def test_cma_es_comes_closer_than_random(new_location: Callable[[str], str | Path]) -> None:
    pytest.importorskip("cmaes")

    def median_of_last(sampler: str) -> float:
        given = study(sampler=sampler, trials=40)
        results = uninterrupted(given, new_location("journal"))
        values = sorted(results[number].objective for number in range(40, 80))
        return values[20]

    # Halfway the distribution has moved to the bottom of the bowl.
    assert median_of_last("cma_es") < 0.7 * median_of_last("random")


def test_a_missing_package_is_refused_with_its_remedy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    real = find_spec
    monkeypatch.setattr(
        "benchmark.study.samplers.find_spec",
        lambda name: None if name == "cmaes" else real(name),
    )
    given = study(sampler="cma_es")
    (mistake,) = check_budget(given)
    assert mistake.line("x.toml") == (
        "the sampler cma_es needs the package cmaes, which is not installed. Received 'cma_es' at "
        'budget.sampler in x.toml. Run: pip install "kappabench[cma_es]".'
    )
    with pytest.raises(SearchError, match="needs the package cmaes"):
        open_search(given, tmp_path)


def stopped_after(name: str, values: list[float], **options: Any) -> int | None:
    """The step after which a pruner stops a trial with these values."""
    others = optuna.create_study(pruner=make_pruner(name, 1, len(values), options))
    for _ in range(5):
        trial = others.ask()
        for step in range(1, len(values) + 1):
            trial.report(1 / step, step)
        others.tell(trial, 1 / len(values))
    trial = others.ask()
    for step, value in enumerate(values, start=1):
        trial.report(value, step)
        if trial.should_prune():
            return step
    return None


def test_patient_waits_for_an_improvement() -> None:
    values = [1.0, 0.5, 0.6, 0.6, 0.6, 0.6]
    assert stopped_after("patient", values, patience=2) == 5
    assert stopped_after("patient", values, patience=5) is None
    assert stopped_after("patient", [0.1] * 6, patience=1, wrapped_pruner="median") is None
    rising = [2.0, 2.1, 2.2, 2.3]
    assert stopped_after("patient", rising, patience=1, wrapped_pruner="median") == 3


def test_threshold_stops_what_leaves_the_range() -> None:
    assert stopped_after("threshold", [3.0, 1.0, 0.7, 2.5], upper=2.0) == 1
    assert stopped_after("threshold", [1.0, 0.7, 0.01], lower=0.1, upper=2.0) == 3
    assert stopped_after("threshold", [1.0, 0.7, 0.01], upper=2.0) is None


def test_wilcoxon_stops_a_curve_above_that_of_the_best() -> None:
    assert stopped_after("wilcoxon", [1 / step + 0.5 for step in range(1, 11)]) == 4
    assert stopped_after("wilcoxon", [1 / step - 0.05 for step in range(1, 11)]) is None


@pytest.mark.parametrize(
    ("budget", "words"),
    [
        ({"pruner": "patient", "pruner_options": {"patience": 0}}, "patience must be a whole"),
        ({"pruner": "patient", "pruner_options": {"patiense": 3}}, "Did you mean `patience`?"),
        ({"pruner": "patient", "pruner_options": {"wrapped_pruner": "hyperband"}}, "one of none"),
        ({"pruner": "median", "pruner_options": {"patience": 3}}, "median has no options"),
        ({"pruner": "threshold"}, "the pruner threshold needs lower or upper. Received nothing at"),
        (
            {"pruner": "threshold", "pruner_options": {"lower": 2.0, "upper": 1.0}},
            "lower must be < upper",
        ),
        ({"pruner": "wilcoxon", "pruner_options": {"p_threshold": 2}}, "a number from 0 to 1"),
    ],
)
def test_wrong_options_are_refused(budget: dict[str, Any], words: str) -> None:
    given: Study = study(**budget)
    (mistake,) = check_budget(given)
    assert words in mistake.line("x.toml")
    assert "at budget.pruner_options" in mistake.line("x.toml")
