"""What looking at the curvature adds to trials of quickstart: diagnoses, and monitoring.

The same trials are trained by the vectorized engine without and with it, in turns, after a first
turn that compiles both. Diagnoses cost the difference of the processor times of all threads:
training cancels, and however they are computed, together or beside training, they are counted.
Monitoring is a share of training by the clocks of the engine, as in ``summary.json``; the
difference of the processor times stands beside it.
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from speed.measurement import Measurement
from speed.ours.engine import clocks_of, drive, make_engine
from speed.workloads import BATCH_SIZES

SETTINGS = {
    "momentum": {"learning_rate": 0.05, "momentum": 0.9},
    "adam": {"learning_rate": 0.003, "beta_1": 0.9},
}
SHARED = {"global_clipnorm": 1.0, "fuzz": 0.1}
NETWORKS = {"quickstart": (64,), "wide": (512, 512)}
Seconds = dict[str, float]


def measure_diagnosis(*, replicates: int, repetitions: int) -> list[Measurement]:
    """Measure the processor time of all diagnoses, of 16 trials with three each in a full run."""
    from benchmark import backend

    trials = quickstart_trials("replicate", replicates, NETWORKS["quickstart"])
    pairs = _without_and_with(trials, repetitions)
    values = [observed["processor"] - plain["processor"] for plain, observed in pairs]
    count = sum(len(trial.curvature.epochs) for trial in trials)
    title = f"{count} diagnoses of quickstart, {backend.name()}, processor time of all threads"
    return [Measurement(f"curvature_diagnosis/{backend.name()}", title, values, "s")]


def measure_monitoring(*, replicates: int, repetitions: int) -> list[Measurement]:
    """Measure the share of training that monitoring every trial takes, in percent."""
    from benchmark import backend

    measurements = []
    for network, hidden in NETWORKS.items():
        trials = quickstart_trials("search", replicates, hidden)
        pairs = _without_and_with(trials, repetitions)
        values = [100 * observed["curvature"] / observed["train"] for _, observed in pairs]
        longer = [100 * (after["processor"] / before["processor"] - 1) for before, after in pairs]
        title = (
            f"monitoring the curvature of quickstart's trials, {backend.name()}, hidden {hidden}"
        )
        name, facts = f"curvature_monitoring/{network}/{backend.name()}", {"longer_percent": longer}
        measurements.append(Measurement(name, title, values, "% of training", facts))
    return measurements


def quickstart_trials(phase: Any, replicates: int, hidden: Sequence[int]) -> list[Any]:
    """Trials as quickstart asks for them in a phase: diagnosed replicates, or monitored ones."""
    from benchmark.search import build_trial, settings_of
    from benchmark.study.catalogue import catalogue
    from benchmark.study.loading import changed_study

    changes = [f"problem.model.hidden={list(hidden)}"]
    study = changed_study("quickstart", changes, catalogue()).study
    resolved = settings_of(study, "sparse_categorical_crossentropy", "accuracy")
    trials = []
    for number, label in enumerate(list(SETTINGS) * replicates):
        numbers = {**SHARED, **SETTINGS[label], "batch_size": BATCH_SIZES[number // 2 % 4]}
        more = {"phase": phase, "replicate": number}
        trials.append(build_trial(study, resolved, label, number, numbers, **more))
    return trials


def _without_and_with(trials: Sequence[Any], repetitions: int) -> list[tuple[Seconds, Seconds]]:
    """Seconds of trials that are trained without and with their curvature, in turns."""
    unobserved = [
        replace(trial, curvature=replace(trial.curvature, epochs=(), monitored_epochs=()))
        for trial in trials
    ]
    # The first pair compiles, and is not counted.
    return [(_seconds(unobserved), _seconds(trials)) for _ in range(repetitions + 1)][1:]


def _seconds(trials: Sequence[Any]) -> Seconds:
    engine, start = make_engine(learns=True), time.process_time()
    results = drive(engine, trials)[1]
    engine.close()
    return {**clocks_of(results), "processor": time.process_time() - start}
