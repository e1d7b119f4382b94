"""A whole study by the real session: search, engine, records, Parquet, MLflow.

In the clock: all that ``study`` does from the first ``ask`` until MLflow (SQLite) has received
everything, the best model among it, and the run folder is complete. Out of it: imports, a warm-up
that compiles the study's program, and the report, in whose place an empty page is written.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

from benchmark.study.samplers import PRUNERS, SAMPLERS
from speed.measurement import Measurement
from speed.ours.engine import make_engine, warm_up
from speed.workloads import EPOCHS, WORKLOADS, made_up_trials, open_study, study_text


def measure(
    folder: Path,
    *,
    sizes: Sequence[int],
    repetitions: int = 1,
    repeated_up_to: int = 1,
    sampler: str = "random",
    pruner: str = "none",
    group: str = "whole_study",
) -> list[Measurement]:
    """Measure the seconds of each trial in studies of several sizes; large ones are run once."""
    chosen, measurements = WORKLOADS["digits_mlp"], []
    engine = make_engine(learns=SAMPLERS[sampler].learns or PRUNERS[pruner].stops)
    try:
        compiling = warm_up(engine, made_up_trials(chosen, max(engine.capacity, 4)))
        run_session(folder / "warm_up", study_text(chosen, 2, epochs=1), engine)
        for size in sizes:
            text = study_text(chosen, size, sampler=sampler, pruner=pruner)
            again = range(repetitions if size <= repeated_up_to else 1)
            runs = [run_session(folder / f"{size}_{i}", text, engine) for i in again]
            middle = sorted(runs, key=lambda run: run["seconds"])[len(runs) // 2]
            facts = {"trials": size, "capacity": engine.capacity, **compiling, **middle}
            title = f"ours, whole study of {size} trial{'s' * (size > 1)}, {sampler} sampler"
            title += f", {pruner} pruner" * (pruner != "none")
            name, values = f"{group}/{chosen.name}/{size}", [run["seconds"] / size for run in runs]
            measurements.append(Measurement(name, f"{title}, {chosen.title}", values, facts=facts))
    finally:
        engine.close()
    if len(measurements) > 2:
        measurements[-1].facts["growth"] = growth_of(measurements)
    return measurements


def run_session(folder: Path, text: str, engine: Any) -> dict[str, Any]:
    """Run one session to its end and return its seconds, and what it did in each trial."""
    from benchmark.session.session import Session, SessionSettings

    messages: list[str] = []
    store = f"sqlite:///{folder.absolute()}/mlflow.db"
    folder.mkdir(parents=True)
    settings = SessionSettings(folder, None, store, messages.append)
    session = Session.create(text, open_study(text), settings, None)
    ends: list[float] = []
    epochs: list[int] = []

    def trial_finished(result: Any, _: Any) -> None:
        ends.append(time.perf_counter())
        epochs.append(result.epochs)

    watch: Any = SimpleNamespace(trial_finished=trial_finished)
    compilations, slots = engine.compilations, engine.slot_epochs
    with mock.patch("benchmark.report.write_report", _empty_report):
        outcome = session.run([watch], lambda: False, engine)
    end, trials = time.perf_counter(), len(ends)
    statuses = dict(outcome.summary["by_status"])
    if not outcome.finished or outcome.unsent or "failed" in statuses:
        raise RuntimeError(
            "a measured study must be trained and tracked to its end. Received "
            f"{statuses}, unsent to MLflow: {outcome.unsent or 'nothing'}. {' '.join(messages)}"
        )
    clocks = {clock: value / trials for clock, value in outcome.summary["seconds"].items()}
    clocks["after the last trial"] = (end - ends[-1]) / trials
    used, computed = (b - a for a, b in zip(slots, engine.slot_epochs, strict=True))
    return {
        "seconds": outcome.elapsed,
        "clocks": clocks,
        "not_training": clocks["search"] + clocks["log"] + clocks["after the last trial"],
        "compiled_in_the_clock": engine.compilations - compilations,
        "empty_percent": 100 * (1 - used / computed),
        "epochs_trained": sum(epochs) / (trials * EPOCHS),
        "pruned": statuses.get("pruned", 0),
    }


def _empty_report(path: Path) -> Path:
    page = path / "report.html"
    page.write_text("", encoding="utf-8")
    return page


def growth_of(studies: Sequence[Measurement]) -> list[float] | None:
    """What a further trial costs in the last study, as a ratio to the second one's.

    The seconds of the first, a study of one trial, are what every study costs; they are taken off,
    for spread over few trials they would make the small study look dear. Nothing where what is left
    is not positive: the studies are too small for this machine's noise.
    """

    def marginal(study: Measurement) -> list[float]:
        trials = study.facts["trials"]
        return [(value * trials - studies[0].median) / (trials - 1) for value in study.values]

    lasts, bases = marginal(studies[-1]), marginal(studies[1])
    is_clear = min(lasts + bases) > 0
    return [last / base for last in lasts for base in bases] if is_clear else None
