"""The shapes in which programs take mini-batches.

A compiled program has fixed shapes, but trials differ in batch size and sampling. So a
program takes *pieces* of ``size`` rows: a mini-batch is one piece, filled up with rows of
no weight, or the sum of several. What is computed is the gradient of the mean over exactly
the rows of the mini-batch.
"""

from dataclasses import dataclass

import numpy as np

from benchmark.engine.batches import batch_size_of, sampling_of
from benchmark.trial import Trial

SMALL_PIECE_ROWS = 32
"""Rows of a piece for small models: one program serves all batch sizes.

Of a digits network (four trials on one CPU core, JAX, 20 epochs) batch sizes 16, 32, 64 and
128 take 26, 13, 12 and 11 ms a trial so, and 15, 11, 10 and 9 ms in programs of their own.
But three more programs are compiled then, which about 1,000 trials earn back.
"""
PIECE_ROWS = (8, 16, 32, 64, 128)
"""Rows of a piece for large models: the fewest that hold a mini-batch, or the most.

There a step lasts, and products of 128 rows run at up to twice the rate of those of 32.
"""
FULL_BATCH_ROWS = 2048
LINE = 16
"""Numbers that a processor computes at once; rows come in multiples of it.

A compiler rounds the exponentials of what is left over in another way, so that the last trial
of a tile would differ from the others in the last bit.
"""
MOST_UPDATES = 256
"""Updates handed to a compiled program at once; an epoch may have more."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The shapes in which a program takes mini-batches; a part of the structure.

    Args:
        size: rows of a piece.
        is_single: whether each mini-batch is one piece; otherwise gradients are summed.
        tail: rows of the last mini-batch, where that has a shape of its own; 0 where it is
            a piece like the others.
        is_exact: whether every row of a piece counts, so that none needs a share.
    """

    size: int
    is_single: bool
    tail: int = 0
    is_exact: bool = False


def layout_of(trial: Trial, rows: int, *, large: bool = False, exact: bool = False) -> Layout:
    """The layout for the mini-batches of a trial.

    Args:
        trial: what is trained.
        rows: of the training part.
        large: whether the model is, see ``PIECE_ROWS``.
        exact: whether every mini-batch must be computed in its own shape: a model that
            takes statistics of the batch, or draws random numbers for it, sees no others;
            nor does an optimizer that takes the objective.

    Raises:
        NotImplementedError: ``exact``, with mini-batches whose sizes are random.

    Example:
        >>> from benchmark.trial import DatasetProblem, Settings
        >>> trial = Trial(0, "search", DatasetProblem("digits"), "linear", Settings(), "sgd",
        ...     "sgd", Settings(batch_size=100), Settings(), epochs=1, seed=0)
        >>> layout_of(trial, 1078)
        Layout(size=32, is_single=False, tail=0, is_exact=False)
        >>> layout_of(trial, 1078, large=True)
        Layout(size=128, is_single=True, tail=0, is_exact=False)
        >>> layout_of(trial, 1078, exact=True)
        Layout(size=100, is_single=True, tail=78, is_exact=True)
    """
    sampling = sampling_of(trial)
    batch_size = rows if sampling == "full_batch" else batch_size_of(trial, rows)
    if exact:
        if sampling == "bernoulli":
            raise NotImplementedError(
                "a model with batch statistics or random layers, and an optimizer that takes "
                "the objective, must have mini-batches of one size in the vectorized engine. "
                "Received the sampling 'bernoulli'."
            )
        has_tail = sampling in ("shuffle", "round_robin")
        return Layout(batch_size, True, rows % batch_size if has_tail else 0, is_exact=True)
    if sampling == "full_batch":
        return Layout(min(whole_lines(rows), FULL_BATCH_ROWS), rows <= FULL_BATCH_ROWS)
    if not large:
        return Layout(min(whole_lines(rows), SMALL_PIECE_ROWS), False)
    if sampling == "bernoulli":
        # Three standard deviations: hardly a batch needs a second piece.
        wanted = batch_size + 3 * int(np.ceil(np.sqrt(batch_size)))
        return Layout(_piece_rows(wanted), False)
    return Layout(_piece_rows(batch_size), batch_size <= PIECE_ROWS[-1])


def whole_lines(rows: int) -> int:
    """Round up to a multiple of ``LINE``."""
    return -(-rows // LINE) * LINE


def _piece_rows(batch_size: int) -> int:
    return next((size for size in PIECE_ROWS if size >= batch_size), PIECE_ROWS[-1])


def most_updates(layout: Layout, rows: int) -> int:
    """Updates that a plan has room for: those of an epoch, or ``MOST_UPDATES``."""
    least = layout.size if layout.is_exact or rows <= layout.size else layout.size // 2 + 1
    # A mini-batch is never cut between plans, and none has more rows than there are.
    return max(min(MOST_UPDATES, -(-rows // least)), -(-rows // layout.size))
