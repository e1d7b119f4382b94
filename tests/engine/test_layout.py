"""The shapes of pieces, by model, sampling and batch size."""

import pytest

from benchmark.engine.batches import Layout, layout_of, most_updates
from tests.engine.trials import make_trial

ROWS = 90


def trial_of(sampling: str, batch_size: int):
    hyperparameters = {"learning_rate": 0.1, "batch_size": batch_size}
    return make_trial(hyperparameters=hyperparameters, sampling=sampling)


@pytest.mark.parametrize(
    ("sampling", "batch_size", "changes", "layout"),
    [
        ("shuffle", 8, {}, Layout(32, False)),
        ("bernoulli", 64, {}, Layout(32, False)),
        ("full_batch", 8, {}, Layout(2048, False)),
        ("shuffle", 7, {"large": True}, Layout(8, True)),
        ("shuffle", 100, {"large": True}, Layout(128, True)),
        ("shuffle", 129, {"large": True}, Layout(128, False)),
        ("bernoulli", 32, {"large": True}, Layout(64, False)),
        ("with_replacement", 32, {"exact": True}, Layout(32, True, is_exact=True)),
        ("drop_remainder", 32, {"exact": True}, Layout(32, True, is_exact=True)),
        ("full_batch", 32, {"exact": True}, Layout(5000, True, is_exact=True)),
    ],
)
def test_the_layout_follows_model_and_batch_size(sampling, batch_size, changes, layout):
    assert layout_of(trial_of(sampling, batch_size), 5000, **changes) == layout


def test_random_sizes_are_refused_where_they_must_be_exact():
    with pytest.raises(NotImplementedError, match="Received the sampling 'bernoulli'"):
        layout_of(trial_of("bernoulli", 8), ROWS, exact=True)


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("sampling", ["shuffle", "bernoulli", "full_batch"])
def test_a_plan_has_room_for_a_mini_batch_of_all_rows(sampling, large):
    rows = 40_000
    layout = layout_of(trial_of(sampling, rows), rows, large=large)
    assert most_updates(layout, rows) * layout.size >= rows
