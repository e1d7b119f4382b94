"""An engine without a search, storage or tracking: trials made up front, driven to their ends.

In the clock: starting, training and evaluating every trial after each epoch (loss and metric on
the training and the validation part) and the final test. Out of it: imports, and a warm-up with
trials of the same structure, whose compile seconds are shown beside.
"""

import time
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from benchmark.trial import Status, Trial, TrialResult
from speed.measurement import Measurement, NotAvailableError
from speed.workloads import (
    BATCH_SIZES,
    EPOCHS,
    WORKLOADS,
    arrays,
    made_up_trials,
    multiply_adds,
    new_model,
)


def make_engine(
    name: str = "vectorized",
    capacity: int | None = None,
    workers: int | None = None,
    *,
    learns: bool = False,
) -> Any:
    """Make an engine as ``study`` does, for a sampler or pruner that learns or not."""
    from benchmark import backend, distributed
    from benchmark.engine import EngineChoice

    choice = EngineChoice(name, capacity, workers)
    choice = choice.suited(learns=learns, device=backend.devices()[0])
    if workers is None:
        return choice.build()
    slots = choice.facts()["capacity"]
    return distributed.DistributedEngine(workers, slots, backend.name(), distributed.gpus())


def drive(engine: Any, trials: Sequence[Trial]) -> tuple[float, list[TrialResult]]:
    """Train trials to their own ends, as many at a time as the engine takes.

    Returns:
        Wall-clock seconds, and the result of every trial, of which none may fail.
    """
    waiting, running = deque(trials), 0
    results: list[TrialResult] = []
    start = time.perf_counter()
    while waiting or running:
        while waiting and running < engine.capacity:
            engine.start(waiting.popleft())
            running += 1
        for report in engine.advance():
            if report.status.is_final:
                results.append(engine.stop(report.trial_number, report.status, report.reason))
                running -= 1
    seconds = time.perf_counter() - start
    failed = [result.reason for result in results if result.status is Status.FAILED]
    if failed:
        raise RuntimeError(f"a measured trial must not fail. Received: {failed[0]}")
    return seconds, results


def clocks_of(results: Iterable[TrialResult]) -> Counter[str]:
    """Seconds of all trials by clock."""
    clocks: Counter[str] = Counter()
    for result in results:
        clocks.update(result.seconds)
    return clocks


def warm_up(engine: Any, trials: Sequence[Trial]) -> dict[str, float]:
    """Train one epoch of some trials, so that all programs are compiled; return what that took."""
    short = [replace(trial, epochs=1) for trial in trials[: max(engine.capacity, 4)]]
    return {"compile_seconds": clocks_of(drive(engine, short)[1])["compile"]}


def measure(
    *,
    workload: str,
    trials: int,
    repetitions: int,
    engine: str = "vectorized",
    capacity: int | None = None,
    workers: int | None = None,
    epochs: int = EPOCHS,
    ends_only: bool = False,
    needs_gpu: bool = False,
) -> list[Measurement]:
    """Measure the seconds of each trial.

    With ``ends_only``, batches have 32 rows and trials are evaluated at their start and end only,
    which is the work of a program that evaluates none between.
    """
    from benchmark import backend

    device = backend.devices()[0]
    if needs_gpu and device.startswith("cpu"):
        raise NotAvailableError(f"needs a GPU that {backend.name()} can use. Received {device}.")

    chosen, sizes = WORKLOADS[workload], (32,) if ends_only else BATCH_SIZES
    made_up = made_up_trials(chosen, trials, sizes, epochs)
    if ends_only:
        made_up = [replace(trial, evaluation_epochs=()) for trial in made_up]
    built = make_engine(engine, capacity, workers)
    try:
        facts = {"trials": trials, "capacity": built.capacity, **warm_up(built, made_up)}
        before = getattr(built, "compilations", None)
        runs = [drive(built, made_up) for _ in range(repetitions)]
        facts["compiled_in_the_clock"] = before and built.compilations - before
    finally:
        built.close()
    results = [result for _, run in runs for result in run]
    facts |= _work(new_model(chosen), results, epochs, evaluated=2 if ends_only else epochs + 1)
    alone = "engine alone" if engine == "vectorized" else "sequential engine"
    where = f"{workers} worker{'s' * (workers > 1)}" if workers else "one process"
    where += f" on {device}" * needs_gpu
    title = f"ours, {alone}, {backend.name()}, {where}, {chosen.title}"
    title += ", batch 32, evaluated at start and end" if ends_only else ""
    return [Measurement("", title, [seconds / trials for seconds, _ in runs], facts=facts)]


def _work(
    model: Any, results: Sequence[TrialResult], epochs: int, evaluated: int
) -> dict[str, Any]:
    """What a trial took: seconds by clock, and floating-point operations in products of matrices.

    The backward pass has two products for each of the forward pass, and so twice its operations.
    """
    data, operations = arrays(), 2 * multiply_adds(model)
    train, validation, test = (len(part.x) for part in (data.train, data.validation, data.test))
    count, trained = len(results), sum(result.epochs for result in results)
    return {
        "epochs_trained": trained / (count * epochs),
        "training_flops": 3 * operations * train * trained / count,
        "evaluation_flops": operations * (evaluated * (train + validation) + test),
        "clocks": {clock: seconds / count for clock, seconds in clocks_of(results).items()},
    }
