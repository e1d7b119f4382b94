"""The split into train, validation and test: exact sizes, stratified by class, seeded."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.data.cards import DatasetError

PARTS = ("train", "validation", "test")
"""The parts, in the order of every triple in this module."""


def part_sizes(samples: int, fractions: tuple[float, float, float]) -> tuple[int, int, int]:
    """Return how many rows each part gets, by the method of largest remainders.

    Part p gets ⌊n f_p⌋ rows, with n = ``samples`` and f = ``fractions``; the rows that are
    left over go one each to the largest remainders n f_p - ⌊n f_p⌋, earlier parts first.

    Args:
        samples: number of rows, n ≥ 3.
        fractions: shares of train, validation and test, each > 0, with sum 1.

    Returns:
        The sizes of train, validation and test; their sum is n.

    Raises:
        DatasetError: a share is not > 0, they do not add up to 1, or a part would be empty.

    Example:
        >>> part_sizes(1797, (0.6, 0.2, 0.2))
        (1078, 360, 359)
    """
    if not all(share > 0 for share in fractions) or abs(sum(fractions) - 1) > 1e-9:
        raise DatasetError(
            "the fractions of train, validation and test must be > 0 and have the sum 1. "
            f"Received {tuple(fractions)} at problem.split. Correct them."
        )
    # In exact decimal arithmetic: 0.29 * 100 would be 28.999999999999996.
    shares = [Fraction(repr(float(share))) for share in fractions]
    sizes = _largest_remainders([samples * share / sum(shares) for share in shares])
    if 0 in sizes:
        raise DatasetError(
            f"every part must have a row. Received {samples} rows with the fractions "
            f"{tuple(fractions)}, which leaves the {PARTS[sizes.index(0)]} part empty. "
            "Take a larger fraction for it."
        )
    return sizes[0], sizes[1], sizes[2]


def split_rows(
    samples: int,
    fractions: tuple[float, float, float],
    seed: int,
    labels: NDArray[Any] | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Draw which rows belong to train, validation and test.

    With ``labels``, every class is divided as nearly in the given fractions as the exact
    part sizes allow; a class of three rows or more is in every part, a smaller one in the
    training part, wherever the part has as many rows as there are classes.

    Args:
        samples: number of rows, n.
        fractions: shares of train, validation and test.
        seed: seed of the draw, ≥ 0.
        labels: the class of each row, shape (n,), or nothing for a plain random split.

    Returns:
        Three ascending int64 arrays that together hold 0 … n - 1 once each, with the
        sizes of :func:`part_sizes`.

    Raises:
        DatasetError: as :func:`part_sizes`.

    Example:
        >>> labels = np.repeat([0, 1], [10, 5])
        >>> train, validation, test = split_rows(15, (0.6, 0.2, 0.2), seed=0, labels=labels)
        >>> [np.bincount(labels[rows]).tolist() for rows in (train, validation, test)]
        [[6, 3], [2, 1], [2, 1]]
    """
    sizes = part_sizes(samples, fractions)
    random = np.random.default_rng(seed)
    classes = (
        np.zeros(samples, np.int64) if labels is None else np.unique(labels, return_inverse=True)[1]
    )
    counts = stratified_counts(np.bincount(classes), sizes)
    pieces: tuple[list[NDArray[np.int64]], ...] = ([], [], [])
    for label, row in enumerate(counts):
        members = random.permutation(np.flatnonzero(classes == label))
        for piece, rows in zip(pieces, np.split(members, np.cumsum(row)[:-1]), strict=True):
            piece.append(rows)
    train, validation, test = (np.sort(np.concatenate(piece)) for piece in pieces)
    return train, validation, test


def stratified_counts(classes: NDArray[np.int64], sizes: tuple[int, int, int]) -> NDArray[np.int64]:
    """Divide the rows of each class over parts of exact sizes.

    With n_c = ``classes`` and s_p = ``sizes``, the training part gets the numbers
    n_c s_train / n, rounded by largest remainders so that their sum is s_train; what is
    left of each class is divided between validation and test the same way. So every count
    is less than 2 away from n_c s_p / n, and the training part's less than 1. Last, cells
    that must not be empty (see :func:`split_rows`) are filled by exchanges that keep all sums.

    Args:
        classes: number of rows of each class, each >= 1, shape (k,).
        sizes: number of rows of each part; the same sum.

    Returns:
        int64 counts, shape (k, 3).

    Example:
        >>> stratified_counts(np.array([10, 5]), (9, 3, 3)).tolist()
        [[6, 2, 2], [3, 1, 1]]
    """
    train = _divide(classes, sizes[0])
    validation = _divide(classes - train, sizes[1])
    counts = np.column_stack([train, validation, classes - train - validation])
    needed = np.column_stack([classes >= 1, classes >= 3, classes >= 3]).astype(np.int64)
    for label, part in np.argwhere((needed > 0) & (counts == 0)):
        _fill(counts, needed, int(label), int(part))
    return counts


def _divide(rows: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """Choose ``size`` of all rows, in proportion to the rows of each class."""
    total = int(rows.sum())
    exact = [Fraction(int(count) * size, total) for count in rows]
    return np.array(_largest_remainders(exact), dtype=np.int64)


def _largest_remainders(exact: Sequence[Fraction]) -> list[int]:
    """Round numbers whose sum is whole to whole numbers of the same sum."""
    rounded = [int(number) for number in exact]
    by_remainder = sorted(range(len(exact)), key=lambda index: rounded[index] - exact[index])
    for index in by_remainder[: int(sum(exact)) - sum(rounded)]:
        rounded[index] += 1
    return rounded


def _fill(counts: NDArray[np.int64], needed: NDArray[np.int64], label: int, part: int) -> None:
    """Bring a row of the class into the part, against a row of the best provided class.

    Nothing is taken from a cell that needs its last row, so no other cell is emptied. A
    class of three rows or more without a row here has two in another part, and if the part
    has as many rows as there are classes, another class has two here: an exchange exists.
    """
    spare = counts - needed
    donor_part = int(np.argmax(spare[label]))
    donor_label = int(np.argmax(spare[:, part]))
    if spare[label, donor_part] > 0 and spare[donor_label, part] > 0:
        counts[label, donor_part] -= 1
        counts[label, part] += 1
        counts[donor_label, part] -= 1
        counts[donor_label, donor_part] += 1
