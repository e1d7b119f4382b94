"""A whole study by the real session: search, engine, records, Parquet, MLflow.

In the clock: all that ``study`` does from the first ``ask`` until MLflow (SQLite) has
received everything, the best model among it, and the run folder is complete. Out of it:
imports, a warm-up that compiles the study's program, and writing the report, whose seconds
are shown apart.
"""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from benchmark.study.samplers import PRUNERS, SAMPLERS
from benchmark.trial import Report, TrialResult
from speed.measurement import Measurement
from speed.ours.engines import KeptOpen, make_engine, warm_up
from speed.workloads import (
    EPOCHS,
    WORKLOADS,
    Workload,
    made_up_trials,
    open_study,
    study_text,
)


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
    epochs: int = EPOCHS,
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
        epochs: passes over the training part.
    """
    chosen = WORKLOADS[workload]
    learns = SAMPLERS[sampler].learns or PRUNERS[pruner].stops
    engine = KeptOpen(make_engine("vectorized", capacity, learns=learns))
    try:
        warming = warm_up(engine, made_up_trials(chosen, max(engine.capacity, 4)))
        _warm_session(folder, chosen, engine)
        return [
            _measure_size(
                folder / str(size),
                study_text(chosen, size, sampler=sampler, pruner=pruner, epochs=epochs),
                engine,
                Measurement(
                    f"{group}/{workload}/{size}",
                    f"ours, whole study of {size} trial{'s' if size > 1 else ''}, {sampler} sampler"
                    + (f", {pruner} pruner" if pruner != "none" else "")
                    + f", {chosen.title}",
                    facts={
                        "trials": size,
                        "warm_up_seconds": warming.seconds,
                        "compile_seconds": warming.clocks().get("compile", 0.0),
                        "epochs_planned": epochs,
                    },
                ),
                repetitions if repeated_up_to is None or size <= repeated_up_to else 1,
            )
            for size in sizes
        ]
    finally:
        engine.release()


def run_session(folder: Path, text: str, engine: Any) -> dict[str, Any]:
    """Run one session to its end and return its seconds and what it did.

    Args:
        folder: of the results and the MLflow store.
        text: the study.
        engine: trains it; nothing of it is closed.
    """
    from benchmark.session.session import Session, SessionSettings

    sentences: list[str] = []
    settings = SessionSettings(
        folder, None, f"sqlite:///{folder.absolute()}/mlflow.db", sentences.append
    )
    folder.mkdir(parents=True, exist_ok=True)
    session = Session.create(text, open_study(text), settings, None)
    watch = Watch()
    with _clocked_report() as report:
        outcome = session.run([watch], lambda: False, engine)
        end = time.perf_counter()
    if not outcome.finished or outcome.unsent or "failed" in watch.statuses:
        raise RuntimeError(
            "a measured study must be trained and tracked to its end. Received "
            f"{dict(watch.statuses)}, unsent to MLflow: {outcome.unsent or 'nothing'}. "
            f"{' '.join(sentences)}"
        )
    return {
        "seconds": outcome.elapsed - report["seconds"],
        "report_seconds": report["seconds"],
        "seconds_after_last_trial": end - watch.last - report["seconds"],
        "clocks": dict(outcome.summary["seconds"]),
        "epochs": watch.epochs,
        "statuses": dict(watch.statuses),
    }


def _warm_session(folder: Path, workload: Workload, engine: Any) -> None:
    """One study of a few trials, so that imports and first calls are out of the clock."""
    run_session(folder / "warm_up", study_text(workload, 2, epochs=1), engine)


def _measure_size(
    folder: Path, text: str, engine: Any, blank: Measurement, repetitions: int
) -> Measurement:
    trials = blank.facts["trials"]
    before = getattr(engine, "compilations", None)
    slots_before = getattr(engine, "slot_epochs", None)
    found = [run_session(folder / str(index), text, engine) for index in range(repetitions)]
    after = getattr(engine, "compilations", None)
    middle = sorted(found, key=lambda one: one["seconds"])[len(found) // 2]
    facts = {
        **blank.facts,
        "repetitions": repetitions,
        "capacity": engine.capacity,
        "compiled_in_the_clock": None if before is None or after is None else after - before,
        "report_seconds": middle["report_seconds"],
        "seconds_after_last_trial": middle["seconds_after_last_trial"],
        "clocks": {clock: value / trials for clock, value in middle["clocks"].items()},
        "epochs_trained": middle["epochs"] / (trials * blank.facts["epochs_planned"]),
        "statuses": middle["statuses"],
        "slot_epochs": _difference(slots_before, getattr(engine, "slot_epochs", None)),
    }
    values = tuple(one["seconds"] / trials for one in found)
    return Measurement(blank.name, blank.title, values, facts=facts)


def _difference(before: Any, after: Any) -> list[int] | None:
    """Used and computed epochs of slots between two readings of the engine's counter."""
    if before is None or after is None:
        return None
    return [int(b - a) for a, b in zip(before, after, strict=True)]


@contextmanager
def _clocked_report() -> Iterator[dict[str, float]]:
    """Clock the session's own call of ``write_report``, which has no clock in the session."""
    from benchmark import report

    found = {"seconds": 0.0}
    original = report.write_report

    def clocked(path: Any) -> Any:
        start = time.perf_counter()
        try:
            return original(path)
        finally:
            found["seconds"] += time.perf_counter() - start

    with mock.patch.object(report, "write_report", clocked):
        yield found
