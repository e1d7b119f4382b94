"""Scheduled learning rates in the reference engine, against a NumPy loop."""

import math
from dataclasses import replace

import numpy as np
import pytest

from benchmark.data import epoch_batches, prepare
from benchmark.engine import SequentialEngine
from benchmark.engine.rates import rates, total_updates
from benchmark.engine.slots import Slot
from benchmark.engine.task import build_task, starting_weights
from benchmark.optimizers import SCHEDULES, Plateau
from benchmark.trial import Settings, Status
from tests.engine.trials import make_trial, run

ROWS = 90  # of the training part of iris


@pytest.fixture(scope="module")
def engine() -> SequentialEngine:
    """One engine for all tests, so that each structure is compiled once."""
    return SequentialEngine()


def scheduled(schedule, number=0, optimizer="momentum", epochs=4, **numbers):
    base = {"learning_rate": 0.2, "batch_size": 32}
    momentum = {"momentum": 0.9} if optimizer == "momentum" else {}
    trial = make_trial(number, optimizer, epochs, hyperparameters={**base, **momentum, **numbers})
    return replace(trial, options=Settings(trial.options, schedule=schedule))


def gradient(weights, x, y):
    logits = x @ weights[0] + weights[1]
    probabilities = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    probabilities[np.arange(len(y)), y] -= 1
    return [x.T @ probabilities / len(y), probabilities.mean(axis=0)]


def by_hand(trial, rate_of):
    """v = momentum · v + rate(t) · g, W −= v, in float64."""
    train, seed = prepare("iris").train, trial.random_seed("batches")
    weights = [w.astype("float64") for w in starting_weights(build_task(trial), trial)]
    velocity, step = [np.zeros_like(w) for w in weights], 0
    for epoch in range(1, trial.epochs + 1):
        for rows in epoch_batches("shuffle", ROWS, 32, seed, epoch):
            slopes = gradient(weights, train.x[rows].astype("float64"), train.y[rows])
            rate = rate_of(step, epoch)
            velocity = [0.9 * v + rate * g for v, g in zip(velocity, slopes, strict=True)]
            weights = [w - v for w, v in zip(weights, velocity, strict=True)]
            step += 1
    return weights


# Three updates in each of four epochs.
BY_HAND = {
    "constant": ({}, lambda _: 1.0),
    "cosine": ({"schedule_alpha": 0.1}, lambda t: 0.1 + 0.45 * (1 + math.cos(math.pi * t / 12))),
    "step": ({"schedule_decay_steps": 0.25}, lambda t: 0.1 ** (t // 3)),
    "polynomial": (
        {"schedule_warmup": 0.25},
        lambda t: (t + 1) / 3 if t < 3 else 1 - (t - 3) / 9,
    ),
}


@pytest.mark.parametrize("schedule", BY_HAND)
def test_scheduled_momentum_follows_a_numpy_loop(engine, schedule):
    numbers, factor = BY_HAND[schedule]
    trial = scheduled(schedule, **numbers)
    result, reports = run(engine, trial)
    expected = by_hand(trial, lambda t, _: 0.2 * factor(t))
    for trained, weights in zip(result.weights, expected, strict=True):
        # float32 over twelve updates.
        np.testing.assert_allclose(trained, weights, atol=1e-5)
    rates_seen = [report.metrics.get("learning_rate") for report in reports]
    if schedule == "constant":
        assert rates_seen == [None] * 5
    else:
        ends = [0.2 * factor(t) for t in (2, 5, 8, 11)]
        assert rates_seen[0] is None
        assert rates_seen[1:] == pytest.approx(ends, rel=1e-6)  # rounded to float32
        assert result.metrics["learning_rate"] == rates_seen[-1]


@pytest.mark.parametrize(
    "optimizer",
    [
        "momentum",
        "adam",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("sgd", "nesterov", "gradient_descent")
        ),
    ],
)
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_trial_is_the_same_after_others_of_other_schedules(engine, optimizer, schedule):
    """Neither a rate nor a plateau is left behind in a model that is used again."""
    trial = scheduled(schedule, 1, optimizer, epochs=2)
    first, _ = run(engine, trial)
    assert first.status is Status.COMPLETED, first.reason
    run(engine, scheduled("exponential", 2, optimizer, epochs=2))
    again, _ = run(engine, trial)
    assert first.metrics == again.metrics


def test_a_plateau_lowers_the_rate_of_the_epochs_that_follow(engine):
    """With a min_delta that no loss reaches, the rate falls after every second epoch."""
    numbers = {"schedule_patience": 2, "schedule_min_delta": 1e3, "schedule_factor": 0.5}
    trial = scheduled("reduce_on_plateau", epochs=6, **numbers)
    result, reports = run(engine, trial)
    # The first epoch is better than nothing; then two that are not.
    factors = {1: 1.0, 2: 1.0, 3: 1.0, 4: 0.5, 5: 0.5, 6: 0.25}
    learning_rates = [report.metrics["learning_rate"] for report in reports[1:]]
    assert learning_rates == pytest.approx([0.2 * factor for factor in factors.values()], rel=1e-6)
    expected = by_hand(trial, lambda _, epoch: 0.2 * factors[epoch])
    for weights, other in zip(result.weights, expected, strict=True):
        np.testing.assert_allclose(weights, other, atol=1e-5)  # float32 over 18 updates


def test_a_plateau_is_one_of_the_validation_loss():
    slot = Slot(scheduled("reduce_on_plateau", schedule_patience=1))
    slot.evaluate({"train_loss": 9.0, "validation_loss": 9.0, "update_norm": 0.0})
    assert slot.plateau == Plateau()  # the starting point is no epoch
    for epoch, (train, validation) in enumerate([(5.0, 5.0), (4.0, 6.0)], start=1):
        slot.epoch = epoch
        slot.evaluate({"train_loss": train, "validation_loss": validation, "update_norm": 1.0})
    assert slot.plateau == Plateau(0.1, 5.0, 0)


@pytest.mark.parametrize(
    ("sampling", "size", "updates"),
    [
        ("shuffle", 32, 3),
        ("drop_remainder", 32, 2),
        ("bernoulli", 45, 2),
        ("with_replacement", 90, 1),
        ("full_batch", 32, 1),
    ],
)
def test_total_updates_are_those_of_all_epochs(sampling, size, updates):
    numbers = {"learning_rate": 0.1, "batch_size": size}
    slot = Slot(make_trial(epochs=7, hyperparameters=numbers, sampling=sampling))
    drawn = sum(len(epoch_batches(sampling, ROWS, size, 1, epoch)) for epoch in range(1, 8))
    assert total_updates(slot, ROWS) == 7 * updates == drawn


def test_rates_are_rounded_once_to_float32():
    slot = Slot(scheduled("exponential"))
    rounded = rates(slot, ROWS, 3, 4)
    assert rounded.dtype == np.float32
    expected = [np.float32(0.2 * 0.01 ** (t / 12)) for t in range(3, 7)]
    # The float64 power may differ in its last place, and so its rounding.
    np.testing.assert_array_max_ulp(rounded, np.array(expected), maxulp=1)
    assert rates(Slot(scheduled("constant")), ROWS, 0, 2).tolist() == [np.float32(0.2)] * 2


def test_a_trial_of_an_unknown_schedule_fails_with_a_sentence(engine):
    result, reports = run(engine, scheduled("cosin"))
    assert reports[-1].status is Status.FAILED
    assert "Did you mean `cosine`" in result.reason
