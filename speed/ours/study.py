"""A whole study by the real session: search, engine, records, Parquet, MLflow.

In the clock: all that ``study`` does from the first ``ask`` until MLflow (SQLite) has
received everything, the best model among it, and the run folder is complete. Out of it:
imports, a warm-up that compiles the study's program, and writing the report, whose seconds
are shown apart.

"Everything but training" is the same over an engine that answers at once with made-up reports of
all the metrics that a real one gives, so that nothing is hidden behind training.
"""

import math
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from benchmark.study.samplers import PRUNERS, SAMPLERS
from benchmark.trial import Report, Settings, Status, Trial, TrialResult
from speed.measurement import Measurement
from speed.ours.engine import make_engine, warm_up
from speed.workloads import EPOCHS, WORKLOADS, made_up_trials, new_model, open_study, study_text


class KeptOpen:
    """An engine that several sessions use: what is compiled serves the next one."""

    def __init__(self, engine: Any) -> None:
        self.engine = engine

    def close(self) -> None:
        """Do nothing: the code that made the engine closes it."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.engine, name)


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
        accuracies = {"train_accuracy": 1 / (1 + loss), "validation_accuracy": 1 / (1.1 + loss)}
        norms = {"gradient_norm": loss, "update_norm": 0.1 * loss}
        return {"train_loss": loss, "validation_loss": 1.1 * loss, **accuracies, **norms}


class Watch:
    """Notes when the last trial was recorded, and how trials and epochs went."""

    def __init__(self) -> None:
        self.last = 0.0
        self.epochs = 0
        self.statuses: Counter[str] = Counter()

    def trial_finished(self, result: TrialResult, reports: Sequence[Report]) -> None:
        """Take note of a finished trial."""
        self.last = time.perf_counter()
        self.epochs += result.epochs
        self.statuses[result.status.value] += 1


def run_session(folder: Path, text: str, engine: Any) -> dict[str, Any]:
    """Run one session to its end and return its seconds and what it did."""
    from benchmark.session.session import Session, SessionSettings

    sentences: list[str] = []
    store = f"sqlite:///{folder.absolute()}/mlflow.db"
    folder.mkdir(parents=True, exist_ok=True)
    settings = SessionSettings(folder, None, store, sentences.append)
    session = Session.create(text, open_study(text), settings, None)
    watch = Watch()
    with _clocked_report() as report_seconds:
        outcome = session.run([watch], lambda: False, engine)
        end = time.perf_counter()
    if not outcome.finished or outcome.unsent or "failed" in watch.statuses:
        raise RuntimeError(
            "a measured study must be trained and tracked to its end. Received "
            f"{dict(watch.statuses)}, unsent to MLflow: {outcome.unsent or 'nothing'}. "
            f"{' '.join(sentences)}"
        )
    reporting = sum(report_seconds)
    return {
        "seconds": outcome.elapsed - reporting,
        "report_seconds": reporting,
        "seconds_after_last_trial": end - watch.last - reporting,
        "clocks": dict(outcome.summary["seconds"]),
        "epochs": watch.epochs,
        "statuses": dict(watch.statuses),
    }


@contextmanager
def _clocked_report() -> Iterator[list[float]]:
    """Clock the session's own call of ``write_report``, which has no clock in the session."""
    from benchmark import report

    seconds: list[float] = []
    original = report.write_report

    def clocked(path: Any) -> Any:
        start = time.perf_counter()
        try:
            return original(path)
        finally:
            seconds.append(time.perf_counter() - start)

    with mock.patch.object(report, "write_report", clocked):
        yield seconds


def measure(
    folder: Path,
    *,
    workload: str,
    sizes: Sequence[int],
    repetitions: int = 1,
    repeated_up_to: int | None = None,
    sampler: str = "random",
    pruner: str = "none",
    group: str = "whole_study",
    capacity: int | None = None,
) -> list[Measurement]:
    """Measure the seconds a trial of studies of several sizes.

    Args:
        folder: an empty folder.
        workload: a name in ``WORKLOADS``.
        sizes: numbers of trials; each is a measurement of its own.
        repetitions: how often each size is run.
        repeated_up_to: larger sizes are run once.
        sampler: a name in ``benchmark.study.samplers.SAMPLERS``.
        pruner: a name in ``benchmark.study.samplers.PRUNERS``.
        group: the first part of the measurements' names.
        capacity: trials at once; the engine's own by default.
    """
    chosen = WORKLOADS[workload]
    learns = SAMPLERS[sampler].learns or PRUNERS[pruner].stops
    engine = make_engine("vectorized", capacity, learns=learns)
    kept_open = KeptOpen(engine)
    measurements = []
    try:
        compiling = warm_up(engine, made_up_trials(chosen, max(engine.capacity, 4)))
        # Imports and first calls are out of the clock.
        run_session(folder / "warm_up", study_text(chosen, 2, epochs=1), kept_open)
        for size in sizes:
            text = study_text(chosen, size, sampler=sampler, pruner=pruner)
            times = repetitions if repeated_up_to is None or size <= repeated_up_to else 1
            values, facts = _repeated(folder / str(size), text, kept_open, size, times)
            title = f"ours, whole study of {size} trial{'s' if size > 1 else ''}, {sampler} sampler"
            title += f", {pruner} pruner" if pruner != "none" else ""
            name = f"{group}/{workload}/{size}"
            facts = {**compiling, **facts}
            measurements.append(Measurement(name, f"{title}, {chosen.title}", values, facts=facts))
    finally:
        engine.close()
    return measurements


def measure_overhead(
    folder: Path, *, workload: str, trials: int, capacity: int | None = None
) -> list[Measurement]:
    """Measure the seconds a trial of everything but training, with the TPE sampler."""
    from keras import ops

    chosen = WORKLOADS[workload]
    model = new_model(chosen)
    weights = [ops.convert_to_numpy(variable) for variable in model.trainable_variables]
    engine = InstantEngine(capacity or 16, weights)
    run_session(folder / "warm_up", study_text(chosen, 2, epochs=2), engine)
    text = study_text(chosen, trials, sampler="tpe")
    values, facts = _repeated(folder / "counted", text, engine, trials, 1)
    facts["clocks"] = {clock: facts["clocks"][clock] for clock in ("search", "log")}
    title = f"everything but training, {trials} trials, tpe sampler"
    return [Measurement(f"overhead/{workload}/tpe/{trials}", title, values, facts=facts)]


def _repeated(
    folder: Path, text: str, engine: Any, trials: int, repetitions: int
) -> tuple[tuple[float, ...], dict[str, Any]]:
    """The seconds a trial of equal studies, and the facts of the one in the middle."""
    compilations, epochs = (getattr(engine, name, None) for name in ("compilations", "slot_epochs"))
    runs = [run_session(folder / str(index), text, engine) for index in range(repetitions)]
    compiled = None if compilations is None else engine.compilations - compilations
    slots = epochs and [int(b - a) for a, b in zip(epochs, engine.slot_epochs, strict=True)]
    middle = sorted(runs, key=lambda run: run["seconds"])[len(runs) // 2]
    facts = {
        "trials": trials,
        "capacity": engine.capacity,
        "compiled_in_the_clock": compiled,
        "slot_epochs": slots,
        "clocks": {clock: value / trials for clock, value in middle["clocks"].items()},
        "epochs_trained": middle["epochs"] / (trials * EPOCHS),
        **{key: middle[key] for key in ("report_seconds", "seconds_after_last_trial", "statuses")},
    }
    return tuple(run["seconds"] / trials for run in runs), facts
