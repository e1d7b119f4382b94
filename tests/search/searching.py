"""Studies, results and a driver that the tests of the search share."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna

from benchmark.search import Search, settings_of
from benchmark.search.storage import open_storage
from benchmark.study.schema import Study
from benchmark.trial import Report, Settings, Status, Trial, TrialResult

EPOCHS = 6
RUNNING = optuna.trial.TrialState.RUNNING
COMPLETE = optuna.trial.TrialState.COMPLETE


class Killed(BaseException):
    """Stands for the death of the process."""


def study(**budget: Any) -> Study:
    """Two labels, of which only the second has momentum."""
    return Study.model_validate(
        {
            "name": "small",
            "question": "Which?",
            "compare": ["sgd", "momentum"],
            "seed": 3,
            "problem": {"dataset": "iris"},
            "training": {"epochs": EPOCHS},
            "search": {
                "common": {
                    "learning_rate": {"low": 1e-3, "high": 10.0, "log": True},
                    "batch_size": {"low": 8, "high": 64, "log": True},
                    "fuzz": 0.1,
                },
                "momentum": {"momentum": {"choices": [0.0, 0.5, 0.9]}},
            },
            "budget": {"trials": 6, "replicates": 2, "warmup_epochs": 1, **budget},
        }
    )


def open_search(given: Study, location: str | Path, *, resume: bool = False) -> Search:
    return Search(given, settings_of(given), location, run="run", resume=resume)


def loss_of(trial: Trial, epoch: int) -> float:
    """A bowl in log(learning_rate), approached as 1/epoch; too large a step diverges."""
    distance: float = math.log10(trial.hyperparameters["learning_rate"]) + 1
    if distance > 1.5 and epoch > 2:
        return math.nan
    batch_size: int = trial.hyperparameters["batch_size"]
    return distance**2 + batch_size / 640 + 1 / epoch


def report_of(trial: Trial, epoch: int) -> Report:
    loss = loss_of(trial, epoch)
    status = Status.RUNNING
    if math.isnan(loss):
        status = Status.DIVERGED
    elif epoch == trial.epochs:
        status = Status.COMPLETED
    return Report(
        trial_number=trial.number,
        epoch=epoch,
        step=epoch,
        samples=epoch,
        gradient_evaluations=epoch,
        metrics=Settings(validation_loss=loss),
        status=status,
    )


def result_of(trial: Trial, status: Status, objective: float, epochs: int = 1) -> TrialResult:
    return TrialResult(
        trial=trial,
        status=status,
        reason="",
        objective=objective,
        epochs=epochs,
        step=epochs,
        samples=epochs,
        gradient_evaluations=epochs,
        metrics=Settings(),
        seconds=Settings(),
    )


def drive(
    search: Search,
    results: dict[int, TrialResult],
    capacity: int = 1,
    checkpoint: Callable[[], None] = lambda: None,
) -> None:
    """Run the loop of `benchmark.execution` on simulated trials; `results` is the disk."""
    running: dict[int, tuple[Trial, int]] = {}
    while True:
        with search.together():
            ended: list[TrialResult] = []
            for number, (trial, epochs) in list(running.items()):
                report = report_of(trial, epochs + 1)
                running[number] = (trial, report.epoch)
                status = report.status
                if status is Status.RUNNING and search.report(report):
                    status = Status.PRUNED
                checkpoint()
                if status.is_final:
                    del running[number]
                    loss = report.metrics["validation_loss"]
                    objective = loss if math.isfinite(loss) else trial.worst_objective
                    assert number not in results, "a trial was repeated"
                    ended.append(result_of(trial, status, objective, report.epoch))
                    checkpoint()
                    search.tell(ended[-1])
                    checkpoint()
            results |= {result.trial.number: result for result in ended}
            checkpoint()
            while len(running) < capacity and (next_trial := search.ask()) is not None:
                checkpoint()
                running[next_trial.number] = (next_trial, 0)
        checkpoint()
        if not running:
            return


def outcome(results: dict[int, TrialResult]) -> dict[int, tuple[Settings, Status, int, float]]:
    return {
        number: (result.trial.hyperparameters, result.status, result.epochs, result.objective)
        for number, result in sorted(results.items())
    }


def uninterrupted(given: Study, location: str | Path) -> dict[int, TrialResult]:
    results: dict[int, TrialResult] = {}
    with open_search(given, location) as search:
        drive(search, results)
    return results


def dies_after(count: int) -> Callable[[], None]:
    left = iter(range(count))

    def checkpoint() -> None:
        if next(left, None) is None:
            raise Killed

    return checkpoint


def states(location: str | Path, label: str) -> list[optuna.trial.FrozenTrial]:
    """What anyone reads from the storage with Optuna alone."""
    storage = open_storage(location)
    name = label if isinstance(location, Path) else f"small/run/{label}"
    trials = optuna.load_study(study_name=name, storage=storage).get_trials()
    if isinstance(storage, optuna.storages.RDBStorage):
        storage.remove_session()
        storage.engine.dispose()
    return trials


def only_sgd(**budget: Any) -> Study:
    return study(**budget).model_copy(update={"compare": study().compare[:1]})


def grid_study(**budget: Any) -> Study:
    space = {
        "learning_rate": {"low": 0.1, "high": 0.3, "step": 0.1},
        "batch_size": {"choices": [8, 16]},
    }
    given = study(sampler="grid", **budget).model_dump()
    return Study.model_validate({**given, "search": {"common": space}})


def resume_until_done(given: Study, location: str | Path, results: dict[int, TrialResult]) -> None:
    with open_search(given, location, resume=True) as search:
        search.restore(results.values())
        drive(search, results)
    for label in ("sgd", "momentum"):
        assert all(trial.state.is_finished() for trial in states(location, label))


def fresh(given: Study, tmp_path: Path) -> Search:
    folder = tmp_path / "fresh"
    folder.mkdir()
    return open_search(given, folder)
