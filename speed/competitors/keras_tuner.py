"""KerasTuner's random search, with the batch size tuned as its guide shows.

In the clock: ``tuner.search`` from its first to its last trial, with a new model, its tracing,
validation after each epoch and the checkpoints that KerasTuner writes by default. Out of it:
imports and a first search of one trial of one epoch. Less work than ours: no metrics of the whole
training part, no tracking. It draws its own settings from the same ranges.

Source: KerasTuner's guides "Getting started" and "Tune hyperparameters in your custom
training loop" (``HyperModel.fit``).
"""

import time
from itertools import pairwise
from pathlib import Path
from typing import Any

from speed.competitors.usual_way import compiled_model
from speed.measurement import Measurement, WorkNotDoneError
from speed.proof import Done, check_work
from speed.workloads import (
    BATCH_SIZES,
    EPOCHS,
    LOGARITHMIC,
    RANGES,
    SEED,
    WORKLOADS,
    Workload,
    arrays,
)


def measure(folder: Path, *, workload: str, trials: int, epochs: int = EPOCHS) -> list[Measurement]:
    """Measure the seconds of each trial."""
    chosen = WORKLOADS[workload]
    _search(folder, "first", chosen, 1, 1)
    seconds, done = _search(folder, "counted", chosen, trials, epochs)
    facts = {
        "trials": trials,
        "batch_sizes": [trial.settings["batch_size"] for trial in done],
        **check_work(done, chosen, trials, epochs),
    }
    return [Measurement("", f"KerasTuner random search, {chosen.title}", seconds, facts=facts)]


def _search(
    folder: Path, name: str, workload: Workload, trials: int, epochs: int
) -> tuple[list[float], list[Done]]:
    import keras_tuner

    data = arrays()
    ends: list[float] = []
    done: list[Done] = []

    class Digits(keras_tuner.HyperModel):
        """The network and how it is fitted."""

        def build(self, hp: Any) -> Any:
            settings = {
                name: hp.Float(name, *ends, sampling="log" if name in LOGARITHMIC else "linear")
                for name, ends in RANGES.items()
            }
            return compiled_model(workload, settings)

        def fit(self, hp: Any, model: Any, *args: Any, **options: Any) -> Any:
            size = hp.Choice("batch_size", list(BATCH_SIZES))
            history = model.fit(*args, batch_size=size, **options)
            loss = float(history.history["val_loss"][-1])
            done.append(Done(dict(hp.values), len(history.epoch), loss))
            return history

    class Clocked(keras_tuner.RandomSearch):
        """Random search that notes when a trial ends."""

        def on_trial_end(self, trial: Any) -> None:
            # KerasTuner goes on after a trial that failed, which would look very fast.
            if trial.status != "COMPLETED":
                lines = str(trial.message).strip().splitlines()
                raise WorkNotDoneError(
                    "a measured trial must have the status COMPLETED. Received "
                    f"{trial.status}: {lines[-1].strip()}."
                )
            super().on_trial_end(trial)
            ends.append(time.perf_counter())

    options: dict[str, Any] = {"directory": str(folder), "project_name": name, "overwrite": True}
    tuner = Clocked(Digits(), objective="val_loss", max_trials=trials, seed=SEED, **options)
    ends.append(time.perf_counter())
    validation = (data.validation.x, data.validation.y)
    tuner.search(data.train.x, data.train.y, epochs=epochs, validation_data=validation, verbose=0)
    return [end - start for start, end in pairwise(ends)], done
