"""An engine without a search, storage or tracking: trials made up front, driven to their ends.

In the clock: starting, training and evaluating every trial after each epoch (loss and metric on
the training and the validation part) and the final test. Out of it: imports, and a warm-up with
trials of the same structure, whose compile seconds are shown beside. The share of the machine's
rate counts the FLOPs of training alone over that whole clock; a second share counts those of
evaluating too.
"""

import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from benchmark.trial import Status, Trial, TrialResult
from speed.measurement import Measurement, NotAvailableError
from speed.workloads import (
    BATCH_SIZES,
    EPOCHS,
    WORKLOADS,
    arrays,
    evaluation_flops,
    made_up_trials,
    multiply_adds,
    new_model,
    training_flops,
)


@dataclass(frozen=True, slots=True)
class Driven:
    """What driving an engine has cost: wall-clock seconds, and the results of every trial."""

    seconds: float
    results: tuple[TrialResult, ...]

    @property
    def epochs(self) -> int:
        """Epochs trained by all trials."""
        return sum(result.epochs for result in self.results)

    def clocks(self) -> dict[str, float]:
        """Seconds of all trials by clock."""
        total: Counter[str] = Counter()
        for result in self.results:
            total.update(result.seconds)
        return dict(total)


def make_engine(
    name: str, capacity: int | None = None, workers: int | None = None, *, learns: bool = False
) -> Any:
    """Make an engine as ``study`` does.

    Args:
        name: ``"sequential"`` or ``"vectorized"``.
        capacity: trials at once; by default as many as a study would take.
        workers: processes, each with an engine; nothing means this process.
        learns: whether the study's sampler or pruner looks at earlier trials.

    Raises:
        NotAvailableError: Ray, which starts the workers, is not installed.
    """
    from benchmark import backend, distributed
    from benchmark.engine import EngineChoice
    from benchmark.errors import UserError

    choice = EngineChoice(name, capacity, workers)
    choice = choice.suited(learns=learns, device=backend.devices()[0])
    if workers is None:
        return choice.build()
    try:
        distributed.check_ray()
    except UserError:
        raise NotAvailableError(
            "not installed: pip install 'kappabench[ray]' brings Ray, which starts the workers"
        ) from None
    slots = choice.facts()["capacity"]
    return distributed.DistributedEngine(workers, slots, backend.name(), distributed.gpus())


def drive(engine: Any, trials: Sequence[Trial]) -> Driven:
    """Train trials to their own ends, as many at a time as the engine takes.

    Raises:
        RuntimeError: a trial failed, so that the seconds would be those of nothing.
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
    return Driven(seconds, tuple(results))


def warm_up(engine: Any, trials: Sequence[Trial]) -> dict[str, float]:
    """Train one epoch of some trials, so that all programs are compiled; return what that took."""
    short = [replace(trial, epochs=1) for trial in trials[: max(engine.capacity, 4)]]
    driven = drive(engine, short)
    compiling = driven.clocks().get("compile", 0.0)
    return {"warm_up_seconds": driven.seconds, "compile_seconds": compiling}


def measure(
    *,
    workload: str,
    trials: int,
    repetitions: int,
    engine: str = "vectorized",
    capacity: int | None = None,
    workers: int | None = None,
    batch_sizes: Sequence[int] = BATCH_SIZES,
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
    """
    chosen = WORKLOADS[workload]
    made_up = made_up_trials(chosen, trials, batch_sizes, epochs)
    if ends_only:
        made_up = [replace(trial, evaluation_epochs=()) for trial in made_up]
    built = make_engine(engine, capacity, workers)
    try:
        facts = {"trials": trials, "capacity": built.capacity, **warm_up(built, made_up)}
        before = getattr(built, "compilations", None)
        driven = [drive(built, made_up) for _ in range(repetitions)]
        facts |= {"compiled_in_the_clock": None if before is None else built.compilations - before}
    finally:
        built.close()
    facts |= _work(new_model(chosen), driven, epochs, evaluated=2 if ends_only else epochs + 1)
    return [Measurement(values=tuple(run.seconds / trials for run in driven), facts=facts)]


def _work(model: Any, driven: list[Driven], epochs: int, evaluated: int) -> dict[str, Any]:
    """What a trial of some repetitions took: FLOPs, and seconds by clock."""
    data, per_sample = arrays(), multiply_adds(model)
    sizes = [len(part.x) for part in (data.train, data.validation, data.test)]
    count = sum(len(run.results) for run in driven)
    trained = sum(run.epochs for run in driven)
    clocks: Counter[str] = Counter()
    for run in driven:
        clocks.update(run.clocks())
    return {
        "epochs_trained": trained / (count * epochs),
        "training_flops": training_flops(per_sample, sizes[0] * trained) / count,
        "evaluation_flops": evaluation_flops(per_sample, sizes, evaluated),
        "clocks": {clock: seconds / count for clock, seconds in clocks.items()},
    }
