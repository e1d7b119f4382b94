"""Ask, report and tell: numbering, pruning, determinism."""

import math
from collections.abc import Callable
from pathlib import Path

import optuna
import pytest

from benchmark.search import Search, SearchError, settings_of
from benchmark.search.storage import open_storage
from benchmark.trial import Report, Settings, Status, TrialResult
from tests.search.searching import (
    COMPLETE,
    EPOCHS,
    RUNNING,
    drive,
    grid_study,
    only_sgd,
    open_search,
    outcome,
    report_of,
    result_of,
    states,
    study,
    uninterrupted,
)

# Asking ---------------------------------------------------------------------


def test_labels_take_turns_and_numbers_follow_place(tmp_path: Path) -> None:
    search = open_search(study(), tmp_path)
    trials = list(iter(search.ask, None))
    assert [trial.number for trial in trials] == list(range(12))
    assert [trial.label for trial in trials] == ["sgd", "momentum"] * 6
    assert search.totals == {"sgd": 6, "momentum": 6}


def test_hyperparameters_are_fixed_and_searched_ones_together(tmp_path: Path) -> None:
    first, second = list(iter(open_search(study(trials=1), tmp_path).ask, None))
    assert list(first.hyperparameters) == ["batch_size", "fuzz", "learning_rate"]
    assert list(second.hyperparameters) == ["batch_size", "fuzz", "learning_rate", "momentum"]
    assert first.hyperparameters["fuzz"] == 0.1
    assert isinstance(first.hyperparameters["batch_size"], int)
    assert 8 <= first.hyperparameters["batch_size"] <= 64
    stored = states(tmp_path, "sgd")[0]
    assert stored.params.keys() == {"batch_size", "learning_rate"}, "fixed ones stay out"
    assert stored.user_attrs == {"number": 0}


def test_everything_fixed_is_trained_once(tmp_path: Path) -> None:
    given = study().model_copy(update={"search": {}})
    search = open_search(given, tmp_path)
    assert [trial.number for trial in iter(search.ask, None)] == [0, 1]
    assert search.totals == {"sgd": 1, "momentum": 1}


@pytest.mark.parametrize("sampler", ["random", "quasi_random"])
def test_proposals_do_not_depend_on_slots(sampler: str, tmp_path: Path) -> None:
    given = study(sampler=sampler)
    sequential: dict[int, TrialResult] = {}
    parallel: dict[int, TrialResult] = {}
    for results, capacity in ((sequential, 1), (parallel, 5)):
        folder = tmp_path / str(capacity)
        folder.mkdir()
        drive(open_search(given, folder), results, capacity)
    assert outcome(sequential) == outcome(parallel)


@pytest.mark.parametrize("sampler", ["tpe", "random", "quasi_random"])
def test_same_seed_same_proposals_other_seed_others(
    sampler: str, new_location: Callable[[str], str | Path]
) -> None:
    given = study(sampler=sampler, pruner="hyperband")
    first = outcome(uninterrupted(given, new_location("journal")))
    assert outcome(uninterrupted(given, new_location("sqlite"))) == first
    reseeded = given.model_copy(update={"seed": 4})
    assert outcome(uninterrupted(reseeded, new_location("journal"))) != first
    assert len({entry[0] for entry in first.values()}) == 12, "no proposal comes twice"


def test_run_name_does_not_change_what_hyperband_prunes(tmp_path: Path) -> None:
    # Optuna hashes the study's name into a bracket; ours holds neither run nor label.
    given = study(pruner="hyperband", trials=12)
    outcomes = []
    for run in ("one", "two"):
        results: dict[int, TrialResult] = {}
        folder = tmp_path / run
        folder.mkdir()
        drive(Search(given, settings_of(given), folder), results)
        outcomes.append(outcome(results))
    assert outcomes[0] == outcomes[1]
    assert Status.PRUNED in {entry[1] for entry in outcomes[0].values()}


def test_tpe_learns(tmp_path: Path) -> None:
    late_distance = {}
    for sampler in ("tpe", "random"):
        folder = tmp_path / sampler
        folder.mkdir()
        results = uninterrupted(study(trials=40, sampler=sampler), folder)
        late = [results[number].trial.hyperparameters for number in range(40, 80)]
        distances = [abs(math.log10(values["learning_rate"]) + 1) for values in late]
        late_distance[sampler] = sum(distances) / len(distances)
    # Uniform draws over the four decades around the bowl lie one decade away, give or take
    # 0.58 / sqrt(40) = 0.09. Optuna's own optimize with TPE halved that on six seeds.
    assert late_distance["random"] == pytest.approx(1.0, abs=0.3)
    assert late_distance["tpe"] < 0.75 * late_distance["random"]


def test_tpe_stays_away_from_where_trials_diverge(tmp_path: Path) -> None:
    # A strict pruner: no trial has a finite end, so that +inf is the best completed value.
    search = open_search(study(trials=40, pruner="successive_halving"), tmp_path)
    rates = []
    while (trial := search.ask()) is not None:
        rate = trial.hyperparameters["learning_rate"]
        rates.append(rate)
        search.report(Report(trial.number, 1, 0, 0, 0, Settings(validation_loss=1.0)))
        status = Status.DIVERGED if rate > 0.1 else Status.PRUNED
        search.tell(result_of(trial, status, math.inf if rate > 0.1 else 1.0))
    # At random half would diverge, 20 of 40 with a deviation of 3.2.
    assert sum(rate > 0.1 for rate in rates[40:]) < 14


# Telling --------------------------------------------------------------------

TOLD = [
    (Status.COMPLETED, 0.5, COMPLETE, 0.5),
    (Status.CONVERGED, 0.4, COMPLETE, 0.4),
    (Status.COMPLETED, math.nan, COMPLETE, math.inf),
    (Status.DIVERGED, math.inf, COMPLETE, math.inf),
    (Status.DIVERGED, 3.0, COMPLETE, math.inf),
    (Status.FAILED, math.nan, COMPLETE, math.inf),
    (Status.PRUNED, 0.7, optuna.trial.TrialState.PRUNED, 0.7),
    (Status.PRUNED, math.nan, optuna.trial.TrialState.PRUNED, None),
    (Status.INTERRUPTED, 0.7, RUNNING, None),
]


@pytest.mark.parametrize("kind", ["journal", "sqlite"])
def test_what_is_told_is_stored(kind: str, new_location: Callable[[str], str | Path]) -> None:
    location = new_location(kind)
    given = study(trials=len(TOLD))
    with open_search(given, location) as search:
        for status, objective, _, _ in TOLD:
            trial, second_trial = search.ask(), search.ask()
            assert trial is not None
            assert second_trial is not None
            search.tell(result_of(trial, status, objective))
            search.tell(result_of(second_trial, status, objective))
    stored = [(trial.state, trial.value) for trial in states(location, "sgd")]
    assert stored == [(state, value) for _, _, state, value in TOLD]


def test_worst_of_a_maximized_objective_is_minus_infinity(tmp_path: Path) -> None:
    problem = study().problem.model_copy(update={"objective": "validation_accuracy"})
    search = open_search(study(trials=1).model_copy(update={"problem": problem}), tmp_path)
    trial = search.ask()
    assert trial is not None
    assert (trial.objective, trial.direction) == ("validation_accuracy", "maximize")
    search.tell(result_of(trial, Status.DIVERGED, math.nan))
    assert states(tmp_path, "sgd")[0].value == -math.inf
    loaded = optuna.load_study(study_name="sgd", storage=open_storage(tmp_path))
    assert loaded.direction is optuna.study.StudyDirection.MAXIMIZE


def test_a_trial_is_told_once(tmp_path: Path) -> None:
    search = open_search(study(), tmp_path)
    trial = search.ask()
    assert trial is not None
    search.tell(result_of(trial, Status.COMPLETED, 1.0))
    with pytest.raises(SearchError, match="Received trial 0 of sgd, which is not running"):
        search.tell(result_of(trial, Status.COMPLETED, 1.0))
    with pytest.raises(SearchError, match="trial 1 of momentum"):
        search.report(report_of(search._trial(1, {"learning_rate": 1.0, "batch_size": 8}), 1))


# Reporting and pruning ------------------------------------------------------


def test_only_finite_new_epochs_are_recorded(tmp_path: Path) -> None:
    search = open_search(study(), tmp_path)
    trial = search.ask()
    assert trial is not None

    def report(epoch: int, **metrics: float) -> bool:
        return search.report(Report(trial.number, epoch, 0, 0, 0, Settings(metrics)))

    report(0, validation_loss=9.0)
    report(1, validation_loss=1.0)
    report(1, validation_loss=2.0)
    report(2, validation_loss=math.nan)
    report(3, validation_loss=math.inf)
    report(4, train_loss=1.0)
    report(5, validation_loss=0.5)
    search.tell(result_of(trial, Status.COMPLETED, 0.5))
    assert states(tmp_path, "sgd")[0].intermediate_values == {1: 1.0, 5: 0.5}


def run_constant_losses(search: Search, losses: list[float]) -> list[int]:
    """Train trials of one label whose loss never changes; return their epochs."""
    epochs = []
    for loss in losses:
        trial = search.ask()
        assert trial is not None
        for epoch in range(1, EPOCHS + 1):
            if search.report(Report(trial.number, epoch, 0, 0, 0, Settings(validation_loss=loss))):
                break
        status = Status.COMPLETED if epoch == EPOCHS else Status.PRUNED
        search.tell(result_of(trial, status, loss, epoch))
        epochs.append(epoch)
    return epochs


PRUNED_AT = [
    # Never, whatever the loss.
    ("none", 1, [1.0, 9.0, 9.0, 9.0, 9.0, 9.0, 9.0], [6, 6, 6, 6, 6, 6, 6]),
    # After five trials, at the first epoch past the warm-up, if worse than the median 3.
    ("median", 2, [1.0, 2.0, 3.0, 4.0, 5.0, 3.5, 2.5], [6, 6, 6, 6, 6, 2, 6]),
    # Rung 0 at epoch 1, rung 1 at epoch 4: a trial goes on only if it is the best quarter.
    ("successive_halving", 1, [3.0, 4.0, 2.0, 2.5, 1.0], [6, 1, 6, 1, 6]),
    ("successive_halving", 2, [3.0, 4.0, 2.0, 2.5, 1.0], [6, 2, 6, 2, 6]),
]


@pytest.mark.parametrize(("pruner", "warmup", "losses", "epochs"), PRUNED_AT)
def test_pruners_stop_by_their_published_rules(
    pruner: str, warmup: int, losses: list[float], epochs: list[int], tmp_path: Path
) -> None:
    given = only_sgd(pruner=pruner, warmup_epochs=warmup, trials=len(losses))
    assert run_constant_losses(open_search(given, tmp_path), losses) == epochs


@pytest.mark.parametrize("pruner", ["median", "successive_halving", "hyperband"])
@pytest.mark.parametrize("warmup", [EPOCHS, EPOCHS + 5])
def test_warmup_beyond_the_epochs_prunes_nothing(pruner: str, warmup: int, tmp_path: Path) -> None:
    losses = [float(x) for x in range(8)]
    given = only_sgd(pruner=pruner, warmup_epochs=warmup, trials=len(losses))
    assert run_constant_losses(open_search(given, tmp_path), losses) == [EPOCHS] * 8


# Grid -----------------------------------------------------------------------


def test_grid_visits_every_point_once(tmp_path: Path) -> None:
    results = uninterrupted(grid_study(trials=20), tmp_path)
    assert len(results) == 2 * 6
    for index in (0, 1):
        seen = sorted(
            tuple(results[number].trial.hyperparameters.values())
            for number in results
            if number % 2 == index
        )
        assert seen == [(b, rate) for b in (8, 16) for rate in (0.1, 0.2, 0.3)]


def test_grid_meets_the_same_points_for_each_label(tmp_path: Path) -> None:
    trials = list(iter(open_search(grid_study(trials=3), tmp_path).ask, None))
    assert len(trials) == 6
    for first, second in zip(trials[::2], trials[1::2], strict=True):
        assert first.hyperparameters == second.hyperparameters


def test_grid_refuses_a_range_without_step(tmp_path: Path) -> None:
    with pytest.raises(SearchError, match=r"finite .* search\.sgd\.batch_size. Add step"):
        open_search(study(sampler="grid"), tmp_path)


# Replicates -----------------------------------------------------------------


def test_replicates_follow_the_search(tmp_path: Path) -> None:
    search = open_search(study(), tmp_path)
    results: dict[int, TrialResult] = {}
    drive(search, results)
    best = {"sgd": results[4], "momentum": results[7]}
    trials = search.replicates(best)
    assert [trial.number for trial in trials] == [12, 13, 14, 15]
    assert [trial.replicate for trial in trials] == [1, 1, 2, 2]
    assert {trial.phase for trial in trials} == {"replicate"}
    for trial in trials:
        assert trial.hyperparameters == best[trial.label].trial.hyperparameters
        assert search.report(report_of(trial, 1)) is False
        search.tell(result_of(trial, Status.COMPLETED, 1.0))
    assert len(states(tmp_path, "sgd")) == 6, "the storage knows the search only"
    assert [trial.label for trial in search.replicates({"momentum": results[7]})] == [
        "momentum",
        "momentum",
    ]
