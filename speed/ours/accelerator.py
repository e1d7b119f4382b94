"""Digits trials on a GPU: how many a second at each capacity."""

from collections.abc import Sequence

from benchmark.errors import failure_reason
from speed.measurement import Measurement, NotAvailableError
from speed.ours.engine import drive, make_engine, warm_up
from speed.workloads import EPOCHS, WORKLOADS, made_up_trials


def measure(
    *,
    capacities: Sequence[int],
    any_device: bool = False,
    trials: int = 32,
    repetitions: int = 3,
    epochs: int = EPOCHS,
) -> list[Measurement]:
    """Measure trials a second at each capacity.

    Args:
        capacities: trials at once.
        any_device: whether a CPU will do.
        trials: of a repetition with one slot; more slots get two trials each, so that
            refilling slots is part of what is measured.
        repetitions: how often each capacity is measured.
        epochs: passes over the training part.

    Raises:
        NotAvailableError: the framework sees no accelerator.
    """
    from benchmark import backend

    device = backend.devices()[0]
    if device.startswith("cpu") and not any_device:
        raise NotAvailableError(
            f"--gpu needs a GPU that JAX can use. Received only {', '.join(backend.devices())}. "
            "Install the driver and pip install 'jax[cuda12]', or leave out --gpu."
        )
    measurements = []
    for capacity in capacities:
        count = trials if capacity == 1 else 2 * capacity
        made_up = made_up_trials(WORKLOADS["digits_mlp"], count, epochs=epochs)
        name = f"accelerator/capacity_{capacity}"
        title = f"engine alone on {device}, digits MLP, {capacity} at once"
        engine = make_engine("vectorized", capacity)
        try:
            facts = {"trials": count, "capacity": capacity, **warm_up(engine, made_up)}
            rates = tuple(count / drive(engine, made_up).seconds for _ in range(repetitions))
            measurement = Measurement(name, title, rates, "trials/s", facts)
        except Exception as error:  # out of memory at a large capacity: the others still count
            missing = f"failed: {failure_reason(error)}"
            measurement = Measurement(name, title, unit="trials/s", missing=missing)
        finally:
            engine.close()
        measurements.append(measurement)
    return measurements
