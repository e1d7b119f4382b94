"""Digits trials on a GPU: how many a second at each capacity, and how near memory's limit.

The bytes that a trial must move, at least, are counted from its network: in each step every
parameter and its momentum are read and written once (16 bytes a parameter in float32) and
the rows of the batch are read. Whatever else a program moves only makes it slower, so the
share is a lower bound of how busy the memory is. The bandwidth itself is measured with a
copy of a large array on the same device.
"""

import math
import time
from collections.abc import Sequence
from typing import Any

from benchmark.errors import failure_reason
from benchmark.trial import Trial
from speed.measurement import Measurement, NotAvailableError
from speed.ours.engines import close, drive, make_engine, warm_up
from speed.workloads import EPOCHS, WORKLOADS, made_up_trials, new_model

CAPACITIES = (1, 4, 16, 64, 256, 1024, 4096)
ROUNDS = 2
"""Trials a slot, so that refilling slots is part of what is measured."""
MOST_TRIALS_OF_FEW_SLOTS = 32
COPY_FLOATS = 2**26
COPIES = 10
"""Copies in a row, so that waiting for the last one is a small part of the clock."""
INPUTS = 64


def measure(
    *,
    any_device: bool = False,
    capacities: Sequence[int] = CAPACITIES,
    trials: int = MOST_TRIALS_OF_FEW_SLOTS,
    repetitions: int = 3,
    epochs: int = EPOCHS,
    copy_floats: int = COPY_FLOATS,
) -> list[Measurement]:
    """Measure trials a second at each capacity.

    Args:
        any_device: whether a CPU will do.
        capacities: trials at once.
        trials: of a repetition with one slot; more slots get ``ROUNDS`` trials each.
        repetitions: how often each capacity is measured.
        epochs: passes over the training part.
        copy_floats: size of the array that is copied.

    Raises:
        NotAvailableError: the framework sees no accelerator.
    """
    from benchmark import backend

    device = backend.devices()[0]
    if device.startswith("cpu") and not any_device:
        raise NotAvailableError(no_accelerator(backend.devices()))
    bandwidth = _bandwidth(copy_floats, repetitions)
    found = [
        Measurement(
            "accelerator/bandwidth",
            f"memory bandwidth of {device}, copy of {4 * copy_floats / 2**20:.0f} MiB",
            tuple(bandwidth),
            unit="GB/s",
        )
    ]
    for capacity in capacities:
        count = min(trials, MOST_TRIALS_OF_FEW_SLOTS) if capacity == 1 else ROUNDS * capacity
        made_up = made_up_trials(WORKLOADS["digits_mlp"], count, epochs=epochs)
        found.append(_capacity(device, capacity, made_up, repetitions, max(bandwidth)))
    return found


def no_accelerator(devices: Sequence[str]) -> str:
    """Say that there is no accelerator and what to do.

    Args:
        devices: what the framework sees.

    Example:
        >>> no_accelerator(["cpu:0"])
        "--gpu needs a GPU that JAX can use. Received only cpu:0. Install the driver and \
pip install 'jax[cuda12]', or leave out --gpu."
    """
    return (
        f"--gpu needs a GPU that JAX can use. Received only {', '.join(devices)}. "
        "Install the driver and pip install 'jax[cuda12]', or leave out --gpu."
    )


def least_bytes(parameters: int, steps: int, samples: int, inputs: int = INPUTS) -> int:
    """Bytes that training a trial with momentum must move at least, in float32.

    Args:
        parameters: P, of the network.
        steps: updates of the weights; each moves 16 P bytes.
        samples: rows seen; each is ``inputs`` numbers and a label of 4 bytes.
        inputs: numbers a row.

    Example:
        >>> least_bytes(parameters=10, steps=2, samples=3, inputs=4)
        380
    """
    return 16 * parameters * steps + 4 * (inputs + 1) * samples


def _capacity(
    device: str, capacity: int, made_up: list[Trial], repetitions: int, bandwidth: float
) -> Measurement:
    name = f"accelerator/capacity_{capacity}"
    title = f"engine alone on {device}, digits MLP, {capacity} at once"
    engine = make_engine("vectorized", capacity)
    try:
        warming = warm_up(engine, made_up)
        driven = [drive(engine, made_up) for _ in range(repetitions)]
    except Exception as error:  # out of memory at a large capacity: the others still count
        missing = f"failed: {failure_reason(error)}"
        return Measurement(name, title, unit="trials/s", missing=missing)
    finally:
        close(engine)
    results = driven[0].results
    parameters = sum(math.prod(v.shape) for v in new_model(_WORKLOAD).trainable_variables)
    moved = sum(least_bytes(parameters, one.step, one.samples) for one in results)
    rates = tuple(len(made_up) / one.seconds for one in driven)
    bytes_a_trial = moved / len(results)
    return Measurement(
        name,
        title,
        rates,
        unit="trials/s",
        facts={
            "trials": len(made_up),
            "repetitions": repetitions,
            "capacity": capacity,
            "compile_seconds": warming.clocks().get("compile", 0.0),
            "bytes": bytes_a_trial,
            "share_of_bandwidth": max(rates) * bytes_a_trial / (bandwidth * 1e9),
        },
    )


_WORKLOAD = WORKLOADS["digits_mlp"]


def _bandwidth(floats: int, repetitions: int) -> list[float]:
    """GB/s of ``y = -x``, which reads and writes every number once."""
    from keras import ops

    from benchmark import backend

    negate = backend.compile(lambda parameters: ops.negative(parameters[0]))
    x: Any = ops.ones((floats,), "float32")
    ops.convert_to_numpy(negate([x])[:1])
    rates = []
    for _ in range(max(repetitions, 5)):
        start = time.perf_counter()
        y = x
        for _ in range(COPIES):
            y = negate([y])
        # Fetching one number waits for all of it.
        ops.convert_to_numpy(y[:1])
        rates.append(COPIES * 8 * floats / (time.perf_counter() - start) / 1e9)
    return rates
