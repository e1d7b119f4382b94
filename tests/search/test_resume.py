"""A search that died goes on as if it had not: nothing lost, nothing repeated."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies

from benchmark.search.storage import TrialStore
from benchmark.trial import Status, TrialResult
from tests.search.searching import (
    EPOCHS,
    RUNNING,
    Killed,
    dies_after,
    drive,
    fresh,
    grid_study,
    open_search,
    outcome,
    result_of,
    resume_until_done,
    states,
    study,
    uninterrupted,
)

LABELS = ("sgd", "momentum")


@pytest.mark.parametrize("pruner", ["successive_halving", "median"])
@given(deaths=strategies.lists(strategies.integers(0, 25), min_size=1, max_size=4))
@settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_resumed_equals_uninterrupted(
    pruner: str, deaths: list[int], new_location: Callable[[str], str | Path]
) -> None:
    given = study(pruner=pruner)
    location = new_location("journal")
    results: dict[int, TrialResult] = {}
    for lifetime, events in enumerate(deaths):
        search = open_search(given, location, resume=lifetime > 0)
        search.restore(results.values())
        try:
            drive(search, results, checkpoint=dies_after(events))
        except Killed:
            continue
        break
    resume_until_done(given, location, results)
    assert outcome(results) == outcome(uninterrupted(given, new_location("journal")))


@pytest.mark.parametrize("sampler", ["tpe", "random", "quasi_random", "grid"])
@pytest.mark.parametrize("kind", ["journal", "sqlite"])
def test_every_sampler_resumes(
    sampler: str, kind: str, new_location: Callable[[str], str | Path]
) -> None:
    given = (
        grid_study(trials=4, pruner="hyperband")
        if sampler == "grid"
        else study(sampler=sampler, trials=4, pruner="hyperband")
    )
    location = new_location(kind)
    results: dict[int, TrialResult] = {}
    with open_search(given, location) as search, pytest.raises(Killed):
        drive(search, results, checkpoint=dies_after(13))
    resume_until_done(given, location, results)
    assert outcome(results) == outcome(uninterrupted(given, new_location("journal")))


def test_trials_in_flight_come_first_unchanged(tmp_path: Path) -> None:
    given = study()
    search = open_search(given, tmp_path)
    asked = [search.ask() for _ in range(5)]
    assert asked[0] is not None
    assert asked[3] is not None
    search.tell(result_of(asked[3], Status.COMPLETED, 1.0))
    search.tell(result_of(asked[0], Status.INTERRUPTED, 1.0))
    resumed = open_search(given, tmp_path, resume=True)
    again = [resumed.ask() for _ in range(5)]
    assert again[:4] == [asked[0], asked[1], asked[2], asked[4]]
    assert again[4] is not None
    assert again[4].number == 5


@pytest.mark.parametrize("moment", ["before", "after"])
def test_death_while_a_proposal_is_written(
    moment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = study()
    expected = [trial.hyperparameters for trial in iter(fresh(given, tmp_path).ask, None)]
    folder = tmp_path / "other"
    folder.mkdir()
    search = open_search(given, folder)
    create = TrialStore.create

    def die(self: TrialStore, *arguments: Any) -> None:
        if moment == "after":
            create(self, *arguments)
        raise Killed

    for _ in range(3):
        search.ask()
    with monkeypatch.context() as patch:
        patch.setattr(TrialStore, "create", die)
        with pytest.raises(Killed):
            search.ask()
    resumed = open_search(given, folder, resume=True)
    trials = list(iter(resumed.ask, None))
    assert [trial.number for trial in trials] == list(range(12))
    # No trial was told in either run, so even TPE has nothing that differs.
    assert [trial.hyperparameters for trial in trials] == expected


@pytest.mark.parametrize("kind", ["journal", "sqlite"])
@pytest.mark.parametrize("pruner", ["median", "successive_halving"])
def test_death_between_results_and_storage_is_repaired_for_all_that_ended_together(
    pruner: str, kind: str, new_location: Callable[[str], str | Path]
) -> None:
    given, location = study(pruner=pruner, sampler="random"), new_location(kind)
    search = open_search(given, location)
    results: dict[int, TrialResult] = {}

    def dies_once_trials_are_kept() -> None:
        if len(results) >= 4:
            raise Killed

    with pytest.raises(Killed):
        drive(search, results, capacity=4, checkpoint=dies_once_trials_are_kept)
    search.close()
    running = [trial for label in LABELS for trial in states(location, label)]
    assert sum(trial.state is RUNNING for trial in running) >= 4
    with open_search(given, location, resume=True) as resumed:
        resumed.restore(results.values())
    for number, result in results.items():
        stored = states(location, LABELS[number % 2])[number // 2]
        assert stored.state.is_finished()
        # What the pruner evaluates others by is there as well.
        pruned = result.status is Status.PRUNED
        assert len(stored.intermediate_values) == result.epochs - (0 if pruned else 1)
    resume_until_done(given, location, results)
    assert len(results) == 12


WORKER = """
import json, os, sys
from pathlib import Path
from benchmark.search import Search, settings_of
from benchmark.study.schema import Study
from benchmark.trial import Report, Settings, Status, TrialResult

study = Study.model_validate_json(sys.argv[1])
location = sys.argv[2] if "://" in sys.argv[2] else Path(sys.argv[2])
search = Search(study, settings_of(study), location, run="run")
disk = os.open(sys.argv[3], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
while (trial := search.ask()) is not None:
    rate = trial.hyperparameters["learning_rate"]
    for epoch in range(1, trial.epochs + 1):
        metrics = Settings(validation_loss=rate / epoch)
        search.report(Report(trial.number, epoch, 0, 0, 0, metrics))
    result = TrialResult(
        trial, Status.COMPLETED, "", rate, epoch, 0, 0, 0, Settings(), Settings()
    )
    line = [trial.number, dict(trial.hyperparameters), rate]
    os.write(disk, (json.dumps(line) + "\\n").encode())
    os.fsync(disk)
    search.tell(result)
    print(trial.number, flush=True)
"""


@pytest.mark.parametrize("kind", ["journal", "sqlite"])
def test_kill_9_loses_and_repeats_nothing(
    kind: str, new_location: Callable[[str], str | Path], tmp_path: Path
) -> None:
    location, disk = new_location(kind), tmp_path / "disk.jsonl"
    given = study(trials=500)
    arguments = [sys.executable, "-c", WORKER, given.model_dump_json(), str(location), str(disk)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line == "9\n":
                break
        os.kill(process.pid, signal.SIGKILL)
        process.stdout.read()
    lines = [json.loads(line) for line in disk.read_text().splitlines()]
    assert [line[0] for line in lines] == list(range(len(lines)))
    assert len(lines) >= 10
    finished = {}
    with open_search(given, location, resume=True) as search:
        for number, hyperparameters, rate in lines:
            trial = search._trial(number, hyperparameters)
            finished[number] = result_of(trial, Status.COMPLETED, rate, EPOCHS)
        search.restore(finished.values())
        trial_or_none = search.ask()
        assert trial_or_none is not None
        assert trial_or_none.number == len(lines), "the next trial, or the one in flight"
        search.tell(result_of(trial_or_none, Status.COMPLETED, 1.0))
    stored = states(location, "sgd") + states(location, "momentum")
    values = sorted(trial.value for trial in stored if trial.value is not None)
    assert values == sorted([*(line[2] for line in lines), 1.0])


def test_torn_last_line_is_dropped(tmp_path: Path) -> None:
    given = study()
    search = open_search(given, tmp_path)
    asked = [search.ask() for _ in range(4)]
    journal = tmp_path / "optuna.journal"
    journal.write_bytes(journal.read_bytes()[:-9])
    resumed = open_search(given, tmp_path, resume=True)
    assert [resumed.ask() for _ in range(4)] == asked
    assert [len(states(tmp_path, label)) for label in ("sgd", "momentum")] == [2, 2]


def test_lock_of_a_killed_process_is_broken(tmp_path: Path) -> None:
    open_search(study(), tmp_path)
    (tmp_path / "optuna.journal.lock").touch()
    # Optuna's own patience is 30 seconds; ours, 3, must not be an error.
    assert open_search(study(), tmp_path, resume=True).ask() is not None
