"""Which rows of the training part each mini-batch of an epoch holds."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from benchmark.errors import did_you_mean

Batches = list[NDArray[np.int64]]


def epoch_batches(sampling: str, samples: int, batch_size: int, seed: int, epoch: int) -> Batches:
    """Return the mini-batches of one epoch as rows of the training part.

    With n = ``samples`` and b = ``batch_size`` an epoch has ⌈n/b⌉ batches, except for
    ``full_batch``, which has one, and ``drop_remainder``, which has ⌊n/b⌋:

    - ``shuffle``: a new permutation each epoch, cut into batches; the last may be smaller.
    - ``drop_remainder``: the same without a last batch of fewer than b rows, whose rows are left
      out of that epoch.
    - ``round_robin``: one permutation for all epochs, cut the same way.
    - ``bernoulli``: each row is in a batch with probability b/n, independently of every
      other row and batch; an empty batch is drawn again. Batch sizes vary, with the mean
      b / (1 - (1 - b/n)ⁿ), which is b except for the smallest batches.
    - ``with_replacement``: b rows drawn independently and uniformly.
    - ``full_batch``: all n rows in order; b is not used.

    The result depends on the arguments alone.

    Args:
        sampling: one of ``SAMPLINGS``.
        samples: number of rows of the training part, n ≥ 1.
        batch_size: number of rows of a batch, 1 ≤ b ≤ n.
        seed: seed of the axis ``batches``, ≥ 0.
        epoch: index of the epoch, ≥ 0.

    Raises:
        ValueError: the sampling is unknown, or a number is out of its range.

    References:
        ``drop_remainder`` is how DeepOBS batches its data: Schneider, Balles, Hennig, 2019.
        Bernoulli sampling is the Poisson sampling of Abadi et al., Deep Learning with
        Differential Privacy, 2016, section 3.1; the difference between a new and a single
        permutation is studied in Mishchenko et al., Random Reshuffling: Simple Analysis
        with Vast Improvements, 2020.

    Example:
        >>> [len(rows) for rows in epoch_batches("shuffle", 10, 4, seed=1, epoch=0)]
        [4, 4, 2]
        >>> epoch_batches("full_batch", 3, 1, seed=1, epoch=0)
        [array([0, 1, 2])]
    """
    if sampling not in _SAMPLERS:
        raise ValueError(
            f"sampling must be one of {', '.join(_SAMPLERS)}. Received {sampling!r} at "
            f"training.batch_sampling.{did_you_mean(sampling, _SAMPLERS)}"
        )
    if not 1 <= batch_size <= samples and sampling != "full_batch":
        raise ValueError(
            f"batch_size must be >= 1 and <= {samples}, the number of training examples. "
            f"Received {batch_size}. Take a smaller batch or a larger training part."
        )
    if samples < 1 or seed < 0 or epoch < 0:
        raise ValueError(
            "samples must be >= 1, seed and epoch must be >= 0. "
            f"Received {samples}, {seed} and {epoch}."
        )
    return _SAMPLERS[sampling](samples, batch_size, seed, epoch)


def _shuffle(samples: int, batch_size: int, seed: int, epoch: int) -> Batches:
    return _cut(_generator(seed, epoch).permutation(samples), batch_size)


def _drop_remainder(samples: int, batch_size: int, seed: int, epoch: int) -> Batches:
    whole = samples - samples % batch_size
    return _cut(_generator(seed, epoch).permutation(samples)[:whole], batch_size)


def _round_robin(samples: int, batch_size: int, seed: int, epoch: int) -> Batches:  # noqa: ARG001
    return _cut(_generator(seed, 0).permutation(samples), batch_size)


def _bernoulli(samples: int, batch_size: int, seed: int, epoch: int) -> Batches:
    random, probability = _generator(seed, epoch), batch_size / samples
    batches: Batches = []
    while len(batches) < _steps(samples, batch_size):
        rows = np.flatnonzero(random.random(samples) < probability)
        if rows.size:  # the mean gradient over no rows is undefined
            batches.append(rows)
    return batches


def _with_replacement(samples: int, batch_size: int, seed: int, epoch: int) -> Batches:
    shape = (_steps(samples, batch_size), batch_size)
    return list(_generator(seed, epoch).integers(samples, size=shape))


def _full_batch(samples: int, batch_size: int, seed: int, epoch: int) -> Batches:  # noqa: ARG001
    return [np.arange(samples, dtype=np.int64)]


_SAMPLERS: dict[str, Callable[[int, int, int, int], Batches]] = {
    "shuffle": _shuffle,
    "drop_remainder": _drop_remainder,
    "round_robin": _round_robin,
    "bernoulli": _bernoulli,
    "with_replacement": _with_replacement,
    "full_batch": _full_batch,
}
SAMPLINGS = tuple(_SAMPLERS)
"""The names that ``sampling`` may have."""


def _generator(seed: int, epoch: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(epoch,)))


def _steps(samples: int, batch_size: int) -> int:
    return -(-samples // batch_size)


def _cut(order: NDArray[np.int64], batch_size: int) -> Batches:
    return [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
