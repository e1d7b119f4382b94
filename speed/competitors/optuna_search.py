"""A search by Optuna with its storage in SQLite, as its tutorials show it."""

import time
from itertools import pairwise
from pathlib import Path
from typing import Any

from speed.competitors.proof import Done, Objective
from speed.workloads import (
    BATCH_SIZES,
    GLOBAL_CLIPNORM,
    LEARNING_RATE,
    MOMENTUM,
    made_up_settings,
)


def seconds_of_trials(
    folder: Path, objective: Objective, trials: int, epochs: int
) -> tuple[list[float], list[Done]]:
    """Optimize with ``study.optimize``; return each trial's wall-clock seconds, and what it did.

    The settings are enqueued before the clock starts, so that every competitor trains the
    same ones; they still pass through ``suggest_…`` and the storage. A first trial of one
    epoch is not counted: it pays for imports, the tables of the database and the like.

    Args:
        folder: where the database is made.
        objective: trains one setting for some epochs and says what it did.
        trials: how many are counted, ≥ 1.
        epochs: passes over the training part.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(storage=f"sqlite:///{folder}/optuna.db", study_name="speed")
    ends: list[float] = []
    done: list[Done] = []

    def loss_of(trial: Any, epochs_of_each: int) -> float:
        done.append(objective(_suggested(trial), epochs_of_each))
        return done[-1].loss

    def run(count: int, epochs_of_each: int) -> None:
        for setting in made_up_settings(count):
            study.enqueue_trial(setting)
        ends.append(time.perf_counter())
        study.optimize(
            lambda trial: loss_of(trial, epochs_of_each),
            n_trials=count,
            callbacks=[lambda _study, _trial: ends.append(time.perf_counter())],
        )

    run(1, 1)
    ends.clear()
    done.clear()
    run(trials, epochs)
    return [end - start for start, end in pairwise(ends)], done


def _suggested(trial: Any) -> dict[str, Any]:
    return {
        "learning_rate": trial.suggest_float("learning_rate", *LEARNING_RATE, log=True),
        "momentum": trial.suggest_float("momentum", *MOMENTUM),
        "global_clipnorm": trial.suggest_float("global_clipnorm", *GLOBAL_CLIPNORM, log=True),
        "batch_size": trial.suggest_categorical("batch_size", list(BATCH_SIZES)),
    }
