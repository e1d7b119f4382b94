"""The usual way: Optuna in SQLite, a new Keras model and ``model.fit`` a trial, MLflow's callback.

In the clock: all of a trial from ``ask`` to ``tell``, with the tracing of the new model that
this way of working pays for in each trial, validation after each epoch, and MLflow (SQLite)
logging each epoch. Out of it: imports and a first trial of one epoch. Less work than ours:
no metrics of the whole training part, no final test, no model logged.

The settings are enqueued before the clock starts, so that every competitor trains the
same ones; they still pass through ``suggest_…`` and the storage.

Sources: Optuna's Keras example, Keras's guide to ``fit``, MLflow's ``MlflowCallback``.
"""

import time
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from speed.measurement import Measurement
from speed.proof import Done, check_work
from speed.workloads import (
    BATCH_SIZES,
    EPOCHS,
    LOGARITHMIC,
    RANGES,
    WORKLOADS,
    Workload,
    arrays,
    made_up_settings,
)


def measure(folder: Path, *, workload: str, trials: int, epochs: int = EPOCHS) -> list[Measurement]:
    """Measure the seconds of each trial."""
    import mlflow
    import optuna

    chosen, data = WORKLOADS[workload], arrays()
    mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
    artifacts = (folder / "artifacts").as_uri()
    mlflow.set_experiment(experiment_id=mlflow.create_experiment("speed", artifacts))
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(storage=f"sqlite:///{folder}/optuna.db", study_name="speed")
    ends: list[float] = []
    done: list[Done] = []

    def loss_of(trial: Any, passes: int) -> float:
        settings: dict[str, Any] = {
            name: trial.suggest_float(name, *ends, log=name in LOGARITHMIC)
            for name, ends in RANGES.items()
        }
        settings["batch_size"] = trial.suggest_categorical("batch_size", list(BATCH_SIZES))
        model = compiled_model(chosen, settings)
        with mlflow.start_run():
            mlflow.log_params(settings)
            history = model.fit(
                data.train.x,
                data.train.y,
                batch_size=settings["batch_size"],
                epochs=passes,
                validation_data=(data.validation.x, data.validation.y),
                callbacks=[mlflow.keras.MlflowCallback()],
                verbose=0,
            )
        loss = float(history.history["val_loss"][-1])
        done.append(Done(settings, len(history.epoch), loss))
        return loss

    for count, passes in ((1, 1), (trials, epochs)):
        ends.clear()
        done.clear()
        for setting in made_up_settings(count):
            study.enqueue_trial(setting)
        ends.append(time.perf_counter())
        study.optimize(
            lambda trial: loss_of(trial, passes),  # noqa: B023 - called within the loop
            n_trials=count,
            callbacks=[lambda _study, _trial: ends.append(time.perf_counter())],
        )
    title = f"Optuna (SQLite) + keras.Model.fit + MLflow callback, {chosen.title}"
    facts = {"trials": trials, **check_work(done, chosen, trials, epochs)}
    return [Measurement("", title, [end - start for start, end in pairwise(ends)], facts=facts)]


def plain_model(workload: Workload) -> Any:
    """Return a new, uncompiled Keras model of logits, as a plain Keras program would write it."""
    import keras

    from benchmark.models import MODELS

    layers = keras.layers
    hidden, stack = workload.hidden, []
    if not hidden:
        options = MODELS[workload.model].defaults
        hidden, size = options["hidden"], options["kernel_size"]
        stack.append(layers.Reshape(options["image"]))
        for filters in options["filters"]:
            stack.append(layers.Conv2D(filters, size, padding="same", activation="relu"))
            stack.append(layers.MaxPooling2D(options["pool_size"]))
        stack.append(layers.Flatten())
    stack += [layers.Dense(units, activation="relu") for units in hidden]
    return keras.Sequential([keras.Input((64,)), *stack, layers.Dense(10)])


def compiled_model(workload: Workload, settings: Mapping[str, Any]) -> Any:
    """Return a new model, compiled with momentum SGD, clipping and accuracy."""
    import keras

    model = plain_model(workload)
    model.compile(
        optimizer=keras.optimizers.SGD(**{name: settings[name] for name in RANGES}),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model
