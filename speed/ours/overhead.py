"""Everything of a study that is not training: the real session over an engine that trains nothing.

The engine answers at once with made-up reports of all the metrics that a real one gives, so
the seconds are those of sampler, storage, records, Parquet and MLflow, none of them hidden
behind training. Writing the report is left out of the clock and shown apart.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmark.trial import Report, Settings, Status, Trial, TrialResult
from speed.measurement import Measurement
from speed.ours.whole_study import run_session
from speed.workloads import EPOCHS, WORKLOADS, new_model, study_text


class InstantEngine:
    """Reports smoothly falling losses without training anything.

    Args:
        capacity: how many trials run at once.
        weights: handed out as the final weights of every trial.
    """

    def __init__(self, capacity: int, weights: Sequence[Any]) -> None:
        self.capacity = capacity
        self._weights = tuple(weights)
        self._running: dict[int, tuple[Trial, int]] = {}

    def start(self, trial: Trial) -> None:
        """Put a trial into a free slot."""
        self._running[trial.number] = (trial, 0)

    def advance(self) -> list[Report]:
        """Report one more epoch of every running trial; a new one also reports its start."""
        reports = []
        for number, (trial, epoch) in self._running.items():
            reports += [self._report(trial, 0)] if epoch == 0 else []
            reports.append(self._report(trial, epoch + 1))
            self._running[number] = (trial, epoch + 1)
        return reports

    def stop(self, number: int, status: Status, reason: str) -> TrialResult:
        """Free the slot of a trial."""
        trial, epoch = self._running.pop(number)
        metrics = self._metrics(trial, epoch)
        return TrialResult(
            trial=trial,
            status=status,
            reason=reason,
            objective=metrics[trial.objective],
            epochs=epoch,
            step=epoch,
            samples=epoch,
            gradient_evaluations=epoch,
            metrics=Settings({**metrics, "test_loss": 1.0, "test_accuracy": 0.5}),
            seconds=Settings({"train": 0.0}),
            weights=self._weights if status.is_usable else (),
        )

    def close(self) -> None:
        """Do nothing."""

    def _report(self, trial: Trial, epoch: int) -> Report:
        over = epoch >= trial.epochs
        return Report(
            trial_number=trial.number,
            epoch=epoch,
            step=epoch,
            samples=epoch,
            gradient_evaluations=epoch,
            metrics=Settings(self._metrics(trial, epoch)),
            status=Status.COMPLETED if over else Status.RUNNING,
            reason=Status.COMPLETED.sentence if over else "",
        )

    @staticmethod
    def _metrics(trial: Trial, epoch: int) -> dict[str, float]:
        # Depends on the trial, so that the best one changes as in a real study.
        loss = math.exp(-epoch / 10) * (1.0 + 0.1 * math.sin(trial.number + 1))
        return {
            "train_loss": loss,
            "validation_loss": 1.1 * loss,
            "train_accuracy": 1.0 / (1.0 + loss),
            "validation_accuracy": 1.0 / (1.1 + loss),
            "gradient_norm": loss,
            "update_norm": 0.1 * loss,
        }


def measure(
    folder: Path,
    *,
    workload: str,
    trials: int,
    sampler: str = "tpe",
    capacity: int = 16,
    epochs: int = EPOCHS,
) -> list[Measurement]:
    """Measure the seconds a trial of everything but training.

    Args:
        folder: an empty folder.
        workload: a name in ``WORKLOADS``.
        trials: of the study.
        sampler: a name in ``benchmark.study.samplers.SAMPLERS``.
        capacity: trials at once.
        epochs: reported of each trial.
    """
    chosen = WORKLOADS[workload]
    weights = final_weights(new_model(chosen))
    run_session(
        folder / "warm_up", study_text(chosen, 2, epochs=2), InstantEngine(capacity, weights)
    )
    text = study_text(chosen, trials, sampler=sampler, epochs=epochs)
    found = run_session(folder / "counted", text, InstantEngine(capacity, weights))
    clocks = {k: v / trials for k, v in found["clocks"].items() if k in ("search", "log")}
    return [
        Measurement(
            f"overhead/{workload}/{sampler}/{trials}",
            f"everything but training, {trials} trials, {sampler} sampler",
            (found["seconds"] / trials,),
            facts={
                "trials": trials,
                "repetitions": 1,
                "capacity": capacity,
                "clocks": clocks,
                "report_seconds": found["report_seconds"],
                "seconds_after_last_trial": found["seconds_after_last_trial"],
            },
        )
    ]


def final_weights(model: Any) -> list[Any]:
    """Trainable variables, then the other variables of floats, as an engine's weights are.

    Args:
        model: a built Keras model.
    """
    from keras import ops

    others = [v for v in model.non_trainable_variables if "float" in str(v.dtype)]
    return [ops.convert_to_numpy(v) for v in [*model.trainable_variables, *others]]
