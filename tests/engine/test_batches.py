"""Micro-batches: they hold exactly the rows of the mini-batches, with the weights of a mean."""

import numpy as np
import pytest

from benchmark.engine.batches import (
    ADD,
    IDLE,
    UPDATE,
    batches_of,
    micro_batch_size,
    steps_of,
    together,
)
from tests.engine.trials import make_trial

ROWS = 90


def trial_of(sampling: str, batch_size: int, number: int = 0):
    hyperparameters = {"learning_rate": 0.1, "batch_size": batch_size}
    return make_trial(number, hyperparameters=hyperparameters, sampling=sampling)


@pytest.mark.parametrize("size", [1, 8, 32])
@pytest.mark.parametrize("batch_size", [1, 7, 32, 90])
@pytest.mark.parametrize(
    "sampling", ["shuffle", "round_robin", "bernoulli", "with_replacement", "full_batch"]
)
def test_sums_over_micro_batches_are_the_means_over_mini_batches(sampling, batch_size, size):
    trial = trial_of(sampling, batch_size)
    values = np.random.default_rng(0).normal(size=ROWS)
    batches = batches_of(trial, ROWS, epoch=2)
    steps = steps_of(trial, ROWS, 2, size)
    means, total = [], 0.0
    for rows, shares, kind in zip(steps.rows, steps.shares, steps.kinds, strict=True):
        # What Keras does with sample weights: the weighted sum over the number of rows.
        total += float(np.mean(values[rows] * shares))
        if kind == UPDATE:
            means.append(total)
            total = 0.0
        else:
            assert kind == ADD
    assert total == 0.0
    assert (steps.updates, steps.samples) == (len(batches), sum(map(len, batches)))
    np.testing.assert_allclose(means, [values[rows].mean() for rows in batches], rtol=1e-6)


def test_empty_places_hold_a_row_of_their_own_batch():
    steps = steps_of(trial_of("shuffle", 32), ROWS, 1, 32)
    last = batches_of(trial_of("shuffle", 32), ROWS, 1)[-1]
    assert len(last) == 26
    assert set(steps.rows[-1]) == set(last)
    assert np.count_nonzero(steps.shares[-1]) == 26


def test_chunks_hold_every_step_of_every_trial_once():
    one = steps_of(trial_of("shuffle", 7), ROWS, 1, 16)
    other = steps_of(trial_of("with_replacement", 40), ROWS, 1, 16)
    chunks = list(together({0: one, 2: other}, slots=3, size=16, length=4))
    assert [chunk.count for chunk in chunks] == [4, 4, 4, 1]
    for place, steps in ((0, one), (2, other)):
        kinds = np.concatenate([chunk.kinds[:, place] for chunk in chunks])
        rows = np.concatenate([chunk.rows[:, place] for chunk in chunks])
        np.testing.assert_array_equal(kinds[: len(steps)], steps.kinds)
        np.testing.assert_array_equal(rows[: len(steps)], steps.rows)
        assert (kinds[len(steps) :] == IDLE).all()
    assert all((chunk.kinds[:, 1] == IDLE).all() for chunk in chunks)


def test_only_full_batches_come_in_large_pieces():
    assert micro_batch_size(trial_of("shuffle", 8), 5000) == 32
    assert micro_batch_size(trial_of("full_batch", 8), 5000) == 2048
    assert micro_batch_size(trial_of("shuffle", 8), 5) == 5
