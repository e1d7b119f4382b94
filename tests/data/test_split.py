from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.data import DatasetError, part_sizes, split_rows
from benchmark.data.split import stratified_counts

shares = st.tuples(*[st.integers(1, 98)] * 3).map(lambda w: tuple(v / sum(w) for v in w))


@given(st.integers(3, 5000), shares)
def test_sizes_are_the_nearest_whole_numbers(
    samples: int, fractions: tuple[float, float, float]
) -> None:
    exact = [samples * share for share in fractions]
    try:
        sizes = part_sizes(samples, fractions)
    except DatasetError:
        assert min(exact) < 1
        return
    assert sum(sizes) == samples
    assert all(abs(size - want) < 1 + 1e-6 for size, want in zip(sizes, exact, strict=True))


@pytest.mark.parametrize(
    ("samples", "fractions", "sizes"),
    [
        (1797, (0.6, 0.2, 0.2), (1078, 360, 359)),
        (150, (0.6, 0.2, 0.2), (90, 30, 30)),
        (100, (0.29, 0.57, 0.14), (29, 57, 14)),  # 0.29 * 100 < 29 in floating point
        (3, (1 / 3, 1 / 3, 1 / 3), (1, 1, 1)),
    ],
)
def test_sizes_by_hand(
    samples: int, fractions: tuple[float, float, float], sizes: tuple[int, int, int]
) -> None:
    assert part_sizes(samples, fractions) == sizes


@pytest.mark.parametrize(
    ("samples", "fractions", "message"),
    [
        (10, (0.98, 0.01, 0.01), "leaves the validation part empty"),
        (10, (0.5, 0.5, 0.0), "must be > 0 and have the sum 1"),
        (10, (0.5, 0.2, 0.2), r"Received \(0.5, 0.2, 0.2\)"),
        (10, (1.2, -0.1, -0.1), "must be > 0"),
        (10, (float("nan"), 0.5, 0.5), "must be > 0"),
    ],
)
def test_impossible_fractions_are_refused(
    samples: int, fractions: tuple[float, float, float], message: str
) -> None:
    with pytest.raises(DatasetError, match=message):
        part_sizes(samples, fractions)


@given(st.lists(st.integers(1, 60), min_size=1, max_size=12), shares)
@settings(max_examples=200)
def test_counts_keep_sums_and_reach_every_part(
    classes: list[int], fractions: tuple[float, float, float]
) -> None:
    samples = sum(classes)
    if samples < 3 or min(fractions) * samples < 1:
        return
    sizes = part_sizes(samples, fractions)
    counts = stratified_counts(np.array(classes), sizes)
    np.testing.assert_array_equal(counts.sum(1), classes)
    np.testing.assert_array_equal(counts.sum(0), sizes)
    assert counts.min() >= 0
    for part, size in enumerate(sizes):
        if size >= len(classes):
            enough = np.array(classes) >= (1 if part == 0 else 3)
            assert (counts[enough, part] >= 1).all()


@given(st.lists(st.integers(30, 90), min_size=2, max_size=10))
def test_counts_are_near_the_proportional_ones(classes: list[int]) -> None:
    samples = sum(classes)
    sizes = part_sizes(samples, (0.6, 0.2, 0.2))
    difference = np.abs(
        stratified_counts(np.array(classes), sizes) - np.outer(classes, sizes) / samples
    ).max(0)
    # Rounding twice: validation and test share what the training part's rounding left.
    shared = max(sizes[1:]) / sum(sizes[1:])
    assert (difference < [1, 1 + shared, 1 + shared]).all()


@given(st.lists(st.integers(3, 20), min_size=1, max_size=5), st.integers(0, 2**32))
def test_every_row_is_in_exactly_one_part(classes: list[int], seed: int) -> None:
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(classes)), classes))
    parts = split_rows(len(labels), (0.5, 0.25, 0.25), seed, labels)
    assert tuple(map(len, parts)) == part_sizes(len(labels), (0.5, 0.25, 0.25))
    assert sorted(np.concatenate(parts)) == list(range(len(labels)))
    for rows in parts:
        assert rows.dtype == np.int64
        assert all(a < b for a, b in pairwise(rows))


def test_seed_decides_the_split() -> None:
    labels = np.repeat([0, 1, 2], 50)
    first, again, reseeded = (split_rows(150, (0.6, 0.2, 0.2), seed, labels) for seed in (1, 1, 2))
    for a, b, c in zip(first, again, reseeded, strict=True):
        np.testing.assert_array_equal(a, b)
        assert not np.array_equal(a, c)


@pytest.mark.parametrize("labels", [None, np.repeat([0, 1], [20, 10])])
def test_every_row_is_as_likely_to_be_tested(labels: np.ndarray | None) -> None:
    hits = np.zeros(30)
    for seed in range(600):
        hits[split_rows(30, (0.6, 0.2, 0.2), seed, labels)[2]] += 1
    # Binomial(600, 0.2) has the deviation 9.8; 4.5 of them are passed once in 5,000 runs of
    # 30 rows, and the seeds are fixed.
    assert np.abs(hits - 120).max() < 44


def test_labels_may_be_words() -> None:
    labels = np.array(["b", "a", "b", "a", "b", "a"])
    parts = split_rows(6, (1 / 3, 1 / 3, 1 / 3), 0, labels)
    assert [sorted(labels[rows]) for rows in parts] == [["a", "b"]] * 3
