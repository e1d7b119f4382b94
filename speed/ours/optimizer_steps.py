"""The vectorized step of every optimizer, against plain SGD on the same network.

In the clock: one compiled call that trains four trials of the digits MLP for some epochs of
batches of 32: gradients, step, and what keeps inactive slots as they are. Out of it: imports,
compiling, a first call. Calls of an optimizer and calls of SGD take turns, so that what else the
machine does meets both; a ratio is that of neighbouring calls.
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np

from benchmark.optimizers import OPTIMIZERS
from speed.measurement import Measurement
from speed.workloads import WORKLOADS, made_up_trials

PARTNER = "sgd"
WIDTH, BATCH_SIZE, EPOCHS = 4, 32, 3
SUMS = "gradient_descent sgd averaged_sgd momentum dampened_momentum nesterov polyak_step"
ADAPTIVE = "adagrad adadelta rmsprop adam amsgrad adamw nadam adamax radam adabelief yogi"
LIMITS = dict.fromkeys(SUMS.split(), 1.15) | dict.fromkeys(ADAPTIVE.split(), 1.5)
"""How many times as long as SGD's a step may take; Barzilai–Borwein's, whose step size is computed
from inner products of two stored vectors, has no limit."""


def measure(*, repetitions: int = 25, optimizers: Sequence[str] = ()) -> list[Measurement]:
    """Measure the seconds of one update of one trial, and count what an optimizer keeps."""
    from benchmark import backend

    names = list(optimizers or OPTIMIZERS)
    prepared = {name: _prepared(name) for name in dict.fromkeys([PARTNER, *names])}
    programs = [parts[0] for parts in prepared.values() if not isinstance(parts, str)]
    with ThreadPoolExecutor(backend.computing_threads()) as pool:
        list(pool.map(lambda program: program.warm_up(), programs))
    partner, measurements = prepared[PARTNER][1], []
    for name in names:
        title, key = f"{name}, {backend.name()}", f"optimizers/{backend.name()}/{name}"
        if isinstance(missing := prepared[name], str):
            measurements.append(Measurement(key, title, missing=missing))
            continue
        program, call, updates = prepared[name]
        call(), partner()
        seconds, ratios = [], []
        for _ in range(repetitions):
            first, middle, last = (_seconds(work) for work in (partner, call, partner))
            seconds.append(middle / (updates * WIDTH))
            ratios.append(2 * middle / (first + last))
        stored = sum(state.size for state in program.states if state.ndim)
        facts = {
            "ratios": ratios,
            "limit": LIMITS.get(name),
            "numbers_a_weight": float(stored / sum(weight.size for weight in program.weights)),
            "backend": backend.name(),
        }
        measurements.append(Measurement(key, title, seconds, "s/update", facts))
    return measurements


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _prepared(name: str) -> Any:
    """A program, a call of it, and the updates of a trial in one call; or why there is none."""
    from keras import ops

    from benchmark import backend
    from benchmark.engine.batches import Plan, layout_of, steps_of, together
    from benchmark.engine.programs import PROGRAMS
    from benchmark.engine.structure import optimizer_numbers
    from benchmark.engine.task import starting_state, starting_weights
    from benchmark.engine.tiles import Shape
    from benchmark.optimizers import AdaptationError

    trial, shape = _trial(name), Shape(tiles=1, width=WIDTH)
    shared = PROGRAMS.model(trial, shape)
    # The mini-batches of SGD also for what is meant for all examples: compared is the step.
    batches = _trial(PARTNER)
    layout = layout_of(batches, shared.rows, large=shared.is_large, exact=False)
    try:
        program = PROGRAMS.training(trial, shared, layout)
    except (AdaptationError, NotImplementedError) as error:
        return f"not measured: {error}"
    state = program.optimizer_state(optimizer_numbers(trial))
    parts = (starting_weights(shared.task, trial), state, starting_state(shared.task, trial))
    tensors = [[ops.convert_to_tensor(shape.repeated(x)) for x in part] for part in parts]
    rounds: list[list[Plan]] = []
    updates, slots = 0, range(WIDTH)
    for epoch in range(1, EPOCHS + 1):
        steps = steps_of(batches, shared.rows, epoch, layout.size)
        rates = np.full(steps.updates, np.nan, program.dtype)  # the optimizer's own
        each = dict.fromkeys(slots, steps), dict.fromkeys(slots, rates)
        plans = together(*each, WIDTH, layout, program.length, program.dtype)
        rounds += [[plan] for plan in plans]
        updates += steps.updates
    return program, lambda: backend.wait_for(program.train(tensors, 1, rounds)), updates


def _trial(name: str) -> Any:
    from benchmark.trial import Settings

    trial = made_up_trials(WORKLOADS["digits_mlp"], 1)[0]
    numbers = Settings(batch_size=BATCH_SIZE)
    return replace(trial, label=name, optimizer=name, hyperparameters=numbers, epochs=1)
