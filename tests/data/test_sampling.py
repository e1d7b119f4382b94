import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.data import SAMPLINGS, epoch_batches

sizes = st.integers(1, 200).flatmap(lambda n: st.tuples(st.just(n), st.integers(1, n)))
seeds = st.tuples(st.integers(0, 2**63), st.integers(0, 1000))


@given(sizes, seeds, st.sampled_from(SAMPLINGS))
def test_number_and_type_of_batches(
    size: tuple[int, int], seed: tuple[int, int], sampling: str
) -> None:
    samples, batch_size = size
    batches = epoch_batches(sampling, samples, batch_size, *seed)
    steps = {"full_batch": 1, "drop_remainder": samples // batch_size}.get(
        sampling, math.ceil(samples / batch_size)
    )
    assert len(batches) == steps
    for rows in batches:
        assert rows.dtype == np.int64
        assert len(rows) > 0
        assert 0 <= rows.min() <= rows.max() < samples


@given(sizes, seeds, st.sampled_from(["shuffle", "round_robin", "full_batch"]))
def test_every_row_once(size: tuple[int, int], seed: tuple[int, int], sampling: str) -> None:
    samples, batch_size = size
    batches = epoch_batches(sampling, samples, batch_size, *seed)
    assert sorted(np.concatenate(batches)) == list(range(samples))
    if sampling != "full_batch":
        assert all(len(rows) == batch_size for rows in batches[:-1])


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_result_depends_on_the_arguments_alone(sampling: str) -> None:
    def flat(seed: int, epoch: int) -> list[int]:
        return list(np.concatenate(epoch_batches(sampling, 100, 10, seed, epoch)))

    first = flat(1, 0)
    np.random.default_rng().random(10)
    assert flat(1, 0) == first
    same_in_every_epoch = sampling in ("round_robin", "full_batch")
    assert (flat(1, 1) == first) == same_in_every_epoch
    assert (flat(2, 0) == first) == (sampling == "full_batch")


def batches_by_hand(
    sampling: str, samples: int, size: int, seed: int, epoch: int
) -> list[list[int]]:
    """Each sampling as its definition says it, row by row, from the documented streams."""

    def stream(of_epoch: int) -> np.random.Generator:
        return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(of_epoch,)))

    steps = -(-samples // size)
    if sampling == "full_batch":
        return [list(range(samples))]
    if sampling == "drop_remainder":
        order = list(stream(epoch).permutation(samples))
        return [[order.pop(0) for _ in range(size)] for _ in range(samples // size)]
    if sampling in ("shuffle", "round_robin"):
        # One turn round all rows: in an order of this epoch, or in the one order of the trial.
        order = list(stream(epoch if sampling == "shuffle" else 0).permutation(samples))
        return [[order.pop(0) for _ in range(min(size, len(order)))] for _ in range(steps)]
    random = stream(epoch)
    if sampling == "with_replacement":
        return [[int(row) for row in random.integers(samples, size=size)] for _ in range(steps)]
    batches: list[list[int]] = []
    while len(batches) < steps:
        chosen = [row for row, draw in enumerate(random.random(samples)) if draw < size / samples]
        batches += [chosen] if chosen else []
    return batches


@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize(
    ("samples", "size", "epoch"), [(10, 3, 0), (10, 3, 4), (7, 7, 1), (9, 1, 2)]
)
def test_batches_are_those_drawn_by_hand(
    sampling: str, samples: int, size: int, epoch: int
) -> None:
    batches = epoch_batches(sampling, samples, size, 5, epoch)
    expected = batches_by_hand(sampling, samples, size, 5, epoch)
    assert [list(rows) for rows in batches] == expected


def test_bernoulli_counts_follow_the_binomial_law() -> None:
    batches = [
        rows for epoch in range(300) for rows in epoch_batches("bernoulli", 50, 10, 7, epoch)
    ]
    lengths = np.array([len(rows) for rows in batches])
    # 1,500 draws of Binomial(50, 0.2): mean 10 ± 0.073, variance 8 ± 0.29; four deviations.
    assert abs(lengths.mean() - 10) < 0.3
    assert abs(lengths.var() - 8) < 1.2
    share = np.bincount(np.concatenate(batches), minlength=50) / len(batches)
    # Each row: 0.2 ± 0.0103; five deviations, for 50 rows.
    assert np.abs(share - 0.2).max() < 0.052
    assert all(len(set(rows)) == len(rows) for rows in batches)


def test_bernoulli_never_gives_an_empty_batch() -> None:
    # A draw is empty with probability (1 - 1/20)^20 = 0.36.
    lengths = [
        len(rows) for epoch in range(50) for rows in epoch_batches("bernoulli", 20, 1, 3, epoch)
    ]
    assert min(lengths) == 1
    # Mean 1 / (1 - 0.95^20) = 1.559 with 1,000 draws of deviation about 0.73; four of them.
    assert abs(np.mean(lengths) - 1 / (1 - 0.95**20)) < 0.1


def test_with_replacement_is_uniform_and_repeats_rows() -> None:
    rows = np.concatenate(
        [np.concatenate(epoch_batches("with_replacement", 20, 10, 5, e)) for e in range(500)]
    )
    # 10,000 draws: 500 ± 21.8 a row; four and a half deviations, for 20 rows.
    assert np.abs(np.bincount(rows, minlength=20) - 500).max() < 98
    batches = epoch_batches("with_replacement", 20, 20, 5, 0)
    assert len(set(batches[0])) < 20


def test_shuffle_orders_are_uniform() -> None:
    orders = [tuple(np.concatenate(epoch_batches("shuffle", 3, 2, 11, e))) for e in range(1200)]
    _, counts = np.unique(orders, axis=0, return_counts=True)
    # Six orders, 200 ± 12.9 each; four and a half deviations.
    assert len(counts) == 6
    assert np.abs(counts - 200).max() < 58


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("shufle", 10, 2, 0, 0), "sampling must be one of .*Did you mean `shuffle`"),
        (("shuffle", 10, 11, 0, 0), "batch_size must be >= 1 and <= 10, .*Received 11"),
        (("shuffle", 10, 0, 0, 0), "batch_size must be >= 1"),
        (("full_batch", 0, 1, 0, 0), "samples must be >= 1"),
        (("shuffle", 10, 2, -1, 0), "seed and epoch must be >= 0"),
        (("shuffle", 10, 2, 0, -1), "seed and epoch must be >= 0"),
    ],
)
def test_wrong_arguments_are_refused(
    arguments: tuple[str, int, int, int, int], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        epoch_batches(*arguments)


def test_full_batch_ignores_the_batch_size() -> None:
    assert len(epoch_batches("full_batch", 10, 999, 0, 0)[0]) == 10
