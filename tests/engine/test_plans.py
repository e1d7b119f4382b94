"""Pieces: they hold exactly the rows of the mini-batches, with the weights of a mean."""

import numpy as np
import pytest

from benchmark.engine.batches import (
    Layout,
    batches_of,
    layout_of,
    most_updates,
    steps_of,
    together,
    updates_of,
)
from tests.engine.trials import make_trial

ROWS = 90
SAMPLINGS = [
    "shuffle",
    "drop_remainder",
    "round_robin",
    "bernoulli",
    "with_replacement",
    "full_batch",
]


def trial_of(sampling: str, batch_size: int, number: int = 0):
    hyperparameters = {"learning_rate": 0.1, "batch_size": batch_size}
    return make_trial(number, hyperparameters=hyperparameters, sampling=sampling)


def rates(*steps):
    return {place: np.arange(1.0, batches.updates + 1) for place, batches in enumerate(steps)}


@pytest.mark.parametrize("size", [1, 8, 32])
@pytest.mark.parametrize("batch_size", [1, 7, 32, 90])
@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_sums_over_pieces_are_the_means_over_mini_batches(sampling, batch_size, size):
    trial = trial_of(sampling, batch_size)
    values = np.random.default_rng(0).normal(size=ROWS)
    batches = batches_of(trial, ROWS, epoch=2)
    steps = steps_of(trial, ROWS, 2, size)
    counted = np.arange(size) < steps.held[:, None]
    # What Keras does with sample weights: the weighted sum over the number of rows.
    parts = np.mean(values[steps.rows] * counted * steps.shares[:, None], axis=1)
    ends = np.cumsum(steps.pieces)
    means = [parts[end - count : end].sum() for end, count in zip(ends, steps.pieces, strict=True)]
    np.testing.assert_allclose(means, [values[rows].mean() for rows in batches], rtol=1e-12)
    assert (steps.updates, steps.samples) == (len(batches), sum(map(len, batches)))
    assert updates_of(trial, ROWS) == len(batches)


def test_empty_places_hold_a_row_of_their_own_batch():
    steps = steps_of(trial_of("shuffle", 32), ROWS, 1, 32)
    last = batches_of(trial_of("shuffle", 32), ROWS, 1)[-1]
    assert steps.held[-1] == len(last) == 26
    assert list(steps.rows[-1][:26]) == list(last)
    assert set(steps.rows[-1]) == set(last)


@pytest.mark.parametrize("length", [4, 64])
def test_plans_hold_every_piece_of_every_trial_once(length):
    short = steps_of(trial_of("shuffle", 7), ROWS, 1, 16)
    other = steps_of(trial_of("with_replacement", 40), ROWS, 1, 16)
    plans = together({0: short, 2: other}, {0: rates(short)[0], 2: rates(other)[0]}, 3,
                     Layout(16, False), length)  # fmt: skip
    for place, steps in ((0, short), (2, other)):
        seen, due = [], []
        for plan in plans:
            assert plan.rows.shape == (length, 3, 16)
            begins = np.concatenate([[0], plan.ends])
            for update in range(int(plan.count)):
                if plan.active[update, place]:
                    due.append(plan.rates[update, place])
                for piece in range(begins[update], plan.ends[update]):
                    held = plan.held[piece, place]
                    seen += [(row, plan.shares[piece, place]) for row in plan.rows[piece, place]
                             ][:held]  # fmt: skip
        expected = [
            (row, share)
            for rows, held, share in zip(steps.rows, steps.held, steps.shares, strict=True)
            for row in rows[:held]
        ]
        assert [row for row, _ in seen] == [row for row, _ in expected]
        # Shares are rounded to float32 in a plan.
        np.testing.assert_allclose([s for _, s in seen], [s for _, s in expected], rtol=1e-7)
        np.testing.assert_array_equal(due, np.arange(1, steps.updates + 1))
    assert not any(plan.active[:, 1].any() or plan.held[:, 1].any() for plan in plans)


def test_a_piece_that_others_need_holds_rows_of_the_own_batch():
    """A row of another batch could have an infinite loss, and 0 · ∞ is NaN."""
    short = steps_of(trial_of("shuffle", 4), ROWS, 1, 4)
    other = steps_of(trial_of("with_replacement", 12), ROWS, 1, 4)
    [plan] = together({0: short, 1: other}, rates(short, other), 2, Layout(4, False), 64)
    assert plan.held[:3].tolist() == [[4, 4], [0, 4], [0, 4]]
    assert set(plan.rows[:3, 0].reshape(-1)) == set(batches_of(trial_of("shuffle", 4), ROWS, 1)[0])


def test_a_tail_is_apart_and_comes_last():
    layout = layout_of(trial_of("shuffle", 20), ROWS, exact=True)
    assert layout == Layout(20, True, tail=10, is_exact=True)
    steps = steps_of(trial_of("shuffle", 20), ROWS, 3, layout.size)
    plans = together({1: steps}, {1: np.arange(5.0)}, 2, layout, length=3)
    assert [int(plan.count) for plan in plans] == [3, 1]
    assert not plans[0].tail_active.any()
    assert plans[1].tail_active.tolist() == [False, True]
    last = batches_of(trial_of("shuffle", 20), ROWS, 3)[-1]
    assert plans[1].tail_rows[1].tolist() == last.tolist()
    assert plans[1].tail_rates[1] == 4.0


@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize("batch_size", [1, 30, 90])
def test_any_mini_batch_has_room_in_a_plan(sampling, batch_size):
    trial = trial_of(sampling, batch_size)
    for large in (False, True):
        layout = layout_of(trial, ROWS, large=large)
        steps = steps_of(trial, ROWS, 1, layout.size)
        length = most_updates(layout, ROWS)
        plans = together({0: steps}, rates(steps), 1, layout, length)
        assert {len(plan.rows) for plan in plans} == {length}
        assert sum(int(plan.count) for plan in plans) == steps.updates
