"""The usual way: Optuna in SQLite, a new Keras model and ``model.fit`` a trial, MLflow's callback.

In the clock: all of a trial from ``ask`` to ``tell``, with the tracing of the new model that
this way of working pays for in each trial, validation after each epoch, and MLflow (SQLite)
logging each epoch. Out of it: imports and a first trial of one epoch. Less work than ours:
no gradient norm, no metrics of the whole training part, no final test, no model logged.

Sources: Optuna's Keras example, Keras's guide to ``fit``, MLflow's ``MlflowCallback``.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from speed.competitors.network import compiled_model
from speed.competitors.optuna_search import seconds_of_trials
from speed.competitors.proof import Done, check_work
from speed.measurement import Measurement
from speed.workloads import EPOCHS, WORKLOADS, arrays


def measure(folder: Path, *, workload: str, trials: int, epochs: int = EPOCHS) -> list[Measurement]:
    """Measure the seconds of each trial.

    Args:
        folder: an empty folder.
        workload: a name in ``WORKLOADS``.
        trials: how many are counted.
        epochs: passes over the training part.

    Raises:
        NotAvailableError: this version lacks the model.
        WorkNotDoneError: a trial was not trained to its end.
    """
    import mlflow

    chosen, data = WORKLOADS[workload], arrays()
    chosen.require()
    mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
    artifacts = (folder / "artifacts").as_uri()
    mlflow.set_experiment(experiment_id=mlflow.create_experiment("speed", artifacts))

    def objective(settings: Mapping[str, Any], epochs_of_each: int) -> Done:
        model = compiled_model(chosen, settings)
        with mlflow.start_run():
            mlflow.log_params(dict(settings))
            history = model.fit(
                data.train.x,
                data.train.y,
                batch_size=settings["batch_size"],
                epochs=epochs_of_each,
                validation_data=(data.validation.x, data.validation.y),
                callbacks=[mlflow.keras.MlflowCallback()],
                verbose=0,
            )
        return Done(settings, len(history.epoch), float(history.history["val_loss"][-1]))

    seconds, done = seconds_of_trials(folder, objective, trials, epochs)
    proof = check_work(done, chosen, trials, epochs)
    return [
        Measurement(
            f"usual_way/{workload}",
            f"Optuna (SQLite) + keras.Model.fit + MLflow callback, {chosen.title}",
            tuple(seconds),
            facts={"trials": trials, "compiling": "in the clock, in each trial", **proof},
        )
    ]
