"""The vectorized engine against the sequential one."""

import numpy as np
import pytest

from benchmark.engine import SequentialEngine, VectorizedEngine
from benchmark.engine.tiles import Shape
from benchmark.optimizers import CLIPPING, OPTIMIZERS, takes_objective
from benchmark.trial import (
    ClosedFormProblem,
    CurvatureRequest,
    Report,
    Settings,
    Status,
    TrialResult,
)
from tests.engine.trials import DIABETES, ENLARGING, SAMPLINGS, make_trial, run, run_all

Ended = tuple[TrialResult, list[Report]]
SHAPE = Shape(tiles=2, width=2)

# Both engines compute in float32 and add up in another order: some roundings of 6e-8 in
# each of some twenty steps, of numbers of order one.
RELATIVE, ABSOLUTE = 1e-5, 2e-6
# Those that take the objective have a test of their own, `test_objective`.
NAMES = [name for name in OPTIMIZERS if not takes_objective(name)]
# Those of `ENLARGING` are compared in float64 for each kind of clipping and of sampling, in
# `test_vectorized_agreement`, which says why.
STRUCTURES = [
    (optimizer, kind)
    for optimizer in NAMES
    for kind in ("", *CLIPPING)
    if optimizer not in ENLARGING
]
# One kind of clipping for some optimizers and one optimizer for each kind; the rest is slow, for
# in float64 all are compared in `test_vectorized_agreement`.
QUICK = {
    ("gradient_descent", "global_clipnorm"),
    ("momentum", "clipnorm"),
    ("momentum", "percentile_clipnorm"),
    ("sgd", "adaptive_clipnorm"),
    ("nesterov", "clipvalue"),
    ("adam", "global_clipnorm"),
}


@pytest.fixture(scope="module")
def sequential() -> SequentialEngine:
    """The oracle, one for all tests, so that each structure is compiled once."""
    return SequentialEngine()


@pytest.fixture(scope="module")
def vectorized() -> VectorizedEngine:
    """One engine for all tests; blocks of two tiles with two slots each."""
    return VectorizedEngine(capacity=6, shape=SHAPE)


def assert_close(ended: Ended, expected: Ended) -> None:
    result, reports = ended
    oracle, oracle_reports = expected
    assert (result.status, result.reason) == (oracle.status, oracle.reason)
    assert (result.epochs, result.step, result.samples) == (
        oracle.epochs,
        oracle.step,
        oracle.samples,
    )
    for report, other in zip(reports, oracle_reports, strict=True):
        assert (report.epoch, report.step, report.samples) == (
            other.epoch,
            other.step,
            other.samples,
        )
        assert report.status is other.status
        assert_metrics_close(report.metrics, other.metrics)
    assert_metrics_close(result.metrics, oracle.metrics)
    assert result.objective == pytest.approx(oracle.objective, rel=1e-5)
    assert_weights_close(result, oracle)


def assert_weights_close(result: TrialResult, expected: TrialResult) -> None:
    for weights, others in zip(result.weights, expected.weights, strict=True):
        np.testing.assert_allclose(weights, others, rtol=RELATIVE, atol=ABSOLUTE)


def assert_metrics_close(metrics: Settings, expected: Settings) -> None:
    assert list(metrics) == list(expected)
    values, others = list(metrics.values()), list(expected.values())
    np.testing.assert_allclose(values, others, rtol=RELATIVE, atol=ABSOLUTE)


@pytest.mark.parametrize(
    ("optimizer", "clipping"),
    [
        pytest.param(*case, marks=() if case in QUICK else pytest.mark.slow, id="-".join(case))
        for case in STRUCTURES
    ],
)
def test_every_step_equals_that_of_the_sequential_engine(
    sequential, vectorized, optimizer, clipping
):
    trials = []
    for number, (sampling, size) in enumerate(SAMPLINGS):
        hyperparameters = {"learning_rate": 0.05 * (number + 1), "batch_size": size}
        hyperparameters["fuzz"] = 0.1 * (number + 1)
        if clipping:
            scale = 20.0 if clipping == "percentile_clipnorm" else 0.01
            hyperparameters[clipping] = scale * (number + 1)
        if "beta_1" in OPTIMIZERS[optimizer].hyperparameters:
            # Where a gradient is hardly more than rounding, Adam divides it by its own size:
            # with the default ε of 1e-7 a rounding becomes a step of the learning rate.
            hyperparameters |= {"epsilon": 1e-3, "beta_1": 0.5 + 0.1 * number}
        trials.append(
            make_trial(number, optimizer, hyperparameters=hyperparameters, sampling=sampling)
        )
    together = run_all(vectorized, trials)
    for trial in trials:
        assert_close(together[trial.number], run(sequential, trial))


def test_steps_of_secants_equal_those_of_the_sequential_engine(sequential, vectorized):
    # Of the full gradient, for which the method is made, a few steps enlarge nothing.
    trials = [
        make_trial(
            number,
            "barzilai_borwein",
            4,
            sampling="full_batch",
            hyperparameters={"learning_rate": rate},
        )
        for number, rate in enumerate((0.05, 0.1, 0.2))
    ]
    together = run_all(vectorized, trials)
    for trial in trials:
        assert_close(together[trial.number], run(sequential, trial))


@pytest.mark.parametrize(
    "optimizer", ["momentum", pytest.param("keras:SGD", marks=pytest.mark.slow)]
)
def test_regularization_has_values_of_its_own_in_each_trial(sequential, vectorized, optimizer):
    before = None
    for rates in ((0.0, 0.01, 0.1), (0.3, 0.002, 0.05)):
        trials = [
            make_trial(
                number,
                optimizer,
                model="multilayer_perceptron",
                model_options={"hidden": (5,)},
                hyperparameters={"learning_rate": 0.1, "l1": rate, "l2": 0.2 - rate / 2}
                | {"weight_decay": rate / 3, "batch_size": 32},
            )
            for number, rate in enumerate(rates)
        ]
        together = run_all(vectorized, trials)
        compiled = vectorized.compilations
        assert before in (None, compiled)
        before = compiled
        for trial in trials[:2]:
            assert_close(together[trial.number], run(sequential, trial))


def test_the_full_batch_and_regression_equal_those_of_the_sequential_engine(sequential, vectorized):
    hyperparameters = {"learning_rate": 0.05, "momentum": 0.5}
    for number, sampling in enumerate(("full_batch", "shuffle")):
        trial = make_trial(
            number,
            "momentum",
            problem=DIABETES,
            hyperparameters=hyperparameters,
            sampling=sampling,
        )
        assert_close(run(vectorized, trial), run(sequential, trial))


def test_the_stopping_rule_ends_where_the_sequential_engine_ends(sequential, vectorized):
    trials = [
        make_trial(
            number,
            "gradient_descent",
            hyperparameters={"learning_rate": 0.5, "tolerance": tolerance, "global_clipnorm": 9.0},
            epochs=60,
            sampling="full_batch",
        )
        for number, tolerance in enumerate((0.2, 0.05, 0.1))
    ]
    together = run_all(vectorized, trials)
    for trial in trials:
        assert together[trial.number][0].status is Status.CONVERGED
        # The reason holds the update norm to three digits, which roundings may change.
        expected = run(sequential, trial)
        assert together[trial.number][0].epochs == expected[0].epochs < 60
        assert_weights_close(together[trial.number][0], expected[0])


@pytest.mark.parametrize(
    ("function", "options"),
    [
        ("quadratic", {"dimension": 5, "condition_number": 25.0}),
        ("rosenbrock", {}),
        # Also in `test_evaluation_weights`, with an optimizer that averages.
        pytest.param("noisy_quadratic", {}, marks=pytest.mark.slow),
    ],
)
def test_closed_form_problems_equal_those_of_the_sequential_engine(
    sequential, vectorized, function, options
):
    trials = [
        make_trial(
            number,
            "momentum",
            problem=ClosedFormProblem(function, Settings(options)),
            model="",
            model_options={},
            hyperparameters={"learning_rate": rate, "momentum": 0.5},
            epochs=5,
            objective="train_loss",
        )
        for number, rate in enumerate((1e-4, 5e-4))
    ]
    together = run_all(vectorized, trials)
    for trial in trials:
        assert_close(together[trial.number], run(sequential, trial))


def test_curvature_equals_that_of_the_sequential_engine(sequential, vectorized):
    hyperparameters = {"learning_rate": 0.1, "batch_size": 32}
    trial = make_trial(
        0, "sgd", hyperparameters=hyperparameters, curvature=CurvatureRequest(epochs=(0, 2))
    )
    _, reports = run(vectorized, trial)
    _, oracle = run(sequential, trial)
    assert [bool(report.curvature) for report in reports] == [True, False, True, False]
    for report, other in zip(reports, oracle, strict=True):
        # Taken at weights that differ by roundings of float32.
        np.testing.assert_allclose(report.spectrum, other.spectrum, rtol=1e-5, atol=1e-6)


def test_a_capacity_below_one_is_refused():
    with pytest.raises(ValueError, match=r"capacity must be >= 1\. Received 0"):
        VectorizedEngine(capacity=0)
