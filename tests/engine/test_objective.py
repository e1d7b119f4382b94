"""Optimizers that take the objective: the vectorized engine against the sequential one."""

from collections.abc import Iterator

import keras
import numpy as np
import pytest

from benchmark.engine import SequentialEngine, VectorizedEngine
from benchmark.engine.tiles import Shape
from benchmark.optimizers import OPTIMIZERS, takes_objective
from benchmark.trial import ClosedFormProblem, Settings
from tests.engine.trials import make_trial, run, run_all

NAMES = [name for name in OPTIMIZERS if takes_objective(name)]
SMALL: dict[str, dict[str, float]] = {
    "nonlinear_conjugate_gradient": {"line_search_trials": 3},
    "lbfgs": {"memory": 2, "line_search_trials": 3},
    "newton_cg": {"cg_iterations": 3},
    "levenberg_marquardt": {"cg_iterations": 3, "damping": 0.5},
}
"""Short loops, which compile as fast as long ones but for the memory."""
RATES = {"sam": 0.05, "sophia": 0.02}
QUICK = ("steepest_descent",)
NAMED = [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in NAMES]


@pytest.fixture(scope="module")
def double() -> Iterator[None]:
    """Keras computing in float64."""
    policy = keras.config.dtype_policy()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy(policy)


def trial_of(number: int, name: str, **changes):
    rate = RATES.get(name, 1.0) / (number + 1)
    given = {"learning_rate": rate, "batch_size": 32, **SMALL.get(name, {})}
    return make_trial(number, name, hyperparameters=given, **changes)


def assert_agree(trials, **tolerance) -> None:
    vectorized, sequential = VectorizedEngine(4, shape=Shape(tiles=1, width=2)), SequentialEngine()
    together = run_all(vectorized, trials)
    for trial in trials:
        (result, reports), (expected, others) = together[trial.number], run(sequential, trial)
        assert (result.status, result.reason) == (expected.status, expected.reason)
        assert result.gradient_evaluations == expected.gradient_evaluations
        assert [report.gradient_evaluations for report in reports] == [
            report.gradient_evaluations for report in others
        ]
        for value, oracle in zip(result.weights, expected.weights, strict=True):
            np.testing.assert_allclose(value, oracle, **tolerance)


SHAPE = Shape(2, 2)


@pytest.mark.parametrize("name", NAMED)
def test_engines_agree_in_float64(double, name):
    # Iris has 90 training rows here: two mini-batches of 32 and one of 26, of its own shape.
    clipped = {"global_clipnorm": 0.5} if name == "sam" else {}
    trials = [trial_of(number, name, epochs=2) for number in range(2)]
    if clipped:
        trials = [
            make_trial(t.number, name, 2, hyperparameters={**t.hyperparameters, **clipped})
            for t in trials
        ]
    # Some hundred roundings of 1e-16, enlarged where a step divides by small numbers.
    assert_agree(trials, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize(
    ("name", "factor"),
    [
        ("steepest_descent", 2),
        pytest.param("polyak_step", 1, marks=pytest.mark.slow),
        pytest.param("sam", 2, marks=pytest.mark.slow),
    ],
)
def test_fixed_costs_are_counted(name, factor):
    result, reports = run(VectorizedEngine(4, shape=SHAPE), trial_of(0, name, epochs=2))
    assert result.gradient_evaluations == factor * result.step > 0
    assert [report.gradient_evaluations for report in reports] == [
        factor * report.step for report in reports
    ]


def test_a_closed_form_problem_is_solved_by_its_curvature():
    problem = ClosedFormProblem("quadratic", Settings(dimension=4, condition_number=100.0))
    given = {"learning_rate": 1.0, "radius": 1000.0, "forcing_term": 1e-6, "cg_iterations": 8}
    trials = [
        make_trial(
            number,
            "newton_cg",
            2,
            problem=problem,
            model="",
            model_options={},
            hyperparameters={**given, "learning_rate": 1.0 / (number + 1)},
        )
        for number in range(2)
    ]
    ended = run_all(VectorizedEngine(2), trials)
    losses = {n: [r.metrics["train_loss"] for r in reports] for n, (_, reports) in ended.items()}
    assert losses[0][1] < 1e-6 * losses[0][0]  # one Newton step, in float32
    # Half of a Newton step leaves a quarter of f; sums of float32.
    assert losses[1][1] == pytest.approx(losses[1][0] / 4, rel=1e-3)


@pytest.mark.slow
def test_models_with_state_keep_that_of_one_pass_a_step():
    trials = [
        trial_of(
            number,
            "sam",
            epochs=2,
            model="multilayer_perceptron",
            model_options={"hidden": (4,), "dropout": 0.25, "batch_normalization": True},
        )
        for number in range(2)
    ]
    # float32 sums in another order, in the ten steps of both.
    assert_agree(trials, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", NAMED)
def test_a_result_is_bitwise_the_same_beside_any_neighbours(name):
    alone = run(VectorizedEngine(4, shape=SHAPE), trial_of(1, name, epochs=2))[0]
    trials = [trial_of(number, name, epochs=2) for number in range(4)]
    beside = run_all(VectorizedEngine(4, shape=SHAPE), trials)[1][0]
    assert beside.gradient_evaluations == alone.gradient_evaluations
    for weights, other in zip(beside.weights, alone.weights, strict=True):
        np.testing.assert_array_equal(weights, other)


def test_random_sizes_of_mini_batches_are_trained_one_after_the_other():
    told: list[str] = []
    engine = VectorizedEngine(2, notify=told.append)
    result, _ = run(engine, trial_of(0, "steepest_descent", epochs=1, sampling="bernoulli"))
    assert result.gradient_evaluations == 2 * result.step
    assert any("Such trials are trained one after the other" in text for text in told)
