"""The learning rate of every update of a trial."""

import numpy as np

from benchmark.engine.batches import updates_of
from benchmark.engine.slots import Slot
from benchmark.engine.task import Array
from benchmark.optimizers.schedules import factors


def total_updates(slot: Slot, rows: int) -> int:
    """How often the weights of a trial are updated if it trains for all of its epochs.

    Args:
        slot: the trial.
        rows: of the training part.
    """
    return slot.trial.epochs * updates_of(slot.trial, rows)


def rates(slot: Slot, rows: int, first: int, count: int) -> Array:
    """Return the learning rates of some updates: learning_rate · schedule · plateau.

    They are computed in float64 and rounded once. What a plateau has brought so far holds
    for all of them, so they must be asked for epoch by epoch.

    Args:
        slot: the trial.
        rows: of the training part.
        first: index of the first update, from 0.
        count: of updates.

    Returns:
        A float32 array of shape (count,); NaN where the class of the optimizer takes no
        learning rate, which stays as it is then.
    """
    base = slot.base_learning_rate * slot.plateau.factor
    if slot.has_constant_rate:
        return np.full(count, base, np.float32)
    total = total_updates(slot, rows)
    updates = np.arange(first, first + count)
    return (base * factors(slot.schedule, updates, total, slot.schedule_parameters)).astype("f4")
