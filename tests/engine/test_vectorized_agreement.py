"""Step by step the vectorized engine does what the sequential one does: in float64 to rounding."""

from collections.abc import Iterator
from typing import TypedDict

import keras
import numpy as np
import pytest

from benchmark.engine import SequentialEngine, VectorizedEngine
from benchmark.engine.tiles import Shape
from benchmark.optimizers import CLIPPING, OPTIMIZERS, SCHEDULES, takes_objective
from tests.engine.trials import ENLARGING, SAMPLINGS, make_trial, run, run_all


class Tolerance(TypedDict):
    rtol: float
    atol: float


# A hundred roundings of 1e-16, which a step that divides by a small gradient enlarges.
TIGHT: Tolerance = {"rtol": 1e-10, "atol": 1e-12}
# Steps that enlarge roundings do so up to a hundred thousand times in the trials below: to 1e-11 of
# weights of order one, where float32 would leave 1e-3 to 1e-2.
ENLARGED: Tolerance = {"rtol": 1e-10, "atol": 1e-10}
# Both engines compute the gradient norm of a report in float32.
REPORTED: Tolerance = {"rtol": 2e-6, "atol": 1e-7}

# One for each kind of state: two and a count of steps, evaluated elsewhere, shared by all,
# and a class of Keras. The others bring nothing new to the engines, are compared in float32 by
# `test_vectorized`, or take long to compile: `test_matrix_optimizers` maps their rules alone.
QUICK = {"adam", "schedule_free_sgd", "dog", "keras:RMSprop"}
NAMES = [
    name if name in QUICK else pytest.param(name, marks=pytest.mark.slow)
    for name in (*OPTIMIZERS, "keras:RMSprop")
    if not takes_objective(name)  # those have a test of their own, `test_objective`
]


@pytest.fixture(scope="module")
def double() -> Iterator[None]:
    """Keras computing in float64."""
    policy = keras.config.dtype_policy()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy(policy)


@pytest.fixture(scope="module")
def sequential(double) -> SequentialEngine:
    return SequentialEngine()


@pytest.fixture(scope="module")
def vectorized(double) -> VectorizedEngine:
    return VectorizedEngine(capacity=6, shape=Shape(tiles=2, width=2))


def assert_agree(sequential, vectorized, trials, tolerance=TIGHT) -> None:
    together = run_all(vectorized, trials)
    alone, reports = run(vectorized, trials[-1])
    beside, beside_reports = together[trials[-1].number]
    assert reports == beside_reports
    for value, same in zip(alone.weights, beside.weights, strict=True):
        np.testing.assert_array_equal(value, same)
    for trial in trials:
        ended, expected = together[trial.number], run(sequential, trial)
        for value, oracle in zip(ended[0].weights, expected[0].weights, strict=True):
            assert value.dtype == "float64"
            np.testing.assert_allclose(value, oracle, **tolerance)
        for report, other in zip(ended[1], expected[1], strict=True):
            assert list(report.metrics) == list(other.metrics)
            np.testing.assert_allclose(
                list(report.metrics.values()), list(other.metrics.values()), **REPORTED
            )


@pytest.mark.parametrize("optimizer", NAMES)
def test_optimizers_agree_in_float64(sequential, vectorized, optimizer):
    clipping = ["", *CLIPPING][len(optimizer) % 4]
    trials = []
    for number, (sampling, size) in enumerate((("shuffle", 32), ("bernoulli", 16))):
        hyperparameters = {"learning_rate": 0.02 * (number + 1), "batch_size": size}
        hyperparameters |= {clipping: 0.05 * (number + 1)} if clipping else {}
        trials.append(
            make_trial(number, optimizer, hyperparameters=hyperparameters, sampling=sampling)
        )
    assert_agree(sequential, vectorized, trials)


@pytest.mark.parametrize(
    ("optimizer", "clipping"),
    [
        pytest.param(
            name,
            kind,
            marks=() if (name, kind) == ("barzilai_borwein", "") else pytest.mark.slow,
            id=f"{name}-{kind}",
        )
        for name in ENLARGING
        for kind in ("", *CLIPPING)
    ],
)
def test_steps_that_enlarge_roundings_agree_in_float64(sequential, vectorized, optimizer, clipping):
    trials = []
    for number, (sampling, size) in enumerate(SAMPLINGS):
        hyperparameters = {"learning_rate": 0.05 * (number + 1), "batch_size": size}
        scale = 20.0 if clipping == "percentile_clipnorm" else 0.01
        hyperparameters |= {clipping: scale * (number + 1)} if clipping else {}
        hyperparameters["fuzz"] = 0.1 * (number + 1)
        if "beta_1" in OPTIMIZERS[optimizer].hyperparameters:
            # SOAP divides by its own size what is only rounding, in directions without gradient.
            hyperparameters |= {"epsilon": 1e-3, "beta_1": 0.5 + 0.1 * number}
        trials.append(
            make_trial(number, optimizer, hyperparameters=hyperparameters, sampling=sampling)
        )
    assert_agree(sequential, vectorized, trials, ENLARGED)


def test_weight_decay_is_a_value_of_one_program(sequential, vectorized):
    usual = {"learning_rate": 0.05, "batch_size": 32}
    decays: tuple[dict[str, float], ...]
    decays = ({}, {"weight_decay": 0.004}, {"weight_decay": 4.0}, {"weight_decay": 0.0})
    trials = [
        make_trial(number, "adamw", hyperparameters=usual | decay)
        for number, decay in enumerate(decays)
    ]
    assert_agree(sequential, vectorized, trials[:2])
    before = vectorized.compilations
    assert_agree(sequential, vectorized, trials[2:])
    assert vectorized.compilations == before
    ends = [run(sequential, trial)[0].weights for trial in trials]
    sizes = [sum(np.abs(weight).sum() for weight in weights) for weights in ends]
    # Where a trial gives none, the default counts; and more decay means smaller weights.
    assert sizes[0] == sizes[1]
    assert sizes[2] < sizes[1] < sizes[3]


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_schedules_agree_in_float64_in_one_program(sequential, vectorized, schedule):
    trials = [
        make_trial(
            number,
            "momentum",
            4,
            hyperparameters={
                "learning_rate": 0.1 / (number + 1),
                "batch_size": 20 + number,
                "schedule_warmup": 0.1 * number,
            },
            schedule=schedule,
        )
        for number in range(2)
    ]
    before = vectorized.compilations
    assert_agree(sequential, vectorized, trials)
    # Rates are values: evaluating of 4 epochs and training are compiled at the first schedule.
    assert vectorized.compilations == before or schedule == next(iter(SCHEDULES))
