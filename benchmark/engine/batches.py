"""The mini-batches of a trial, the shapes in which programs take them, and epochs side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache

import numpy as np

from benchmark.data import epoch_batches
from benchmark.engine.task import Array
from benchmark.optimizers import optimizer_entry
from benchmark.trial import Trial

DEFAULT_BATCH_SIZE = 32


def sampling_of(trial: Trial) -> str:
    """The sampling of a trial; some optimizers are defined for the full batch only."""
    if optimizer_entry(trial.optimizer).full_batch:
        return "full_batch"
    return str(trial.options.get("sampling", "shuffle"))


def batch_size_of(trial: Trial, rows: int) -> int:
    """The batch size of a trial on a training part with a number of rows."""
    return int(trial.hyperparameters.get("batch_size", min(DEFAULT_BATCH_SIZE, rows)))


def updates_of(trial: Trial, rows: int) -> int:
    """How often the weights of a trial are updated in an epoch."""
    match sampling_of(trial):
        case "full_batch":
            return 1
        case "drop_remainder":
            return rows // batch_size_of(trial, rows)
    return -(-rows // batch_size_of(trial, rows))


def batches_of(trial: Trial, rows: int, epoch: int) -> list[Array]:
    """The mini-batches of an epoch of a trial, as rows of the training part.

    Args:
        trial: what is trained.
        rows: of the training part.
        epoch: from 1.
    """
    size, seed = batch_size_of(trial, rows), trial.random_seed("batches")
    return list(epoch_batches(sampling_of(trial), rows, size, seed, epoch))


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


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """The mini-batches of one epoch of one trial, in pieces.

    Args:
        rows: rows of the training part, int32 of shape (pieces, size). A piece that is not
            full holds its first rows again: any other row could have an infinite loss, and
            0 · ∞ is NaN.
        held: how many rows of each piece count, int32.
        shares: the share of a row in the mean over its mini-batch, times ``size``, for Keras
            divides the weighted sum by that; one number a piece.
        pieces: how many pieces each mini-batch has, int32.
        samples: rows seen.
    """

    rows: Array
    held: Array
    shares: Array
    pieces: Array
    samples: int

    @property
    def updates(self) -> int:
        """How often the weights are updated."""
        return len(self.pieces)


def steps_of(trial: Trial, rows: int, epoch: int, size: int) -> Steps:
    """The mini-batches of an epoch of a trial, in pieces.

    Args:
        trial: what is trained.
        rows: of the training part.
        epoch: from 1.
        size: rows of a piece.

    Raises:
        ValueError: the batch size or the sampling is out of its range.
    """
    key = (sampling_of(trial), rows, batch_size_of(trial, rows), trial.random_seed("batches"))
    return _steps(*key, epoch, size)


@lru_cache(maxsize=256)  # trials of a study share their batches; an epoch is 4 bytes a row
def _steps(sampling: str, rows: int, batch_size: int, seed: int, epoch: int, size: int) -> Steps:
    batches = epoch_batches(sampling, rows, batch_size, seed, epoch)
    lengths = np.array([len(batch) for batch in batches], np.int32)
    pieces = -(-lengths // size)
    total = int(pieces.sum())
    taken = np.empty((total, size), np.int32)
    first = 0
    for batch, count in zip(batches, pieces, strict=True):
        taken[first : first + count] = np.resize(batch, (count, size))
        first += count
    held = np.full(total, size, np.int32)
    held[np.cumsum(pieces) - 1] = lengths - (pieces - 1) * size
    shares = np.repeat(size / lengths, pieces)
    for array in (taken, held, shares, pieces):
        array.setflags(write=False)
    return Steps(taken, held, shares, pieces, int(lengths.sum()))


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What several trials do in some updates, side by side, as a compiled program takes it.

    Args:
        rows: int32 of shape (pieces, slots, size), as in :class:`Steps`.
        held: int32 of shape (pieces, slots).
        shares: of the same shape.
        active: whether a trial makes an update, of shape (updates, slots).
        rates: its learning rate then.
        ends: the first piece after those of each update, int32 of shape (updates,).
        count: how many updates, int32.
        tail_rows: a last mini-batch of a shape of its own, int32 of shape (slots, tail).
        tail_active: whether a trial makes an update on that, after the others.
        tail_rates: its learning rate then.
    """

    rows: Array
    held: Array
    shares: Array
    active: Array
    rates: Array
    ends: Array
    count: Array
    tail_rows: Array
    tail_active: Array
    tail_rates: Array

    @property
    def arrays(self) -> tuple[Array, ...]:
        """All of them, in the order above."""
        return tuple(getattr(self, field.name) for field in fields(self))


def together(
    steps: Mapping[int, Steps],
    rates: Mapping[int, Array],
    slots: int,
    layout: Layout,
    length: int,
    dtype: str = "float32",
) -> list[Plan]:
    """Lay the epochs of several trials side by side, cut into plans of one length.

    Args:
        steps: the epoch of the trial in each taken slot.
        rates: its learning rates, one an update.
        slots: how many there are.
        layout: shape of the pieces.
        length: most pieces of a plan.
        dtype: of shares and rates.

    Example:
        >>> pairs = _steps("shuffle", 5, 2, 0, 1, 2)     # batches of 2, 2 and 1 rows
        >>> whole = _steps("full_batch", 5, 2, 0, 1, 2)     # one batch in three pieces
        >>> rates = {0: np.full(3, 0.1), 2: np.full(1, 0.2)}
        >>> [plan] = together({0: pairs, 2: whole}, rates, 3, Layout(2, False), length=8)
        >>> plan.active.T[:, :3].tolist()
        [[True, True, True], [False, False, False], [True, False, False]]
        >>> plan.ends[:3].tolist(), int(plan.count)
        ([3, 4, 5], 3)
        >>> plan.held[:5].T.tolist()     # the first batch of the first trial has one piece
        [[2, 0, 0, 2, 1], [0, 0, 0, 0, 0], [2, 2, 1, 0, 0]]
    """
    # A tail comes after the loop of the last plan.
    inner = {slot: _inner(epoch, layout.tail) for slot, epoch in steps.items()}
    longest = max((epoch.updates for epoch in inner.values()), default=0)
    pieces = np.zeros((slots, longest), np.int32)
    for slot, epoch in inner.items():
        pieces[slot, : epoch.updates] = epoch.pieces
    starts = np.concatenate([[0], np.cumsum(pieces.max(axis=0, initial=0))])
    plans, first = [], 0
    while first < longest:
        fits = int(np.searchsorted(starts, starts[first] + length, side="right")) - 1
        last = max(min(fits, longest), first + 1)
        empty = idle(slots, layout, max(length, int(starts[last] - starts[first])), dtype)
        empty.count[...] = last - first
        empty.ends[: last - first] = starts[first + 1 : last + 1] - starts[first]
        for slot, epoch in inner.items():
            _fill(empty, slot, epoch, rates[slot], starts, first, last)
        plans.append(empty)
        first = last
    if layout.tail and steps:
        plans = plans or [idle(slots, layout, length, dtype)]
        for slot, epoch in steps.items():
            plans[-1].tail_rows[slot] = epoch.rows[-1, : layout.tail]
            plans[-1].tail_active[slot] = True
            plans[-1].tail_rates[slot] = rates[slot][epoch.updates - 1]
    return plans


def _inner(steps: Steps, tail: int) -> Steps:
    """The mini-batches without the one that has a shape of its own."""
    if not tail:
        return steps
    return Steps(
        steps.rows[:-1], steps.held[:-1], steps.shares[:-1], steps.pieces[:-1], steps.samples - tail
    )


def _fill(
    plan: Plan, slot: int, epoch: Steps, rates: Array, starts: Array, first: int, last: int
) -> None:
    last = min(last, epoch.updates)
    if last <= first:
        return
    plan.active[: last - first, slot] = True
    plan.rates[: last - first, slot] = rates[first:last]
    begins = np.concatenate([[0], np.cumsum(epoch.pieces)])
    taken = slice(begins[first], begins[last])
    within = np.arange(begins[first], begins[last]) - np.repeat(
        begins[first:last], epoch.pieces[first:last]
    )
    at = np.repeat(starts[first:last] - starts[first], epoch.pieces[first:last]) + within
    # Where others have more pieces, a row of the own batch that does not count.
    widths = starts[first + 1 : last + 1] - starts[first:last]
    filler = epoch.rows[begins[first:last], 0]
    plan.rows[: int(widths.sum()), slot] = np.repeat(filler, widths)[:, None]
    plan.rows[at, slot] = epoch.rows[taken]
    plan.held[at, slot] = epoch.held[taken]
    plan.shares[at, slot] = epoch.shares[taken]


def idle(slots: int, layout: Layout, length: int, dtype: str = "float32") -> Plan:
    """A plan in which no trial does anything."""
    return Plan(
        rows=np.zeros((length, slots, layout.size), np.int32),
        held=np.zeros((length, slots), np.int32),
        shares=np.zeros((length, slots), dtype),
        active=np.zeros((length, slots), bool),
        rates=np.zeros((length, slots), dtype),
        ends=np.zeros(length, np.int32),
        count=np.zeros((), np.int32),
        tail_rows=np.zeros((slots, layout.tail), np.int32),
        tail_active=np.zeros(slots, bool),
        tail_rates=np.zeros(slots, dtype),
    )


def side_by_side(plans: Sequence[Plan]) -> tuple[Array, ...]:
    """The arrays of the plans of several tiles, stacked along a new leading axis."""
    return tuple(np.stack(arrays) for arrays in zip(*(plan.arrays for plan in plans), strict=True))
