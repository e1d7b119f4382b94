"""Trials are evaluated, kept and measured at the weights that their optimizer says."""

import numpy as np
import pytest

from benchmark.engine import SequentialEngine, VectorizedEngine
from benchmark.engine.tiles import Shape
from benchmark.optimizers import OPTIMIZERS, build_optimizer
from benchmark.problems import build_problem
from benchmark.trial import ClosedFormProblem, CurvatureRequest, Settings
from tests.engine.trials import make_trial, run, run_all

OPTIONS = {"dimension": 10, "samples": 200}
RATE = 0.03


@pytest.fixture(scope="module")
def engines():
    return SequentialEngine(), VectorizedEngine(capacity=4, shape=Shape(tiles=1, width=2))


def noisy(number, optimizer, epochs, **changes):
    hyperparameters = {"learning_rate": RATE, "batch_size": 4}
    if optimizer == "averaged_sgd":
        hyperparameters["averaging_power"] = 3.0
    return make_trial(
        number,
        optimizer,
        epochs,
        problem=ClosedFormProblem("noisy_quadratic", Settings(OPTIONS)),
        model="",
        model_options={},
        hyperparameters=hyperparameters,
        objective="train_loss",
        **changes,
    )


def test_the_average_ends_lower_than_the_iterates_on_a_noisy_problem(engines) -> None:
    problem = build_problem("noisy_quadratic", OPTIONS)
    trials = [noisy(n, name, 12) for n, name in enumerate(("sgd", "averaged_sgd"))]
    sequential, vectorized = engines
    together = run_all(vectorized, trials)
    excess = []
    for trial in trials:
        expected = run(sequential, trial)[0]
        for result in (together[trial.number][0], expected):
            [weights] = result.weights
            # What is reported is the loss at the weights that are kept, in float32.
            loss = problem.value(weights.astype("float32"), problem.data)
            assert result.objective == pytest.approx(float(np.mean(np.asarray(loss))), rel=1e-5)
            # DeepOBS's other 1000 draws, by the definition in float64.
            assert problem.test_data is not None
            offsets = weights.astype("float64") - problem.test_data.astype("float64")
            tested = np.sum(offsets @ problem.hessian(weights) * offsets, axis=1).mean() / 2
            assert result.metrics["test_loss"] == pytest.approx(tested, rel=1e-5)
        # Sums of float32 in another order, over 600 steps that contract.
        np.testing.assert_allclose(result.weights[0], weights, atol=1e-5)
        excess.append(expected.objective - problem.optimum)
    assert 0 < excess[1] < excess[0] / 3


def test_norm_of_the_update_and_curvature_are_those_of_the_judged_weights(engines) -> None:
    problem = build_problem("noisy_quadratic", OPTIONS)
    for engine in engines:
        request = CurvatureRequest(epochs=(1,))
        result, reports = run(engine, noisy(0, "averaged_sgd", 1, curvature=request))
        [weights] = result.weights
        way = np.linalg.norm(weights.astype("float64") - problem.start)
        assert reports[1].metrics["update_norm"] == pytest.approx(way, rel=1e-6)
        exact = (weights - problem.minimum) @ problem.hessian(weights)
        # The Hessian is constant; the gradient, and the exact step along it, are not.
        step = exact @ exact / (exact @ problem.hessian(weights) @ exact)
        assert reports[1].curvature["optimal_step"] == pytest.approx(step, rel=1e-4)


def test_what_is_evaluated_elsewhere_is_structure() -> None:
    evaluated = {"averaged_sgd", "schedule_free_sgd", "schedule_free_adamw", "dog"}
    separate = {name for name in OPTIMIZERS if build_optimizer(name).has_evaluation_weights}
    assert evaluated <= separate
    assert not {"sgd", "momentum", "nesterov", "adam", "prodigy"} & separate
