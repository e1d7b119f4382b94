"""An engine without a search, storage or tracking: trials made up front, driven to their ends.

In the clock: starting, training and evaluating every trial after each epoch (loss and metric on
the training and the validation part) and the final test. Out of it: imports, and a warm-up with
trials of the same structure, whose compile seconds are shown beside. The share of the machine's
rate counts the FLOPs of training alone over that whole clock; a second share counts those of
evaluating too.
"""

from dataclasses import replace
from typing import Any

from speed.flops import evaluation_flops, multiply_adds, training_flops
from speed.measurement import Measurement
from speed.ours.engines import Driven, close, drive, make_engine, warm_up
from speed.ours.names import name_of
from speed.workloads import (
    BATCH_SIZES,
    EPOCHS,
    WORKLOADS,
    Workload,
    arrays,
    made_up_trials,
    new_model,
)


def measure(
    *,
    workload: str,
    trials: int,
    repetitions: int,
    engine: str = "vectorized",
    capacity: int | None = None,
    workers: int | None = None,
    batch_sizes: tuple[int, ...] = BATCH_SIZES,
    epochs: int = EPOCHS,
    ends_only: bool = False,
) -> list[Measurement]:
    """Measure the seconds a trial.

    Args:
        workload: a name in ``WORKLOADS``.
        trials: trials of one repetition.
        repetitions: how often they are trained.
        engine: ``"sequential"`` or ``"vectorized"``.
        capacity: trials at once; the engine's own by default.
        workers: processes, each with an engine; nothing means this process.
        batch_sizes: what the batch sizes go round in.
        epochs: passes over the training part.
        ends_only: whether trials are evaluated at their start and end only, which is as much
            as a program does that evaluates none between.

    Raises:
        NotAvailableError: this version lacks the model or the workers.
    """
    from benchmark import backend

    chosen = WORKLOADS[workload]
    chosen.require()
    made_up = made_up_trials(chosen, trials, tuple(batch_sizes), epochs)
    if ends_only:
        made_up = [replace(trial, evaluation_epochs=()) for trial in made_up]
    built = make_engine(engine, capacity, workers)
    try:
        warming = warm_up(built, made_up)
        before = getattr(built, "compilations", None)
        driven = [drive(built, made_up) for _ in range(repetitions)]
        after = getattr(built, "compilations", None)
        facts = {
            "trials": trials,
            "repetitions": repetitions,
            "capacity": built.capacity,
            "workers": workers,
            "backend": backend.name(),
            "warm_up_seconds": warming.seconds,
            "compile_seconds": warming.clocks().get("compile", 0.0),
            "compiled_in_the_clock": None if before is None or after is None else after - before,
            **work(chosen, driven, epochs, evaluated=2 if ends_only else epochs + 1),
        }
    finally:
        close(built)
    where = f"{workers} workers" if workers else "one process"
    sizes = f"batch {batch_sizes[0]}" if len(batch_sizes) == 1 else "batches 16 to 128"
    sizes += ", evaluated at start and end" if ends_only else ""
    alone = "sequential engine" if engine == "sequential" else "engine alone"
    return [
        Measurement(
            name_of(
                engine,
                workload,
                backend.name(),
                workers,
                tuple(batch_sizes),
                ends_only=ends_only,
            ),
            f"ours, {alone}, {backend.name()}, {where}, {chosen.title}, {sizes}",
            tuple(one.seconds / trials for one in driven),
            facts=facts,
        )
    ]


def work(workload: Workload, driven: list[Driven], epochs: int, evaluated: int) -> dict[str, Any]:
    """What a trial of some repetitions took: FLOPs, and seconds by clock.

    Args:
        workload: the network.
        driven: the repetitions, of equally many trials.
        epochs: that each trial was to train.
        evaluated: how often each was evaluated before its final test.
    """
    data = arrays()
    sizes = (len(data.train.x), len(data.validation.x), len(data.test.x))
    per_sample = multiply_adds(new_model(workload))
    count = sum(len(one.results) for one in driven)
    trained = sum(one.epochs for one in driven)
    clocks: dict[str, float] = {}
    for one in driven:
        for clock, seconds in one.clocks().items():
            clocks[clock] = clocks.get(clock, 0.0) + seconds / count
    return {
        "epochs_trained": trained / (count * epochs),
        "multiply_adds": per_sample,
        "training_flops": training_flops(per_sample, sizes[0] * trained) / count,
        "evaluation_flops": evaluation_flops(per_sample, sizes, evaluated),
        "clocks": clocks,
    }
