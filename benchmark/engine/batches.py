"""The mini-batches of a trial, and their cut into steps of one size for all trials.

A compiled program has fixed shapes, but trials differ in batch size and sampling. So a
program takes *micro-batches* of ``size`` rows; a mini-batch of b rows is ⌈b / size⌉ of
them, whose gradients are summed before the weights are updated. What is computed is the
gradient of the mean over exactly the rows of the mini-batch.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from benchmark.data import epoch_batches
from benchmark.engine.task import Array
from benchmark.optimizers import optimizer_entry
from benchmark.trial import Trial

DEFAULT_BATCH_SIZE = 32
MICRO_BATCH_ROWS = 32
FULL_BATCH_ROWS = 2048
CHUNK_STEPS = 64
"""Micro-batches handed to a compiled program at once; an epoch may have more or fewer."""
IDLE, ADD, UPDATE = 0, 1, 2
"""What a trial does in a step: nothing; add a gradient; add it and update the weights."""


def sampling_of(trial: Trial) -> str:
    """The sampling of a trial; some optimizers are defined for the full batch only."""
    if optimizer_entry(trial.optimizer).full_batch:
        return "full_batch"
    return str(trial.options.get("sampling", "shuffle"))


def batch_size_of(trial: Trial, rows: int) -> int:
    """The batch size of a trial on a training part of so many rows."""
    return int(trial.hyperparameters.get("batch_size", min(DEFAULT_BATCH_SIZE, rows)))


def batches_of(trial: Trial, rows: int, epoch: int) -> list[Array]:
    """The mini-batches of an epoch of a trial, as rows of the training part.

    Args:
        trial: what is trained.
        rows: of the training part.
        epoch: from 1.
    """
    size, seed = batch_size_of(trial, rows), trial.random_seed("batches")
    return list(epoch_batches(sampling_of(trial), rows, size, seed, epoch))


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """The micro-batches of one epoch of one trial.

    Args:
        rows: rows of the training part, int32 of shape (steps, size).
        shares: the share of each row in the mean over the mini-batch, times ``size``,
            float32 of the same shape; 0 where a micro-batch is not full. (Keras divides
            the weighted sum by ``size``.)
        kinds: ``IDLE``, ``ADD`` or ``UPDATE``, int32 of shape (steps,).
        updates: how often the weights are updated.
        samples: rows seen.
    """

    rows: Array
    shares: Array
    kinds: Array
    updates: int
    samples: int

    def __len__(self) -> int:
        return len(self.kinds)


def steps_of(trial: Trial, rows: int, epoch: int, size: int) -> Steps:
    """The micro-batches of an epoch of a trial.

    Args:
        trial: what is trained.
        rows: of the training part.
        epoch: from 1.
        size: rows of a micro-batch.

    Raises:
        ValueError: the batch size or the sampling is out of its range.
    """
    key = (sampling_of(trial), rows, batch_size_of(trial, rows), trial.random_seed("batches"))
    return _steps(*key, epoch, size)


@lru_cache(maxsize=64)  # trials of a study share their batches; an epoch is 4 to 8 bytes a row
def _steps(sampling: str, rows: int, batch_size: int, seed: int, epoch: int, size: int) -> Steps:
    batches = epoch_batches(sampling, rows, batch_size, seed, epoch)
    lengths = np.array([len(batch) for batch in batches])
    pieces = -(-lengths // size)
    total = int(pieces.sum())
    taken = np.zeros((total, size), np.int32)
    shares = np.zeros((total, size), np.float32)
    first = 0
    for batch, count in zip(batches, pieces, strict=True):
        # Padded with a row of the same batch, whose share is 0: any other row could have
        # an infinite loss, and 0 · inf is NaN.
        padded = np.full(count * size, batch[0], np.int32)
        padded[: len(batch)] = batch
        taken[first : first + count] = padded.reshape(count, size)
        shares[first : first + count].reshape(-1)[: len(batch)] = size / len(batch)
        first += count
    kinds = np.full(total, ADD, np.int32)
    kinds[np.cumsum(pieces) - 1] = UPDATE
    for array in (taken, shares, kinds):
        array.setflags(write=False)
    return Steps(taken, shares, kinds, len(batches), int(lengths.sum()))


@dataclass(frozen=True, slots=True, eq=False)
class Chunk:
    """Micro-batches of several trials side by side, as a compiled program takes them.

    Args:
        rows, shares, kinds: as in :class:`Steps`, of shape (length, slots, …).
        count: steps from the start that are not idle for all.
    """

    rows: Array
    shares: Array
    kinds: Array
    count: int


def together(steps: Mapping[int, Steps], slots: int, size: int, length: int) -> Iterator[Chunk]:
    """Lay the epochs of several trials side by side, cut into chunks of one length.

    Args:
        steps: the epoch of the trial in each taken slot.
        slots: how many the program has.
        size: rows of a micro-batch.
        length: steps of a chunk; the last one is filled up with ``IDLE``.

    Example:
        >>> one = _steps("shuffle", 5, 2, 0, 1, 2)     # batches of 2, 2 and 1 rows
        >>> other = _steps("full_batch", 5, 2, 0, 1, 2)     # one batch in three pieces
        >>> [chunk] = together({0: one, 2: other}, slots=3, size=2, length=4)
        >>> chunk.kinds.T.tolist(), chunk.count
        ([[2, 2, 2, 0], [0, 0, 0, 0], [1, 1, 2, 0]], 3)
        >>> chunk.shares[:, 0].tolist()     # of the mean over 2 rows, and over 1
        [[1.0, 1.0], [1.0, 1.0], [2.0, 0.0], [0.0, 0.0]]
    """
    longest = max(map(len, steps.values()), default=0)
    for first in range(0, longest, length):
        chunk = replace(idle(slots, size, length), count=min(length, longest - first))
        part = slice(first, first + length)
        for place, one in steps.items():
            count = len(one.kinds[part])
            chunk.rows[:count, place] = one.rows[part]
            chunk.shares[:count, place] = one.shares[part]
            chunk.kinds[:count, place] = one.kinds[part]
        yield chunk


def idle(slots: int, size: int, length: int) -> Chunk:
    """A chunk in which no trial does anything."""
    rows = np.zeros((length, slots, size), np.int32)
    shares = np.zeros((length, slots, size), np.float32)
    return Chunk(rows, shares, np.full((length, slots), IDLE, np.int32), 0)


def micro_batch_size(trial: Trial, rows: int) -> int:
    """Rows of a micro-batch for trials of this structure.

    Of digits networks on two CPU cores, micro-batches of 32 train batch sizes 32 and 128 in
    0.5 and 0.7 of the time that 16 take, and batch size 16 in 1.3 of it. A full batch is
    one update an epoch, so larger pieces are only faster.
    """
    largest = FULL_BATCH_ROWS if sampling_of(trial) == "full_batch" else MICRO_BATCH_ROWS
    return min(largest, rows)
